"""Kubernetes' protobuf bodies, which newer kubectl sends for the kinds it knows, read into JSON data.

Four magic bytes are followed by an envelope with the type and the object, both in protobuf's wire format:
https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
"""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from local.cluster.api.wire import NUMBERS
from local.cluster.clock import timestamp
from local.cluster.rules.structs import Field, fields, is_struct

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

type _Wire = int | bytes


def decode(content: bytes) -> dict[str, Any]:
    """Return the object of a body that begins with MAGIC, apiVersion and kind included; raises ValueError."""
    try:
        envelope = dict(_items(content[len(MAGIC) :]))
        stated = dict(_items(_bytes(envelope[1])))
        kind, version = _bytes(stated[2]).decode(), _bytes(stated[1]).decode()
        return {"apiVersion": version, "kind": kind, **_message(kind, _bytes(envelope.get(2, b"")))}
    except (IndexError, KeyError) as error:
        raise ValueError(f"proto: malformed: {error}") from None


def _items(content: bytes) -> Iterator[tuple[int, _Wire]]:
    """Yield (field number, value): an int for varints, bytes for the rest."""
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        match key & 7:
            case 0:
                value, position = _varint(content, position)
                yield key >> 3, value
                continue
            case 1:
                length = 8
            case 2:
                length, position = _varint(content, position)
            case 5:
                length = 4
            case other:
                raise ValueError(f"proto: illegal wireType {other}")
        yield key >> 3, content[position : position + length]
        position += length


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return value, position


def _bytes(value: _Wire) -> bytes:
    if isinstance(value, int):
        raise ValueError("proto: wrong wireType")  # noqa: TRY004 - the content is wrong, not the caller
    return value


def _message(struct: str, content: bytes) -> dict[str, Any]:
    """Read a struct; an embedded struct is a message of its own, whose fields JSON shows in the outer struct."""
    names = NUMBERS[struct].split()
    read: dict[str, Any] = {}
    for number, value in _items(content):
        name = names[number - 1] if number <= len(names) else "-"
        if name == "-":
            # To ignore the field would lose its value without a message.
            raise ValueError(f"proto: field {number} of {struct} is not known to this cluster; send JSON instead")
        if name.startswith(","):
            read |= _message(name[1:], _bytes(value))
        elif name != "status":  # which nobody can set with the rest
            _set_field(read, fields(_shown_in(struct))[name], value)
    return read


def _shown_in(struct: str) -> str:
    """Return the struct in which JSON shows an embedded struct's fields."""
    return {"VolumeSource": "Volume", "ProbeHandler": "Probe"}.get(struct, struct)


def _set_field(into: dict[str, Any], field: Field, value: _Wire) -> None:
    if field.type.startswith("dict("):
        entry = dict(_items(_bytes(value)))
        key, item_type = _text(entry.get(1, b"")), field.type[10:-1]
        into.setdefault(field.name, {})[key] = _value(item_type, entry.get(2, b""))
    elif field.type.startswith("list["):
        into.setdefault(field.name, []).append(_value(field.type[5:-1], value))
    else:
        into[field.name] = _value(field.type, value)


def _value(field_type: str, value: _Wire) -> Any:
    if is_struct(field_type):
        return _message(field_type, _bytes(value))
    return _READERS[field_type](value)


def _text(value: _Wire) -> str:
    return _bytes(value).decode(errors="replace")


def _int_or_string(value: _Wire) -> int | str:
    parts = dict(_items(_bytes(value)))
    return _text(parts.get(3, b"")) if parts.get(1) else _signed(parts.get(2, 0))


def _signed(value: _Wire) -> int:
    if not isinstance(value, int):
        raise ValueError("proto: wrong wireType")  # noqa: TRY004 - the content is wrong, not the caller
    return value - (1 << 64) if value >> 63 else value


def _time(value: _Wire) -> str | None:
    """Read a time; year 1 or an empty message is the zero time, which JSON writes as null."""
    seconds = _signed(dict(_items(_bytes(value))).get(1, 0))
    return timestamp(datetime.fromtimestamp(seconds, UTC)) if seconds > 0 else None


_READERS: dict[str, Callable[[_Wire], Any]] = {
    "str": _text,
    "bool": bool,
    "int": _signed,
    "int64": _signed,
    "bytes": lambda value: base64.b64encode(_bytes(value)).decode(),
    "datetime": _time,
    "quantity": lambda value: _text(dict(_items(_bytes(value))).get(1, b"0")),
    "int-or-string": _int_or_string,
}
