"""Applies an UpdateExpression to an item."""

import copy
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from local.emulator.dynamodb.conditions import found_at, value_of
from local.emulator.dynamodb.parser import Call, Node, Path, Update
from local.emulator.dynamodb.values import Item, Value, equal, kind_of, number, written
from local.emulator.errors import invalid


def updated(update: Update, item: Item, given: dict[str, Value], keys: Iterable[str]) -> Item:
    """Return the item after an update; every operand is read from the item before the update."""
    _no_overlap(update, frozenset(keys))
    after = copy.deepcopy(item)
    for path, value in [(path, _operand(node, item, given)) for path, node in update.sets]:
        _put(after, path, value)
    for path in sorted(update.removes, key=lambda path: [_last_first(step) for step in path.steps]):
        _remove(after, path)
    for path, node in update.adds:
        _put(after, path, _added(found_at(item, path.steps), _operand(node, item, given)))
    for path, node in update.deletes:
        _delete(after, path, found_at(item, path.steps), _operand(node, item, given))
    return after


def touched(update: Update) -> set[str]:
    """Return the names of the attributes that an update changes."""
    paths = [path for path, _ in (*update.sets, *update.adds, *update.deletes)]
    return {str(path.steps[0]) for path in (*paths, *update.removes)}


def _last_first(step: str | int) -> tuple[int, str]:
    """Order removals from the end of a list to its start, so that no removal moves the position of a later one."""
    return (-step, "") if isinstance(step, int) else (0, step)


def _no_overlap(update: Update, keys: frozenset[str]) -> None:
    paths = [path.steps for path, _ in (*update.sets, *update.adds, *update.deletes)]
    paths += [path.steps for path in update.removes]
    for steps in paths:
        if steps[0] in keys:
            reason = f"Cannot update attribute {steps[0]}. This attribute is part of the key"
            raise invalid(f"One or more parameter values were invalid: {reason}")
    ordered = sorted(paths, key=lambda steps: [str(step) for step in steps])
    for one, other in pairwise(ordered):
        if other[: len(one)] == one:
            reason = "Two document paths overlap with each other; must remove or rewrite one of these paths"
            raise invalid(f"Invalid UpdateExpression: {reason}; path one: {list(one)}, path two: {list(other)}")


def _operand(node: Node, item: Item, given: dict[str, Value]) -> Value:
    if isinstance(node, Call):
        return _called(node, item, given)
    value = value_of(node, item, given)
    if value is None:
        raise invalid("The provided expression refers to an attribute that does not exist in the item")
    return value


def _called(node: Call, item: Item, given: dict[str, Value]) -> Value:
    first, second = node.operands
    if node.name == "if_not_exists":
        found = value_of(first, item, given)
        return _operand(second, item, given) if found is None else found
    one, other = _operand(first, item, given), _operand(second, item, given)
    if node.name == "list_append":
        if "L" not in one or "L" not in other:
            raise _wrong_type(node.name, one if "L" not in one else other)
        return {"L": one["L"] + other["L"]}
    if "N" not in one or "N" not in other:
        raise _wrong_type(node.name, one if "N" not in one else other)
    sign = 1 if node.name == "+" else -1
    return {"N": written(number(one["N"]) + sign * number(other["N"]))}


def _wrong_type(name: str, value: Value) -> Exception:
    reason = f"operator or function: {name}, operand type: {kind_of(value)}"
    return invalid(f"Invalid UpdateExpression: Incorrect operand type for operator or function; {reason}")


def _added(before: Value | None, more: Value) -> Value:
    kind = kind_of(more)
    if kind not in {"N", "SS", "NS", "BS"}:
        raise _wrong_type("ADD", more)
    if before is None:
        return more
    if kind_of(before) != kind:
        raise invalid("An operand in the update expression has an incorrect data type")
    if kind == "N":
        return {"N": written(number(before["N"]) + number(more["N"]))}
    return {kind: before[kind] + [each for each in more[kind] if each not in before[kind]]}


def _delete(item: Item, path: Path, before: Value | None, less: Value) -> None:
    kind = kind_of(less)
    if kind not in {"SS", "NS", "BS"}:
        raise _wrong_type("DELETE", less)
    if before is None:
        return
    if kind_of(before) != kind:
        raise invalid("An operand in the update expression has an incorrect data type")
    left = [each for each in before[kind] if not any(equal({kind[0]: each}, {kind[0]: gone}) for gone in less[kind])]
    if left:
        _put(item, path, {kind: left})
    else:
        # DynamoDB has no empty sets.
        _remove(item, path)


def _put(item: Item, path: Path, value: Value) -> None:
    *way, last = path.steps
    holder: Any = found_at(item, tuple(way)) if way else {"M": item}
    if isinstance(last, int) and holder is not None and "L" in holder:
        members = holder["L"]
        if last < len(members):
            members[last] = value
        else:
            members.append(value)
    elif isinstance(last, str) and holder is not None and "M" in holder:
        holder["M"][last] = value
    else:
        raise invalid("The document path provided in the update expression is invalid for update")


def _remove(item: Item, path: Path) -> None:
    *way, last = path.steps
    holder: Any = found_at(item, tuple(way)) if way else {"M": item}
    if isinstance(last, int) and holder is not None and "L" in holder:
        del holder["L"][last : last + 1]
    elif isinstance(last, str) and holder is not None and "M" in holder:
        holder["M"].pop(last, None)
    elif way:
        raise invalid("The document path provided in the update expression is invalid for update")
