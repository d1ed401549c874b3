"""Objects and their versions: what is stored, what changes, and how copies are made."""

import json
import marshal
import sys
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

type Object = dict[str, Any]
type EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Event(NamedTuple):
    """What a subscriber gets; `object` is the subscriber's own copy."""

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
        """Give the object; of one at rest it is read from its JSON each time."""
        if self._object is None:
            read: Object = json.loads(self.body)
            return read
        return self._object

    @property
    def labels(self) -> dict[str, str]:
        """Give metadata.labels."""
        return self._labels if self._object is None else self._object["metadata"].get("labels") or {}

    def rest(self) -> None:
        """Keep the JSON and the labels alone, a quarter of what an object takes that nobody may ask for again."""
        if self._object is None:
            return
        self._labels = {sys.intern(str(key)): sys.intern(str(value)) for key, value in self.labels.items()}
        self._head, self._item = _shared(self._heading()), self.item
        self._object = None

    @property
    def item(self) -> bytes:
        """Give the object as JSON, made once, without the apiVersion and kind that items of a list do not have."""
        if self._item is None:
            obj = self.object
            bare = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind"}}
            self._item = json.dumps(bare, separators=(",", ":")).encode()
        return self._item

    @property
    def body(self) -> bytes:
        """Give the object as JSON."""
        return (self._head or self._heading()) + self.item[1:]

    def _heading(self) -> bytes:
        return f'{{"kind":"{self.object["kind"]}","apiVersion":"{self.object["apiVersion"]}",'.encode()


@dataclass(frozen=True)
class Change:
    """A write, as watches see it: the version it made, what it put there, and what stood there before."""

    type: EventType
    resource: str
    stored: Stored
    previous: Stored | None


def copied[T](value: T) -> T:
    """Copy JSON data. marshal does so many times faster than copy.deepcopy, and shares the keys."""
    copy: T = marshal.loads(marshal.dumps(value))  # type: ignore[arg-type]  # noqa: S302 - JSON data, written one call ago
    return copy


_HEADINGS: dict[bytes, bytes] = {}


def _shared(heading: bytes) -> bytes:
    """Return the one copy of a heading, of which there are as many as kinds."""
    return _HEADINGS.setdefault(heading, heading)
