"""Makes moto's DynamoDB fast with many items: calls no longer take time in proportion to all stored items.

moto is made for tests with a few items. With 1,000 jobs in the table a transaction took half a second, because it
copies the whole table for a rollback. A Query of one partition read all items.
"""

import base64
import copy
import json
import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from botocore.loaders import JSONFileLoader
from moto.core.serialize import SERVICE_SPECIFIC_SERIALIZERS, JSONSerializer

from tests.fast_moto.per_call import spare_each_call

_installed = threading.Lock()


def speed_up() -> None:
    """Change moto and botocore in this process, once."""
    if not _installed.acquire(blocking=False):
        return
    SERVICE_SPECIFIC_SERIALIZERS["dynamodb"] = {"json": _Serializer}
    _share_service_models()
    spare_each_call()
    # Imported here, because moto's backends are slow to import.
    from moto.dynamodb.models import DynamoDBBackend  # noqa: PLC0415
    from moto.dynamodb.models.table import Table  # noqa: PLC0415

    backend: Any = DynamoDBBackend
    table: Any = Table
    table.query = _within_the_partition(table.query)
    table.__deepcopy__ = _copied_unless_in_transaction
    backend.transact_write_items = _restoring_items(backend.transact_write_items)


class _Serializer(JSONSerializer):
    """Returns items as moto stores them: in DynamoDB's own wire format, except bytes.

    moto's own tries every member of the union, under four spellings, for every attribute: 80 ms for 25 items.
    """

    def _serialize_type_map(self, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name in {"AttributeMap", "Key"}:
            serialized[key] = value
        else:
            super()._serialize_type_map(serialized, value, shape, key)

    def _serialize_body(self, body: Any) -> str:
        return json.dumps(body, default=lambda content: base64.b64encode(content).decode())


def _share_service_models() -> None:
    """Let botocore parse the description of a service once.

    Otherwise every session parses it again (0.1 s for DynamoDB), and PynamoDB creates a session for each of its models.
    Clients of one session share the parsed description, so clients of several sessions may share it too.
    """
    loader: Any = JSONFileLoader
    loader.load_file = staticmethod(cache(loader().load_file))


def _within_the_partition(query: Callable[..., Any]) -> Callable[..., Any]:
    """Let a Query of a table or an index select its partition before it sorts."""

    @wraps(query)
    def narrowed(table: Any, hash_key: Any, *arguments: Any, **options: Any) -> Any:
        index_name = options.get("index_name") or (arguments[6] if len(arguments) > 6 else None)
        wanted = dict(options.get("hash_key_conditions") or ())
        if index_name is None and hash_key in table.items:
            table = _with_items(table, {hash_key: table.items[hash_key]})
        elif index_name is not None and wanted and all(value.type == "S" for value in wanted.values()):
            table = _with_items(table, _of_an_index(table, wanted))
        return query(table, hash_key, *arguments, **options)

    return narrowed


def _with_items(table: Any, items: dict[Any, Any]) -> Any:
    table = copy.copy(table)
    table.items = items
    return table


def _of_an_index(table: Any, wanted: dict[str, Any]) -> dict[Any, Any]:
    """Return a table's items that have these strings as attributes."""

    def chosen(items: dict[Any, Any]) -> dict[Any, Any]:
        # Each Query reads every stored item, so this loop calls no function of ours.
        for name, wanted_value in wanted.items():
            text = wanted_value.value
            items = {
                key: item
                for key, item in items.items()
                if (found := item.attrs.get(name)) is not None and found.value == text and found.type == "S"
            }
        return items

    if not table.range_key_attr:
        return chosen(table.items)
    partitions = ((key, chosen(partition)) for key, partition in table.items.items())
    return {key: partition for key, partition in partitions if partition}


_transaction = threading.local()


def _copied_unless_in_transaction(table: Any, memo: dict[int, Any]) -> Any:
    """Copy a table as `copy.deepcopy` would; but return the table itself to a transaction, which only rolls back."""
    if getattr(_transaction, "under_way", False):
        return table
    duplicate = table.__class__.__new__(table.__class__)
    memo[id(table)] = duplicate
    vars(duplicate).update(copy.deepcopy(vars(table), memo))
    return duplicate


def _restoring_items(transact: Callable[..., None]) -> Callable[..., None]:
    """Roll back a failed transaction by restoring the items that it names, instead of a copy of the table."""

    @wraps(transact)
    def restoring(backend: Any, transact_items: list[dict[str, Any]]) -> None:
        before = [found for item in transact_items if (found := _as_it_is(backend, item))]
        _transaction.under_way = True
        try:
            transact(backend, transact_items)
        except Exception:
            for table, hash_key, range_key, item in before:
                _put_back(table, hash_key, range_key, item)
            raise
        finally:
            _transaction.under_way = False

    return restoring


def _as_it_is(backend: Any, transact_item: dict[str, Any]) -> tuple[Any, Any, Any, Any] | None:
    """Copy the item that a part of a transaction changes; None if the part is malformed, which moto reports."""
    operation: dict[str, Any] = next(iter(transact_item.values()), {})
    table = backend.tables.get(operation.get("TableName"))
    key = operation.get("Key") or operation.get("Item") or {}
    if table is None or not {table.hash_key_attr, table.range_key_attr or table.hash_key_attr} <= key.keys():
        return None
    hash_key, range_key = backend.get_keys_value(table, key)
    return table, hash_key, range_key, copy.deepcopy(table.get_item(hash_key, range_key))


def _put_back(table: Any, hash_key: Any, range_key: Any, item: Any) -> None:
    place, key = (table.items, hash_key) if range_key is None else (table.items[hash_key], range_key)
    if item is None:
        place.pop(key, None)
    else:
        place[key] = item
