"""The fields of each kind and their types, and JSON read into them as Go's decoder reads it into Kubernetes' structs.

`null` is the zero value, what is empty and may be left out is left out, what nobody knows is reported, and what does
not fit is refused in Go's words. The types come from types.json, which `from_go` makes.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jobs_api.amounts import InvalidQuantity, parse
from local.cluster.clock import parse_timestamp, timestamp

type Reader = Callable[[Any, str, list[str]], Any]

_DECLARED: dict[str, Any] = json.loads((Path(__file__).parent / "types.json").read_text())
_BASIC = {"string", "bool", "int32", "int64", "byte"}
_INT_LIMITS = {"int32": 1 << 31, "int64": 1 << 63}
_KNOWN_BY_ALL = {"apiVersion", "kind"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct: `type` as Go writes it, `number` as protobuf numbers it.

    `merge_key` names what tells items of a list apart in strategic merges; "=" where a list is a set.
    """

    name: str
    type: str
    number: int
    omit_empty: bool
    merge_key: str
    # The protobuf numbers that lead to it from the struct that JSON shows it in; more than one for embedded structs.
    numbers: tuple[int, ...]

    @property
    def has_zero(self) -> bool:
        """Whether the field shows even when nobody set it: Go never leaves out a struct, or what has no omitempty."""
        return not self.type.startswith("*") and (
            not self.omit_empty or self.type in _DECLARED["structs"] or self.type in {"Time", "MicroTime"}
        )


class Misfit(ValueError):
    """A value of the wrong type; the struct it belongs to completes the message."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(f"json: cannot unmarshal {found} into Go value of type {wanted}")
        self.found = found
        self.wanted = wanted


def read(struct: str, parsed: Any) -> tuple[dict[str, Any], list[str]]:
    """Return JSON as an object of a struct, and the paths of the fields that nobody knows; raises ValueError."""
    unknown: list[str] = []
    return reader(struct)(parsed, "", unknown), unknown


@cache
def fields(struct: str) -> dict[str, Field]:
    """Return a struct's fields by their JSON names, embedded ones among them."""
    found: dict[str, Field] = {}
    for name, (go_type, number, omit, merge_key) in _DECLARED["structs"][struct].items():
        if name.startswith(","):
            for inner in fields(name[1:]).values():
                numbers = (number, *inner.numbers)
                found[inner.name] = Field(
                    inner.name, inner.type, inner.number, inner.omit_empty, inner.merge_key, numbers
                )
        else:
            found[name] = Field(name, go_type, number, bool(omit), merge_key, (number,))
    return found


def resolve(go_type: str) -> str:
    """Give the type behind a name such as RestartPolicy."""
    return str(_DECLARED["names"].get(go_type, go_type))


def is_struct(go_type: str) -> bool:
    """Tell whether a type is a struct with fields of its own."""
    return go_type in _DECLARED["structs"]


@cache
def reader(go_type: str) -> Reader:
    """Return what reads a value of a type, given its path and a list for unknown fields' paths."""
    if go_type.startswith("*"):
        return reader(go_type[1:])
    if (special := _SPECIAL.get(go_type)) is not None:
        return special
    if is_struct(go_type):
        return _struct_reader(go_type)
    named = resolve(go_type)
    if named.startswith("[]"):
        return _list_reader(named[2:], written(go_type))
    if named.startswith("map["):
        return _map_reader(named.partition("]")[2], written(go_type))
    return _basic_reader(named, written(go_type))


def written(go_type: str) -> str:
    """Write a type as Go's messages do: packages and all."""
    if go_type.startswith("[]"):
        return "[]" + written(go_type[2:])
    if go_type.startswith("map["):
        key, _, value = go_type[4:].partition("]")
        return f"map[{written(key)}]{written(value)}"
    bare = go_type.removeprefix("*")
    if bare in _BASIC:
        return bare
    return {"Quantity": "resource.Quantity", "UID": "types.UID"}.get(bare, f"v1.{bare}")


def _struct_reader(struct: str) -> Reader:
    known: dict[str, tuple[Field, Reader]] = {}
    zeros: list[Field] = []

    def read_struct(value: Any, path: str, unknown: list[str]) -> Any:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise Misfit(_found(value), written(struct))
        if not known:  # on first use, since structs contain themselves
            known.update({name: (field, reader(field.type)) for name, field in fields(struct).items()})
            zeros.extend(field for field in fields(struct).values() if field.has_zero)
        read: dict[str, Any] = {}
        for name, item in value.items():
            if name in known:
                _read_field(known[name], item, f"{path}.{name}" if path else name, unknown, read, struct)
            elif not path and name in _KNOWN_BY_ALL:
                read[name] = item
            else:
                unknown.append(f"{path}.{name}" if path else name)
        for field in zeros:
            if field.name not in read:
                read[field.name] = _zero(field.type)
        return read

    return read_struct


def _read_field(
    known: tuple[Field, Reader], item: Any, path: str, unknown: list[str], into: dict[str, Any], struct: str
) -> None:
    field, read = known
    if item is None:
        return
    try:
        value = read(item, path, unknown)
    except Misfit as misfit:
        bare = "".join(part.partition("[")[0] + ("." if part else "") for part in path.split(".")).rstrip(".")
        place = f"Go struct field {struct}.{bare} of type {misfit.wanted}"
        raise ValueError(f"json: cannot unmarshal {misfit.found} into {place}") from None
    if value or not field.omit_empty or field.type.startswith("*") or is_struct(field.type):
        into[field.name] = value


def _list_reader(item_type: str, shown: str) -> Reader:
    if item_type == "byte":
        return _read_bytes
    read_item, zero = reader(item_type), _zero

    def read_list(value: Any, path: str, unknown: list[str]) -> Any:
        if not isinstance(value, list):
            raise Misfit(_found(value), shown)
        return [
            zero(item_type) if item is None else read_item(item, f"{path}[{index}]", unknown)
            for index, item in enumerate(value)
        ]

    return read_list


def _map_reader(item_type: str, shown: str) -> Reader:
    read_item, zero = reader(item_type), _zero

    def read_map(value: Any, path: str, unknown: list[str]) -> Any:
        if not isinstance(value, dict):
            raise Misfit(_found(value), shown)
        return {
            key: zero(item_type) if item is None else read_item(item, f"{path}.{key}", unknown)
            for key, item in value.items()
        }

    return read_map


def _basic_reader(basic: str, shown: str) -> Reader:
    wanted: type[str | bool | int] = {"string": str, "bool": bool}.get(basic, int)
    limit = _INT_LIMITS.get(basic, 0)

    def read_basic(value: Any, _path: str, _unknown: list[str]) -> Any:
        if type(value) is not wanted:
            exact = f" {value}" if limit and isinstance(value, float) else ""
            raise Misfit(_found(value) + exact, shown)
        if isinstance(value, int) and limit and not -limit <= value < limit:
            raise Misfit(f"number {value}", shown)
        return value

    return read_basic


def _zero(go_type: str) -> Any:
    """Give the value of a field that nobody set."""
    if go_type in {"Time", "MicroTime"} or go_type.startswith("*"):
        return None
    if is_struct(go_type):
        return reader(go_type)({}, "?", [])
    basic = resolve(go_type)
    if basic.startswith(("[]", "map[")):
        return None
    return {"string": "", "UID": "", "bool": False, "Quantity": "0"}.get(basic, 0)


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _read_bytes(value: Any, _path: str, _unknown: list[str]) -> str:
    if not isinstance(value, str):
        raise Misfit(_found(value), "[]uint8")
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("illegal base64 data at input byte 0") from None
    return value


def _read_quantity(value: Any, _path: str, _unknown: list[str]) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        value = json.dumps(value)
    try:
        return str(parse(str(value)))
    except InvalidQuantity as error:
        raise ValueError(error.kubernetes) from None


def _read_time(value: Any, _path: str, _unknown: list[str]) -> str:
    if not isinstance(value, str):
        raise Misfit(_found(value), "string")
    try:
        return timestamp(parse_timestamp(value))
    except ValueError:
        raise ValueError(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}"') from None


def _read_micro_time(value: Any, _path: str, _unknown: list[str]) -> str:
    if not isinstance(value, str):
        raise Misfit(_found(value), "string")
    return value


def _read_int_or_string(value: Any, _path: str, _unknown: list[str]) -> Any:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Misfit(_found(value), "int32")


_SPECIAL: dict[str, Reader] = {
    "Quantity": _read_quantity,
    "Time": _read_time,
    "MicroTime": _read_micro_time,
    "IntOrString": _read_int_or_string,
    "UID": _basic_reader("string", "types.UID"),
    # What server-side apply would keep; nothing here reads it.
    "FieldsV1": lambda value, _path, _unknown: value,
}
