"""DynamoDB on SQLite: operations with JSON in and out as over HTTP, and binary values in base64.

Operations that the service does not use are refused: parameters that are older than expressions, PartiQL, streams, and
CreateTable.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.database import Database
from local.emulator.dynamodb import querying, reading, writing
from local.emulator.dynamodb.reading import Request, missing_table
from local.emulator.dynamodb.schema import Table, install
from local.emulator.errors import AwsError

__all__ = ["DynamoDB"]

# How many expired items are removed in one transaction; other writes wait meanwhile.
_SWEEP = 500
_READS = {"GetItem": reading.get_item, "Query": querying.query, "Scan": querying.scan}
_WRITES = {"PutItem": writing.put_item, "UpdateItem": writing.update_item, "DeleteItem": writing.delete_item}


class _Tables(dict[str, Table]):
    """Tables by name or by ARN."""

    def __missing__(self, name: str) -> Table:
        short = name.rpartition(":table/")[2]
        if short != name and short in self:
            return self[short]
        raise missing_table(name)


class DynamoDB:
    """The tables of a database."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        """Start without tables; `clock` returns seconds since 1970."""
        self._database = database
        self._clock = clock
        self._tables = _Tables()

    def install(self, definition: Mapping[str, Any]) -> None:
        """Create a table as CreateTable would, or keep its items if it exists."""
        table = Table(definition)
        with self._database.writing() as connection:
            install(connection, table)
        self._tables[table.name] = table

    def __call__(self, operation: str, request: Request) -> dict[str, Any]:
        """Run an operation by its name; raises AwsError where DynamoDB would refuse it."""
        if operation in _READS:
            with self._database.reading() as connection:
                return _READS[operation](connection, self._tables[request["TableName"]], request)
        if operation in _WRITES:
            with self._database.writing() as connection:
                return _WRITES[operation](connection, self._tables[request["TableName"]], request)
        return self._other(operation, request)

    def _other(self, operation: str, request: Request) -> dict[str, Any]:  # noqa: PLR0911 - an answer for each kind
        match operation:
            case "BatchGetItem":
                with self._database.reading() as connection:
                    return reading.batch_get(connection, self._tables, request)
            case "TransactGetItems":
                with self._database.reading() as connection:
                    return reading.transact_get(connection, self._tables, request)
            case "BatchWriteItem":
                with self._database.writing() as connection:
                    return writing.batch_write(connection, self._tables, request)
            case "TransactWriteItems":
                with self._database.writing() as connection:
                    return writing.transact_write(connection, self._tables, request, self._clock())
            case "ListTables":
                return {"TableNames": sorted(self._tables)}
            case "DescribeTable":
                return {"Table": self._described(self._tables[request["TableName"]])}
            case "DescribeTimeToLive":
                name = self._tables[request["TableName"]].expires_by
                told = {"AttributeName": name, "TimeToLiveStatus": "ENABLED"}
                return {"TimeToLiveDescription": told if name else {"TimeToLiveStatus": "DISABLED"}}
        raise AwsError("UnknownOperationException", f"{operation} is not known to the laptop's DynamoDB")

    def sweep(self) -> int:
        """Remove expired items and return how many. DynamoDB does so within some days."""
        removed = 0
        for table in self._tables.values():
            if not table.expires_by:
                continue
            path = f'$."{table.expires_by}".N'
            expired = f"FROM {table.sql} WHERE CAST(json_extract(body, ?) AS REAL) < ?"
            while True:
                now = self._clock()
                with self._database.reading() as connection:
                    statement = f"SELECT rowid {expired} LIMIT {_SWEEP}"
                    rows = connection.execute(statement, (path, now)).fetchall()
                if not rows:
                    break
                with self._database.writing() as connection:
                    # The condition is checked again, because a write may have extended the item's time meanwhile.
                    connection.executemany(f"DELETE {expired} AND rowid = ?", [(path, now, row) for (row,) in rows])
                removed += len(rows)
        return removed

    def _described(self, table: Table) -> dict[str, Any]:
        with self._database.reading() as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM {table.sql}").fetchone()  # noqa: S608
        keys = ("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        told = {name: json.loads(json.dumps(table.definition[name])) for name in keys if name in table.definition}
        for index in told.get("GlobalSecondaryIndexes", []):
            index["IndexStatus"] = "ACTIVE"
        return {**told, "TableStatus": "ACTIVE", "ItemCount": count}
