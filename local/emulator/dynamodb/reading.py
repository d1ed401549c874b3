"""GetItem, BatchGetItem, TransactGetItems, Query and Scan."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from local.emulator.dynamodb import conditions, expressions
from local.emulator.dynamodb.parser import Path
from local.emulator.dynamodb.schema import Table
from local.emulator.dynamodb.values import Item, Value, checked
from local.emulator.errors import AwsError, invalid

_BATCH_KEYS = 100
_TRANSACTION_ITEMS = 100
_BATCH_BYTES = 16 * 1024 * 1024
_LEGACY = ("AttributesToGet", "KeyConditions", "QueryFilter", "ScanFilter", "ConditionalOperator")

type Request = Mapping[str, Any]


def refuse_legacy(request: Request, names: tuple[str, ...] = _LEGACY) -> None:
    """Refuse parameters that are older than expressions. To ignore them would give a wrong answer."""
    found = [name for name in names if name in request]
    if found:
        raise invalid(f"{', '.join(found)}: only expressions are known to the laptop's DynamoDB")


def item_at(connection: sqlite3.Connection, table: Table, place: tuple[Any, Any]) -> Item | None:
    """Return the item with this key."""
    row = connection.execute(f"SELECT body FROM {table.sql} WHERE p = ? AND o = ?", place).fetchone()  # noqa: S608
    return json.loads(row[0]) if row else None


def get_item(connection: sqlite3.Connection, table: Table, request: Request) -> dict[str, Any]:
    """Answer GetItem."""
    refuse_legacy(request)
    found = item_at(connection, table, table.place(request["Key"], exactly=True))
    return {} if found is None else {"Item": projected(found, request)}


def batch_get(connection: sqlite3.Connection, tables: Mapping[str, Table], request: Request) -> dict[str, Any]:
    """Answer BatchGetItem; keys beyond the size limit of an answer are returned as unprocessed."""
    asked = request["RequestItems"]
    if sum(len(each["Keys"]) for each in asked.values()) > _BATCH_KEYS:
        raise invalid("Too many items requested for the BatchGetItem call")
    items: dict[str, list[Item]] = {name: [] for name in asked}
    unprocessed: dict[str, Any] = {}
    size = 0
    for name, each in asked.items():
        refuse_legacy(each)
        table = tables[name]
        places = [table.place(key, exactly=True) for key in each["Keys"]]
        if len(set(places)) != len(places):
            raise invalid("Provided list of item keys contains duplicates")
        for key, place in zip(each["Keys"], places, strict=True):
            if size > _BATCH_BYTES:
                unprocessed.setdefault(name, {**each, "Keys": []})["Keys"].append(key)
            elif item := item_at(connection, table, place):
                size += len(json.dumps(item))
                items[name].append(projected(item, each))
    return {"Responses": items, "UnprocessedKeys": unprocessed}


def transact_get(connection: sqlite3.Connection, tables: Mapping[str, Table], request: Request) -> dict[str, Any]:
    """Answer TransactGetItems: all items as of one moment."""
    asked = [each["Get"] for each in request["TransactItems"]]
    if len(asked) > _TRANSACTION_ITEMS:
        raise invalid("Member must have length less than or equal to 100")
    connection.execute("BEGIN")
    try:
        return {"Responses": [get_item(connection, tables[each["TableName"]], each) for each in asked]}
    finally:
        connection.execute("COMMIT")


def projected(item: Item, request: Request) -> Item:
    """Return the attributes of an item that a request asks for."""
    text = request.get("ProjectionExpression")
    if text is None:
        return item
    paths = expressions.projection(text, expressions.named(request.get("ExpressionAttributeNames")))
    shown: Item = {}
    for path in paths:
        value = conditions.found_at(item, path.steps)
        if value is not None:
            _show(shown, path, value)
    return shown


def _show(shown: Item, path: Path, value: Value) -> None:
    holder: Any = {"M": shown}
    for step, following in zip(path.steps, (*path.steps[1:], None), strict=True):
        empty: Any = value if following is None else {"L": []} if isinstance(following, int) else {"M": {}}
        if isinstance(step, int):
            holder["L"].append(empty)
            holder = holder["L"][-1]
        else:
            holder = holder["M"].setdefault(step, empty)


def values_of(request: Request) -> dict[str, Value]:
    """Check and return the values of a request's expressions."""
    return {name: checked(value) for name, value in (request.get("ExpressionAttributeValues") or {}).items()}


def missing_table(name: str) -> AwsError:
    """Make the error for a table that does not exist."""
    return AwsError("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
