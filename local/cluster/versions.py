"""Objects and their versions: what is stored, what changes, and how copies are made."""

import json
import marshal
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

    __slots__ = ("_item", "object", "version")

    def __init__(self, obj: Object, version: int) -> None:
        self.object = obj
        self.version = version
        self._item: bytes | None = None

    @property
    def item(self) -> bytes:
        """Give the object as JSON, made once, without the apiVersion and kind that items of a list do not have."""
        if self._item is None:
            bare = {key: value for key, value in self.object.items() if key not in {"apiVersion", "kind"}}
            self._item = json.dumps(bare, separators=(",", ":")).encode()
        return self._item

    @property
    def body(self) -> bytes:
        """Give the object as JSON."""
        head = f'{{"kind":"{self.object["kind"]}","apiVersion":"{self.object["apiVersion"]}",'
        return head.encode() + self.item[1:]

    @property
    def name(self) -> str:
        """Give metadata.name."""
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Give metadata.namespace, "" for what has none."""
        return str(self.object["metadata"].get("namespace", ""))


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
