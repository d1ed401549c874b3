"""Query and Scan: which part of a table or an index a request is about, and its page."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.emulator.dynamodb import conditions, expressions
from local.emulator.dynamodb.parser import Call, Given, Node, Path
from local.emulator.dynamodb.reading import Request, projected, refuse_legacy, values_of
from local.emulator.dynamodb.schema import Index, Table
from local.emulator.dynamodb.values import Item, Value, kind_of, sortable
from local.emulator.errors import invalid

PAGE_BYTES = 1024 * 1024
# Between rows that SQLite reads on demand.
_COMPARISONS = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True)
class _Range:
    """Which rows a list reads, and in which order."""

    where: list[str]
    parameters: list[Any]
    order: tuple[str, ...]


def query(connection: sqlite3.Connection, table: Table, request: Request) -> dict[str, Any]:
    """Answer Query."""
    refuse_legacy(request)
    index = _index(table, request)
    key = index.key if index else table.key
    if "KeyConditionExpression" not in request:
        raise invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    given = values_of(request)
    names = expressions.named(request.get("ExpressionAttributeNames"))
    tests = _tests(expressions.condition("KeyConditionExpression", request["KeyConditionExpression"], names))
    columns = dict(zip(key.names, index.columns if index else ("p", "o"), strict=False))
    where, parameters = [], []
    for test in tests:
        clause, values = _clause(test, columns, key.types, given)
        where.append(clause)
        parameters += values
    if not any(test.name == "=" and _name(test.operands[0]) == key.partition for test in tests) or len(tests) > 2:
        raise invalid("Query condition missed key schema element: " + key.partition)
    order = (index.columns[1], "p", "o") if index else ("o",)
    return _listed(connection, table, request, _Range(where, parameters, order), index)


def scan(connection: sqlite3.Connection, table: Table, request: Request) -> dict[str, Any]:
    """Answer Scan; of a parallel scan, the first segment returns all items."""
    refuse_legacy(request)
    index = _index(table, request)
    if request.get("Segment"):
        return {"Items": [], "Count": 0, "ScannedCount": 0}
    if index:
        partition, order = index.columns
        return _listed(
            connection, table, request, _Range([f"{partition} IS NOT NULL"], [], (partition, order, "p", "o")), index
        )
    return _listed(connection, table, request, _Range([], [], ("p", "o")), None)


def _index(table: Table, request: Request) -> Index | None:
    name = request.get("IndexName")
    if name is None:
        return None
    if name not in table.indexes:
        raise invalid(f"The table does not have the specified index: {name}")
    if request.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    return table.indexes[name]


def _tests(node: Node) -> list[Call]:
    """Split a key condition into the test of the partition key and an optional test of the sort key."""
    if isinstance(node, Call) and node.name == "and":
        return [test for each in node.operands for test in _tests(each)]
    if not isinstance(node, Call) or node.name not in {*_COMPARISONS, "between", "begins_with"}:
        raise invalid("Invalid operator used in KeyConditionExpression")
    return [node]


def _name(node: Node) -> str:
    if not isinstance(node, Path) or len(node.steps) != 1:
        raise invalid("Invalid KeyConditionExpression: a key attribute has to stand on the left")
    return str(node.steps[0])


def _clause(
    test: Call, columns: Mapping[str, str], types: Mapping[str, str], given: Mapping[str, Value]
) -> tuple[str, list[Any]]:
    name = _name(test.operands[0])
    if name not in columns:
        raise invalid(f"Query key condition not supported: {name} is no key attribute")
    column, values = columns[name], []
    for operand in test.operands[1:]:
        value = conditions.value_of(operand, {}, dict(given)) if isinstance(operand, Given) else None
        if value is None or kind_of(value) != types[name]:
            raise invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        values.append(sortable(value))
    if test.name == "between":
        return f"{column} BETWEEN ? AND ?", values
    if test.name != "begins_with":
        return f"{column} {_COMPARISONS[test.name]} ?", values
    (prefix,) = values
    end = _after(prefix)
    return (f"{column} >= ?", [prefix]) if end is None else (f"{column} >= ? AND {column} < ?", [prefix, end])


def _after(prefix: Any) -> Any:
    """Return the smallest value that sorts after all values with a prefix, None if there is none."""
    last = 0xFF if isinstance(prefix, bytes) else 0x10FFFF
    codes = list(prefix) if isinstance(prefix, bytes) else [ord(letter) for letter in prefix]
    while codes and codes[-1] == last:
        codes.pop()
    if not codes:
        return None
    # Surrogates are not characters.
    codes[-1] = 0xE000 if codes[-1] == 0xD7FF and isinstance(prefix, str) else codes[-1] + 1
    return bytes(codes) if isinstance(prefix, bytes) else "".join(map(chr, codes))


def _listed(
    connection: sqlite3.Connection, table: Table, request: Request, rows: _Range, index: Index | None
) -> dict[str, Any]:
    forward = request.get("ScanIndexForward", True)
    where, parameters = list(rows.where), list(rows.parameters)
    if start := request.get("ExclusiveStartKey"):
        values = _start(table, index, start, rows.order)
        where.append(f"({', '.join(rows.order)}) {'>' if forward else '<'} ({', '.join('?' * len(values))})")
        parameters += values
    order = ", ".join(f"{column}{'' if forward else ' DESC'}" for column in rows.order)
    condition = f"WHERE {' AND '.join(where)} " if where else ""
    statement = f"SELECT body FROM {table.sql} {condition}ORDER BY {order}"  # noqa: S608
    limit = request.get("Limit")
    if limit is not None and limit < 1:
        raise invalid("1 validation error detected: Value at 'limit' failed to satisfy constraint: at least 1")
    if limit is not None:
        statement += f" LIMIT {int(limit)}"
    cursor = connection.execute(statement, parameters)
    try:
        return _page(cursor, table, request, index)
    finally:
        cursor.close()


def _start(table: Table, index: Index | None, start: Item, order: tuple[str, ...]) -> list[Any]:
    """Return the sort columns' values of the item after which a list continues."""
    if start.keys() != {*table.key.names, *(index.key.names if index else ())}:
        raise invalid("The provided starting key is invalid")
    place = dict(zip(("p", "o"), table.place(start), strict=True))
    if index:
        names = (*index.key.names, None)[:2]
        place |= {
            column: sortable(start[name]) if name else "" for column, name in zip(index.columns, names, strict=True)
        }
    return [place[column] for column in order]


def _page(cursor: Iterator[tuple[str]], table: Table, request: Request, index: Index | None) -> dict[str, Any]:
    keep = _filter(request)
    limit, counting = request.get("Limit"), request.get("Select") == "COUNT"
    items: list[Item] = []
    size = looked_at = found = 0
    last: Item | None = None
    for (body,) in cursor:
        item: Item = json.loads(body)
        looked_at += 1
        size += len(body)
        last = item
        shown = (
            item if index is None or index.shown is None else {name: item[name] for name in item if name in index.shown}
        )
        if keep(shown):
            found += 1
            if not counting:
                items.append(projected(shown, request))
        # A full page ends, even if nothing follows.
        if looked_at == limit or size >= PAGE_BYTES:
            break
    else:
        last = None
    answer: dict[str, Any] = {"Count": found, "ScannedCount": looked_at}
    if not counting:
        answer["Items"] = items
    if last is not None:
        answer["LastEvaluatedKey"] = table.key_of(last, index)
    return answer


def _filter(request: Request) -> Any:
    text = request.get("FilterExpression")
    if text is None:
        return lambda _: True
    node = expressions.condition("FilterExpression", text, expressions.named(request.get("ExpressionAttributeNames")))
    given = values_of(request)
    return lambda item: conditions.holds(node, item, given)
