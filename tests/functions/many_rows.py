"""Adds very many rows to a table without the API, and removes them again.

moto's Query takes time for each row of the table. These rows do not change, so a Query of one of their partitions only
gets the rows that it may read. moto then applies limits, filters and cursors.
"""

import copy
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends
from pynamodb.models import Model

ACCOUNT = "123456789012"


@contextmanager
def crowded(rows: Iterable[Model]) -> Iterator[None]:
    """Add rows to a table during the block; no other test may have rows in the same partitions."""
    kept = list(rows)
    table: Any = dynamodb_backends[ACCOUNT]["us-east-1"].tables[type(kept[0]).Meta.table_name]
    items = [table.put_item(row.serialize()) for row in kept]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "query", _of_what_it_may_read(table, items))
        yield
    for item in items:
        del table.items[item.hash_key]


def _of_what_it_may_read(table: Any, items: list[Any]) -> Callable[..., Any]:
    query = table.query
    partitions = {index.name: _by_position(index, items) for index in table.all_indexes()}

    def narrowed(
        hash_key: Any, comparison: str | None, bounds: list[Any], limit: int, *rest: Any, **options: Any
    ) -> Any:
        begin, forward = rest[:2]
        index_name = options.get("index_name") or rest[3]
        rows = partitions.get(index_name, {}).get(hash_key.value)
        if rows is None:
            return query(hash_key, comparison, bounds, limit, *rest, **options)
        for bound in bounds:
            rows = _on_one_side(rows, str(comparison), bound.value)
        if begin:
            rows = _on_one_side(rows, ">" if forward else "<", begin["position"]["S"])
        # One row more than the query reads, so that moto knows that more rows follow.
        may_read = rows[: limit + 1] if forward else rows[-limit - 1 :]
        shown = copy.copy(table)
        shown.items = {item.hash_key: item for item in may_read}
        return type(table).query(shown, hash_key, comparison, bounds, limit, *rest, **options)

    return narrowed


def _on_one_side(rows: list[Any], comparison: str, value: str) -> list[Any]:
    match comparison:
        case "<" | "LT":
            return rows[: bisect_left(rows, value, key=_position)]
        case "<=" | "LE":
            return rows[: bisect_right(rows, value, key=_position)]
        case ">" | "GT":
            return rows[bisect_right(rows, value, key=_position) :]
    raise NotImplementedError(comparison)


def _by_position(index: Any, items: list[Any]) -> dict[str, list[Any]]:
    (key,) = (one["AttributeName"] for one in index.schema if one["KeyType"] == "HASH")
    found = defaultdict(list)
    for item in items:
        if key in item.attrs:
            found[item.attrs[key].value].append(item)
    return {partition: sorted(members, key=_position) for partition, members in found.items()}


def _position(item: Any) -> str:
    return str(item.attrs["position"].value)
