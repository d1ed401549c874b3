"""A table in SQLite: a row for each item, with columns for its key and for the keys of each index."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from local.emulator.dynamodb.values import Item, kind_of, sortable
from local.emulator.errors import invalid

_HASH_BYTES, _RANGE_BYTES = 2048, 1024
_SPLIT = 200


@dataclass(frozen=True)
class Key:
    """The attributes of a key with their types; `order` is None for a key without a sort key."""

    partition: str
    order: str | None
    types: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes of the key."""
        return (self.partition,) if self.order is None else (self.partition, self.order)


@dataclass(frozen=True)
class Index:
    """A secondary index: the columns of its key, and the attributes that it projects (None for all)."""

    key: Key
    columns: tuple[str, str]
    shown: frozenset[str] | None


class Table:
    """A table, described by the parameters of CreateTable."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        """Read the definition; `TimeToLive` in it names the attribute that says when an item expires."""
        self.definition = dict(definition)
        self.name: str = definition["TableName"]
        self._types = {each["AttributeName"]: each["AttributeType"] for each in definition["AttributeDefinitions"]}
        self.key = self._key(definition["KeySchema"])
        self.expires_by: str | None = definition.get("TimeToLive")
        secondary = [*definition.get("GlobalSecondaryIndexes", []), *definition.get("LocalSecondaryIndexes", [])]
        self.indexes = {
            each["IndexName"]: Index(
                key := self._key(each["KeySchema"]), (f"p{at}", f"o{at}"), self._projected_attributes(each, key)
            )
            for at, each in enumerate(secondary)
        }

    @cached_property
    def sql(self) -> str:
        """The table's name in a statement."""
        return _quoted(f"table {self.name}")

    @cached_property
    def insertion(self) -> str:
        """The statement that inserts a row, or replaces the row with the same key."""
        columns = ["p", "o", "body", *(column for index in self.indexes.values() for column in index.columns)]
        replaced = ", ".join(f"{column} = excluded.{column}" for column in columns[2:])
        places = ", ".join("?" * len(columns))
        return f"INSERT INTO {self.sql} VALUES ({places}) ON CONFLICT (p, o) DO UPDATE SET {replaced}"  # noqa: S608

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the table, empty."""
        columns = [column for index in self.indexes.values() for column in index.columns]
        extra = "".join(f"{column}, " for column in columns)
        connection.execute(
            f"CREATE TABLE {self.sql} (p NOT NULL, o NOT NULL, body TEXT NOT NULL, {extra}PRIMARY KEY (p, o))"
        )
        for name, index in self.indexes.items():
            partition, order = index.columns
            connection.execute(
                f"CREATE INDEX {_quoted(f'index {self.name} {name}')} ON {self.sql} ({partition}, {order}, p, o) "
                f"WHERE {partition} IS NOT NULL"
            )

    def row(self, item: Item) -> list[Any]:
        """Return an item's column values."""
        return [*self.place(item), json.dumps(item, separators=(",", ":")), *self._index_columns(item)]

    def place(self, item: Item, *, exactly: bool = False) -> tuple[Any, Any]:
        """Return the column values that find an item by its key.

        Args:
            item: the item, or only its key.
            exactly: whether `item` may have no other attributes.

        Raises:
            AwsError: the item has no such key.
        """
        if exactly and item.keys() != set(self.key.names):
            raise invalid("The provided key element does not match the schema")
        for name in self.key.names:
            self._check_key(name, item)
        order = "" if self.key.order is None else sortable(item[self.key.order])
        return sortable(item[self.key.partition]), order

    def key_of(self, item: Item, index: Index | None = None) -> Item:
        """Return the attributes of an item after which a list continues (LastEvaluatedKey)."""
        names = dict.fromkeys((*self.key.names, *(index.key.names if index else ())))
        return {name: item[name] for name in names}

    def _check_key(self, name: str, item: Item) -> None:
        if name not in item:
            raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
        kind, wanted = kind_of(item[name]), self.key.types[name]
        if kind != wanted:
            reason = f"Type mismatch for key {name} expected: {wanted} actual: {kind}"
            raise invalid(f"One or more parameter values were invalid: {reason}")
        if kind == "N":
            return
        size = len(item[name][kind].encode("utf-8", "surrogatepass"))
        if not size:
            reason = f"The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
            raise invalid(f"One or more parameter values are not valid. {reason}")
        limit = _HASH_BYTES if name == self.key.partition else _RANGE_BYTES
        if size > limit:
            raise invalid(f"One or more parameter values were invalid: Size of key {name} has exceeded {limit} bytes")

    def _index_columns(self, item: Item) -> Iterator[Any]:
        for index in self.indexes.values():
            names = index.key.names
            for name in names:
                if name in item and kind_of(item[name]) != self._types[name]:
                    reason = f"Type mismatch for Index Key {name} Expected: {self._types[name]}"
                    raise invalid(f"One or more parameter values were invalid: {reason} Actual: {kind_of(item[name])}")
                if name in item and item[name].get("S") == "":
                    reason = f"A value specified for a secondary index key is not supported: {name} is empty"
                    raise invalid(f"One or more parameter values are not valid. {reason}")
            if all(name in item for name in names):
                yield sortable(item[index.key.partition])
                yield "" if index.key.order is None else sortable(item[index.key.order])
            else:
                yield None
                yield None

    def _key(self, schema: list[dict[str, str]]) -> Key:
        names = {each["KeyType"]: each["AttributeName"] for each in schema}
        types = {name: self._types[name] for name in names.values()}
        return Key(names["HASH"], names.get("RANGE"), types)

    def _projected_attributes(self, index: Mapping[str, Any], key: Key) -> frozenset[str] | None:
        projection = index.get("Projection", {})
        if projection.get("ProjectionType", "ALL") == "ALL":
            return None
        return frozenset((*projection.get("NonKeyAttributes", ()), *key.names, *self.key.names))


def install(connection: sqlite3.Connection, table: Table) -> None:
    """Create a table, or rebuild it from its items if its keys or indexes changed."""
    row = connection.execute("SELECT definition FROM tables WHERE name = ?", (table.name,)).fetchone()
    text = json.dumps(table.definition, sort_keys=True)
    if row and row[0] == text:
        return
    before = Table(json.loads(row[0])) if row else None
    if before is None:
        table.create(connection)
    elif _keys_of(before) != _keys_of(table):
        _rebuild(connection, before, table)
    connection.execute("INSERT OR REPLACE INTO tables VALUES (?, ?)", (table.name, text))


def _keys_of(table: Table) -> tuple[Key, list[tuple[str, Key]]]:
    return table.key, [(name, index.key) for name, index in table.indexes.items()]


def _rebuild(connection: sqlite3.Connection, before: Table, after: Table) -> None:
    old = _quoted(f"before {after.name}")
    connection.execute(f"ALTER TABLE {before.sql} RENAME TO {old}")
    for name in before.indexes:
        connection.execute(f"DROP INDEX {_quoted(f'index {before.name} {name}')}")
    after.create(connection)
    bodies = connection.execute(f"SELECT body FROM {old}")  # noqa: S608
    while rows := bodies.fetchmany(_SPLIT):
        connection.executemany(after.insertion, [after.row(json.loads(body)) for (body,) in rows])
    connection.execute(f"DROP TABLE {old}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
