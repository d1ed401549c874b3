"""Kubernetes' protobuf bodies, which newer kubectl sends for the kinds it knows, read into JSON data.

The wire format is protobuf's own behind four magic bytes and an envelope with the type and the object:
https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
"""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from local.cluster.clock import timestamp
from local.cluster.rules.schema import Field, fields, is_struct, resolve

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

type _Wire = int | bytes


def decode(content: bytes) -> dict[str, Any]:
    """Return the object of a body that begins with MAGIC, apiVersion and kind included; raises ValueError."""
    try:
        envelope = dict(_items(content[len(MAGIC) :]))
        stated = dict(_items(_bytes(envelope[1])))
        kind, version = _bytes(stated[2]).decode(), _bytes(stated[1]).decode()
        return {"apiVersion": version, "kind": kind, **_message(_by_number(kind), _bytes(envelope.get(2, b"")))}
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


type _Numbered = dict[int, "Field | _Numbered"]


@cache
def _by_number(name: str) -> _Numbered:
    numbered: _Numbered = {}
    for field in fields(name).values():
        level = numbered
        for number in field.numbers[:-1]:
            inner = level.setdefault(number, {})
            assert isinstance(inner, dict)  # noqa: S101 - a number is a field's or an embedded struct's, never both
            level = inner
        level[field.numbers[-1]] = field
    return numbered


def _message(numbered: _Numbered, content: bytes) -> dict[str, Any]:
    """Read a struct; those embedded in it are messages of their own on the wire, and not in JSON."""
    read: dict[str, Any] = {}
    for number, value in _items(content):
        found = numbered.get(number)
        if isinstance(found, Field):
            _put(read, found, value)
        elif found is not None:
            read |= _message(found, _bytes(value))
    return read


def _put(into: dict[str, Any], field: Field, value: _Wire) -> None:
    go_type = resolve(field.type.removeprefix("*"))
    if go_type.startswith("map["):
        entry = dict(_items(_bytes(value)))
        key = _bytes(entry.get(1, b"")).decode()
        into.setdefault(field.name, {})[key] = _value(go_type.partition("]")[2], entry.get(2, b""))
    elif go_type.startswith("[]") and go_type != "[]byte":
        into.setdefault(field.name, []).append(_value(go_type[2:], value))
    else:
        into[field.name] = _value(go_type, value)


def _value(go_type: str, value: _Wire) -> Any:
    basic = resolve(go_type)
    if basic in _READERS:
        return _READERS[basic](value)
    return _message(_by_number(basic), _bytes(value)) if is_struct(basic) else None


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
    """Read a time; the zero one, which JSON writes as null, is year 1 here or empty."""
    seconds = _signed(dict(_items(_bytes(value))).get(1, 0))
    return timestamp(datetime.fromtimestamp(seconds, UTC)) if seconds > 0 else None


_READERS: dict[str, Callable[[_Wire], Any]] = {
    "string": _text,
    "UID": _text,
    "bool": bool,
    "int32": _signed,
    "int64": _signed,
    "[]byte": lambda value: base64.b64encode(_bytes(value)).decode(),
    "Time": _time,
    "MicroTime": _time,
    "Quantity": lambda value: _text(dict(_items(_bytes(value))).get(1, b"0")),
    "IntOrString": _int_or_string,
}
