"""DynamoDB's values as the wire has them: {"S": "text"}, {"N": "1"}, {"L": [...]}; how they compare, sort and weigh."""

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
    """Read a number; raises AwsError where it is none."""
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
    """Write a number as DynamoDB gives it back: without an exponent or zeros that mean nothing."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def checked(value: Any) -> Value:
    """Return a value in DynamoDB's own form, numbers as it writes them; raises AwsError where it is malformed."""
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


def equal(one: Value, other: Value) -> bool:  # noqa: PLR0911 - an answer for each kind
    """Tell whether two values are the same; sets have no order."""
    kind = kind_of(one)
    if kind != kind_of(other):
        return False
    left, right = one[kind], other[kind]
    match kind:
        case "N":
            return number(left) == number(right)
        case "SS" | "BS":
            return set(left) == set(right)
        case "NS":
            return {number(each) for each in left} == {number(each) for each in right}
        case "L":
            return len(left) == len(right) and all(map(equal, left, right))
        case "M":
            return left.keys() == right.keys() and all(equal(left[name], right[name]) for name in left)
    return bool(left == right)


def comparable(one: Value, other: Value) -> tuple[Any, Any] | None:
    """Return what two values are ordered by, None where they have no order."""
    kind = kind_of(one)
    if kind != kind_of(other):
        return None
    match kind:
        case "N":
            return number(one["N"]), number(other["N"])
        case "S":
            return one["S"].encode("utf-8", "surrogatepass"), other["S"].encode("utf-8", "surrogatepass")
        case "B":
            return base64.b64decode(one["B"]), base64.b64decode(other["B"])
    return None


def sortable(value: Value) -> str | bytes:
    """Return what SQLite orders as DynamoDB orders the values of a key."""
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
    """Write a sign, then the power of ten, then the digits; of negative numbers, what larger ones lack."""
    if not value:
        return "1"
    digits = "".join(map(str, value.normalize().as_tuple().digits))
    power = value.adjusted() + 500
    if value > 0:
        return f"2{power:03d}{digits}"
    return f"0{999 - power:03d}{''.join(str(9 - int(digit)) for digit in digits)}~"


def weight(item: Item) -> int:
    """Return an item's size in bytes as DynamoDB counts it, near enough for its limits."""
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
