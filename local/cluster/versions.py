"""Objects and their versions: what is stored, what changes, and how copies are made."""

import json
import marshal
import sys
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

type Object = dict[str, Any]
type EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Event(NamedTuple):
    """A change for a subscriber; `object` is the subscriber's own copy."""

    type: EventType
    resource: str
    object: Object


class Stored:
    """One version of one object. `object` is shared and must not be changed."""

    __slots__ = ("_head", "_item", "_labels", "_object", "name", "namespace", "version")

    def __init__(self, obj: Object, version: int) -> None:
        self.name = str(obj["metadata"]["name"])
        # "" for what has none.
        self.namespace = str(obj["metadata"].get("namespace", ""))
        self.version = version
        self._object: Object | None = obj
        self._item: bytes | None = None
        self._head = b""
        self._labels: dict[str, str] = {}

    @property
    def object(self) -> Object:
        """Return the object; after `rest` it is parsed from its JSON each time."""
        if self._object is None:
            read: Object = json.loads(self.body)
            return read
        return self._object

    @property
    def labels(self) -> dict[str, str]:
        """Return metadata.labels."""
        return self._labels if self._object is None else self._object["metadata"].get("labels") or {}

    def rest(self) -> None:
        """Keep only the JSON and the labels, a quarter of the memory, since the object may not be read again."""
        if self._object is None:
            return
        self._labels = {sys.intern(str(key)): sys.intern(str(value)) for key, value in self.labels.items()}
        self._head, self._item = _shared(self._heading()), self.item
        self._object = None

    @property
    def item(self) -> bytes:
        """Return the object's JSON, made once, without apiVersion and kind, which items of a list do not have."""
        if self._item is None:
            obj = self.object
            bare = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind"}}
            self._item = json.dumps(bare, separators=(",", ":")).encode()
        return self._item

    @property
    def body(self) -> bytes:
        """Return the object as JSON."""
        return (self._head or self._heading()) + self.item[1:]

    def _heading(self) -> bytes:
        return f'{{"kind":"{self.object["kind"]}","apiVersion":"{self.object["apiVersion"]}",'.encode()


@dataclass(frozen=True)
class Change:
    """A write, as watches see it: its version, the new object, and the previous one."""

    type: EventType
    resource: str
    stored: Stored
    previous: Stored | None


def copied[T](value: T) -> T:
    """Copy JSON data. marshal is many times faster than copy.deepcopy, and shares the keys."""
    copy: T = marshal.loads(marshal.dumps(value))  # type: ignore[arg-type]  # noqa: S302 - JSON data, written one call ago
    return copy


_HEADINGS: dict[bytes, bytes] = {}


def _shared(heading: bytes) -> bytes:
    """Return the shared copy of a heading; there is one for each kind."""
    return _HEADINGS.setdefault(heading, heading)
