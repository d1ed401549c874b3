"""PutItem, UpdateItem, DeleteItem, BatchWriteItem and TransactWriteItems."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from local.emulator.dynamodb import conditions, expressions, updates
from local.emulator.dynamodb.reading import Request, item_at, refuse_legacy, values_of
from local.emulator.dynamodb.schema import Table
from local.emulator.dynamodb.values import ITEM_BYTES, Item, checked, weight
from local.emulator.errors import AwsError, invalid

_LEGACY = ("Expected", "AttributeUpdates", "ConditionalOperator")
_BATCH_WRITES = 25
_TRANSACTION_ITEMS = 100
_TRANSACTION_BYTES = 4 * 1024 * 1024
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_TOKEN_SECONDS = 600


def put_item(connection: sqlite3.Connection, table: Table, request: Request) -> dict[str, Any]:
    """Answer PutItem."""
    refuse_legacy(request, _LEGACY)
    item = {name: checked(value) for name, value in request["Item"].items()}
    # The replaced item is read only if a condition or the answer needs it.
    looked_at = "ConditionExpression" in request or request.get("ReturnValues", "NONE") != "NONE"
    before = _before(connection, table, table.place(item), request) if looked_at else None
    _store(connection, table, item)
    return _returned(request, before, item, set())


def delete_item(connection: sqlite3.Connection, table: Table, request: Request) -> dict[str, Any]:
    """Answer DeleteItem."""
    refuse_legacy(request, _LEGACY)
    place = table.place(request["Key"], exactly=True)
    before = _before(connection, table, place, request)
    connection.execute(f"DELETE FROM {table.sql} WHERE p = ? AND o = ?", place)  # noqa: S608
    return _returned(request, before, None, set())


def update_item(connection: sqlite3.Connection, table: Table, request: Request) -> dict[str, Any]:
    """Answer UpdateItem."""
    refuse_legacy(request, _LEGACY)
    before = _before(connection, table, table.place(request["Key"], exactly=True), request)
    item = before or {name: checked(value) for name, value in request["Key"].items()}
    touched: set[str] = set()
    if text := request.get("UpdateExpression"):
        update = expressions.update(text, expressions.named(request.get("ExpressionAttributeNames")))
        item = updates.updated(update, item, values_of(request), table.key.names)
        touched = updates.touched(update)
    _store(connection, table, item)
    return _returned(request, before, item, touched)


def check(connection: sqlite3.Connection, table: Table, request: Request) -> dict[str, Any]:
    """Answer a transaction's ConditionCheck."""
    _before(connection, table, table.place(request["Key"], exactly=True), request)
    return {}


_OPERATIONS = {"Put": put_item, "Update": update_item, "Delete": delete_item, "ConditionCheck": check}


def batch_write(connection: sqlite3.Connection, tables: Mapping[str, Table], request: Request) -> dict[str, Any]:
    """Answer BatchWriteItem."""
    asked = [(tables[name], each) for name, writes in request["RequestItems"].items() for each in writes]
    if not 0 < len(asked) <= _BATCH_WRITES:
        raise invalid("Too many items requested for the BatchWriteItem call")
    places = [
        (table.name, *table.place(each["PutRequest"]["Item"] if "PutRequest" in each else each["DeleteRequest"]["Key"]))
        for table, each in asked
    ]
    if len(set(places)) != len(places):
        raise invalid("Provided list of item keys contains duplicates")
    for table, each in asked:
        if "PutRequest" in each:
            put_item(connection, table, each["PutRequest"])
        else:
            delete_item(connection, table, each["DeleteRequest"])
    return {"UnprocessedItems": {}}


def transact_write(
    connection: sqlite3.Connection, tables: Mapping[str, Table], request: Request, now: float
) -> dict[str, Any]:
    """Answer TransactWriteItems; a repeat with the same token within ten minutes changes nothing."""
    asked = [next(iter(each.items())) for each in request["TransactItems"]]
    if not 0 < len(asked) <= _TRANSACTION_ITEMS:
        raise invalid("Member must have length less than or equal to 100")
    if len(json.dumps(request["TransactItems"])) > _TRANSACTION_BYTES:
        raise invalid("Member must have a size less than or equal to 4194304 bytes")
    places = [
        (each["TableName"], *tables[each["TableName"]].place(each["Item"] if kind == "Put" else each["Key"]))
        for kind, each in asked
    ]
    if len(set(places)) != len(places):
        raise invalid("Transaction request cannot include multiple operations on one item")
    if _was_done(connection, request, now):
        return {}
    reasons: list[dict[str, Any]] = []
    for kind, each in asked:
        try:
            _OPERATIONS[kind](connection, tables[each["TableName"]], each)
            reasons.append({"Code": "None"})
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            reasons.append({"Code": "ConditionalCheckFailed", "Message": error.message, **error.more})
    if any(reason["Code"] != "None" for reason in reasons):
        codes = ", ".join(reason["Code"] for reason in reasons)
        message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
        raise AwsError("TransactionCanceledException", message, CancellationReasons=reasons)
    return {}


def _was_done(connection: sqlite3.Connection, request: Request, now: float) -> bool:
    token = request.get("ClientRequestToken")
    if not token:
        return False
    connection.execute("DELETE FROM tokens WHERE at < ?", (now - _TOKEN_SECONDS,))
    asked = hashlib.sha256(json.dumps(request["TransactItems"], sort_keys=True).encode()).hexdigest()
    row = connection.execute("SELECT asked FROM tokens WHERE token = ?", (token,)).fetchone()
    if row is None:
        connection.execute("INSERT INTO tokens VALUES (?, ?, ?)", (token, asked, now))
        return False
    if row[0] != asked:
        raise AwsError("IdempotentParameterMismatchException", "The token was used for another transaction")
    return True


def _before(connection: sqlite3.Connection, table: Table, place: tuple[Any, Any], request: Request) -> Item | None:
    """Return the stored item; raises AwsError if it does not meet the request's condition."""
    before = item_at(connection, table, place)
    text = request.get("ConditionExpression")
    if text is None:
        return before
    node = expressions.condition(
        "ConditionExpression", text, expressions.named(request.get("ExpressionAttributeNames"))
    )
    if not conditions.holds(node, before or {}, values_of(request)):
        shown: dict[str, Any] = (
            {"Item": before} if before and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}
        )
        raise AwsError("ConditionalCheckFailedException", "The conditional request failed", **shown)
    return before


def _store(connection: sqlite3.Connection, table: Table, item: Item) -> None:
    if weight(item) > ITEM_BYTES:
        raise invalid("Item size has exceeded the maximum allowed size")
    connection.execute(table.insertion, table.row(item))


def _returned(request: Request, before: Item | None, after: Item | None, touched: set[str]) -> dict[str, Any]:
    wanted = request.get("ReturnValues", "NONE")
    shown = before if wanted.endswith("_OLD") else after if wanted.endswith("_NEW") else None
    if shown is None:
        return {}
    if wanted.startswith("UPDATED"):
        shown = {name: value for name, value in shown.items() if name in touched}
    return {"Attributes": shown}
