"""Whether an item meets a condition."""

import base64
import operator
from collections.abc import Callable
from typing import Any

from local.emulator.dynamodb.parser import Call, Given, Node, Path
from local.emulator.dynamodb.values import Item, Value, comparable, equal, kind_of
from local.emulator.errors import invalid

type Given_ = dict[str, Value]
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(node: Node, item: Item, given: Given_) -> bool:
    """Return whether a condition holds for an item; a missing item counts as an empty one."""
    if not isinstance(node, Call):
        raise invalid("Invalid ConditionExpression: Syntax error; a condition has to compare something")
    match node.name:
        case "and":
            return all(holds(each, item, given) for each in node.operands)
        case "or":
            return any(holds(each, item, given) for each in node.operands)
        case "not":
            return not holds(node.operands[0], item, given)
        case "attribute_exists":
            return value_of(node.operands[0], item, given) is not None
        case "attribute_not_exists":
            return value_of(node.operands[0], item, given) is None
    return _compares(node, [value_of(each, item, given) for each in node.operands])


def _compares(node: Call, values: list[Value | None]) -> bool:  # noqa: PLR0911 - an answer for each kind
    first, second, *others = values
    match node.name:
        case "=":
            return first is not None and second is not None and equal(first, second)
        case "<>":
            return first is None or second is None or not equal(first, second)
        case "in":
            return first is not None and any(each is not None and equal(first, each) for each in (second, *others))
        case "between":
            return _ordered(">=", first, second) and _ordered("<=", first, others[0])
        case "attribute_type":
            return first is not None and second is not None and kind_of(first) == second.get("S")
        case "begins_with":
            return first is not None and second is not None and _begins(first, second)
        case "contains":
            return first is not None and second is not None and _contains(first, second)
    return _ordered(node.name, first, second)


def value_of(node: Node, item: Item, given: Given_) -> Value | None:
    """Return an operand's value, None where the item has none."""
    match node:
        case Path(steps):
            return found_at(item, steps)
        case Given(name):
            try:
                return given[name]
            except KeyError:
                reason = f"An expression attribute value used in expression is not defined; attribute value: {name}"
                raise invalid(f"Invalid ConditionExpression: {reason}") from None
    found = value_of(node.operands[0], item, given)
    return None if found is None else {"N": str(_size(found))}


def found_at(item: Item, steps: tuple[str | int, ...]) -> Value | None:
    """Return the value at a path, None if there is none."""
    found: Value | None = item.get(steps[0])  # type: ignore[arg-type]
    for step in steps[1:]:
        if found is None:
            return None
        if isinstance(step, int):
            members = found.get("L", ())
            found = members[step] if step < len(members) else None
        else:
            found = found.get("M", {}).get(step)
    return found


def _ordered(comparator: str, value: Value | None, other: Value | None) -> bool:
    if value is None or other is None:
        return False
    pair = comparable(value, other)
    return pair is not None and _ORDER[comparator](*pair)


def _begins(value: Value, prefix: Value) -> bool:
    pair = comparable(value, prefix)
    return pair is not None and kind_of(value) != "N" and pair[0].startswith(pair[1])


def _contains(value: Value, part: Value) -> bool:
    kind = kind_of(value)
    if kind == "L":
        return any(equal(each, part) for each in value["L"])
    if kind in {"SS", "NS", "BS"}:
        return kind[0] == kind_of(part) and any(equal({kind[0]: each}, part) for each in value[kind])
    pair = comparable(value, part)
    return pair is not None and kind != "N" and pair[1] in pair[0]


def _size(value: Value) -> int:
    kind = kind_of(value)
    match kind:
        case "S":
            return len(value["S"].encode("utf-8", "surrogatepass"))
        case "B":
            return len(base64.b64decode(value["B"]))
        case "L" | "M" | "SS" | "NS" | "BS":
            return len(value[kind])
    raise invalid(f"Invalid ConditionExpression: Incorrect operand type for operator or function; size, {kind}")
