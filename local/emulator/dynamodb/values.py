"""DynamoDB's values as sent over HTTP, such as {"S": "text"} or {"N": "1"}: their order and their size."""

import base64
import binascii
from decimal import Decimal, InvalidOperation
from typing import Any

from local.emulator.errors import invalid

type Value = dict[str, Any]
type Item = dict[str, Value]

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
ITEM_BYTES = 400 * 1024
_DIGITS = 38
_SETS = {"SS": "S", "NS": "N", "BS": "B"}
_TYPES = {"S", "N", "B", "BOOL", "NULL", "L", "M", *_SETS}


def kind_of(value: Value) -> str:
    """Return a value's type, such as `S`."""
    return next(iter(value))


def number(text: str) -> Decimal:
    """Read a number; raises AwsError if it is not one."""
    try:
        found = Decimal(text)
    except (InvalidOperation, TypeError):
        raise invalid("The parameter cannot be converted to a numeric value") from None
    if not found.is_finite():
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    if len(found.normalize().as_tuple().digits) > _DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    return found


def written(value: Decimal) -> str:
    """Write a number as DynamoDB returns it: without an exponent, leading or trailing zeros."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def checked(value: Any) -> Value:
    """Return a value with its numbers written as DynamoDB writes them; raises AwsError if it is malformed."""
    if not isinstance(value, dict) or len(value) != 1 or (kind := kind_of(value)) not in _TYPES:
        raise invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    content = value[kind]
    match kind:
        case "S":
            return value
        case "N":
            return {"N": written(number(content))}
        case "L":
            return {"L": [checked(each) for each in content]}
        case "M":
            return {"M": {name: checked(each) for name, each in content.items()}}
        case "SS" | "NS" | "BS":
            return {kind: _checked_set(kind, content)}
    return value


def _checked_set(kind: str, content: list[str]) -> list[str]:
    if not content:
        raise invalid("One or more parameter values were invalid: An number set  may not be empty")
    members = [written(number(each)) for each in content] if kind == "NS" else content
    if len(set(members)) != len(members):
        raise invalid("One or more parameter values were invalid: Input collection contains duplicates.")
    return members


def equal(value: Value, other: Value) -> bool:  # noqa: PLR0911 - an answer for each kind
    """Return whether two values are equal; the order within a set does not matter."""
    kind = kind_of(value)
    if kind != kind_of(other):
        return False
    first, second = value[kind], other[kind]
    match kind:
        case "N":
            return number(first) == number(second)
        case "SS" | "BS":
            return set(first) == set(second)
        case "NS":
            return {number(each) for each in first} == {number(each) for each in second}
        case "L":
            return len(first) == len(second) and all(map(equal, first, second))
        case "M":
            return first.keys() == second.keys() and all(equal(first[name], second[name]) for name in first)
    return bool(first == second)


def comparable(value: Value, other: Value) -> tuple[Any, Any] | None:
    """Return the keys by which two values are ordered, None if they have no order."""
    kind = kind_of(value)
    if kind != kind_of(other):
        return None
    match kind:
        case "N":
            return number(value["N"]), number(other["N"])
        case "S":
            return value["S"].encode("utf-8", "surrogatepass"), other["S"].encode("utf-8", "surrogatepass")
        case "B":
            return base64.b64decode(value["B"]), base64.b64decode(other["B"])
    return None


def sortable(value: Value) -> str | bytes:
    """Return a value that SQLite sorts as DynamoDB sorts the values of a key."""
    match kind_of(value):
        case "S":
            text: str = value["S"]
            return text
        case "B":
            try:
                return base64.b64decode(value["B"])
            except binascii.Error:
                raise invalid("Invalid Base64") from None
    return _sortable_number(number(value["N"]))


def _sortable_number(value: Decimal) -> str:
    """Write the sign, the power of ten and the digits; the complements of the last two for negative numbers."""
    if not value:
        return "1"
    digits = "".join(map(str, value.normalize().as_tuple().digits))
    power = value.adjusted() + 500
    if value > 0:
        return f"2{power:03d}{digits}"
    return f"0{999 - power:03d}{''.join(str(9 - int(digit)) for digit in digits)}~"


def weight(item: Item) -> int:
    """Return about how many bytes DynamoDB counts for an item."""
    return sum(len(name.encode("utf-8", "surrogatepass")) + _weight(value) for name, value in item.items())


def _weight(value: Value) -> int:  # noqa: PLR0911 - an answer for each kind
    kind = kind_of(value)
    content = value[kind]
    match kind:
        case "S":
            return len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))
        case "N":
            return len(content) // 2 + 1
        case "B":
            return len(content) * 3 // 4
        case "L":
            return 3 + sum(1 + _weight(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name) + _weight(each) for name, each in content.items())
        case "SS" | "NS" | "BS":
            return sum(map(len, content))
    return 1
