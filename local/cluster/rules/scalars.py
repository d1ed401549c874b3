"""JSON's plain values read as Go's types: strings, numbers, quantities, times; other values are refused."""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

from jobs_api.model.quantity import InvalidQuantity, parse
from local.cluster.clock import parse_timestamp, timestamp

# Called with a value, its path and a list for the paths of unknown fields.
type Reader = Callable[[Any, str, list[str]], Any]


class Misfit(ValueError):
    """A value of the wrong type; the struct it belongs to completes the message."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(f"json: cannot unmarshal {found} into Go value of type {wanted}")
        self.found = found
        self.wanted = wanted


def scalar_reader(field_type: str, shown: str) -> Reader:
    """Return what reads str, bool, float, int (of 32 bits) or int64; `shown` is the type in a refusal."""
    types: dict[str, type] = {"str": str, "bool": bool, "float": float}
    wanted = types.get(field_type, int)
    limit = {"int": 1 << 31, "int64": 1 << 63}.get(field_type)

    def read_scalar(value: Any, _path: str, _unknown: list[str]) -> Any:
        if type(value) is not wanted:
            exact = f" {value}" if limit and isinstance(value, float) else ""
            raise Misfit(kind_of(value) + exact, shown)
        if limit and isinstance(value, int) and not -limit <= value < limit:
            raise Misfit(f"number {value}", shown)
        return value

    return read_scalar


def kind_of(value: Any) -> str:
    """Return Go's word for the type of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _read_bytes(value: Any, _path: str, _unknown: list[str]) -> str:
    if not isinstance(value, str):
        raise Misfit(kind_of(value), "[]uint8")
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
        raise Misfit(kind_of(value), "string")
    try:
        at = parse_timestamp(value)
    except ValueError:
        raise ValueError(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}"') from None
    # MicroTime keeps its fraction of a second; the client's models have the same type for Time and MicroTime.
    return value if at.microsecond else timestamp(at)


def _read_int_or_string(value: Any, _path: str, _unknown: list[str]) -> Any:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Misfit(kind_of(value), "int32")


SCALARS: dict[str, Reader] = {
    "quantity": _read_quantity,
    "bytes": _read_bytes,
    "datetime": _read_time,
    "int-or-string": _read_int_or_string,
    "object": lambda value, _path, _unknown: value,
}
