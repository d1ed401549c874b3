"""Stores a cluster's objects in a SQLite file, for the next start; each write is stored before it is answered.

A table has each object as it is now. A row has the version of the last write, when the cluster was last alive, and
since when the cluster had been stopped before this start, until `stop_is_noted`. A commit survives `kill -9` (WAL,
synchronous=NORMAL). A power cut may lose the last commits, but never a part of one.
"""

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from local import private_files
from local.cluster.clock import parse_timestamp, timestamp
from local.cluster.errors import ApiError
from local.cluster.versions import Change, Object

# "JACl": so that another program's database is refused.
_APPLICATION = 0x4A41436C
FORMAT = 1
_TABLES = """
CREATE TABLE objects (
    resource TEXT, namespace TEXT, name TEXT, version INTEGER NOT NULL, checksum INTEGER NOT NULL, object BLOB NOT NULL,
    PRIMARY KEY (resource, namespace, name)
) WITHOUT ROWID;
CREATE TABLE cluster (version INTEGER NOT NULL, alive_at TEXT NOT NULL, stopped_at TEXT);
"""


class UnusableDatabase(OSError):
    """The file cannot be used: another version wrote it, or another process uses it."""


class DamagedDatabase(UnusableDatabase):
    """The file cannot be read; `path` and `reason` say which and why."""

    def __init__(self, path: Path, reason: str) -> None:
        """Store both."""
        super().__init__(f"the cluster's objects in {path} are damaged: {reason}")
        self.path = path
        self.reason = reason


class Database:
    """One open file, used by one process at a time and from one thread."""

    def __init__(self, path: Path, now: datetime, patience_seconds: float = 0.0) -> None:
        """Open the file, or create an empty one; wait for another process that uses it.

        Raises:
            DamagedDatabase: it cannot be read.
            UnusableDatabase: another version wrote it, or another process uses it.
        """
        self._path = path
        private_files.folder(path.parent)
        os.close(private_files.opener(str(path), os.O_RDWR | os.O_CREAT))
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=patience_seconds)
        try:
            with self._readable():
                self._open(now)
        except UnusableDatabase:
            self._connection.close()
            raise

    def objects(self) -> Iterator[tuple[str, Object]]:
        """Iterate over all (resource, object), in the order of their versions; raises DamagedDatabase."""
        with self._readable():
            for resource, name, checksum, body in self._connection.execute(
                "SELECT resource, name, checksum, object FROM objects ORDER BY version"
            ):
                if zlib.crc32(body) != checksum:
                    raise DamagedDatabase(self._path, f"what it holds of {resource}/{name} is not what was written")
                yield resource, json.loads(body)

    @property
    def version(self) -> int:
        """Return the version of the last write, which may have been a deletion."""
        return int(self._row()[0])

    @property
    def alive_at(self) -> datetime:
        """Return when the cluster last wrote or recorded that it was alive."""
        return parse_timestamp(self._row()[1])

    def write(self, changes: Iterable[Change], version: int, now: datetime) -> None:
        """Write all changes of one call, or none.

        Raises:
            ApiError: the disk is full, for example; with 500, as an API server answers whose etcd refuses writes.
        """
        with self._transaction():
            for change in changes:
                self._write_one(change)
            self._connection.execute("UPDATE cluster SET version = ?, alive_at = ?", (version, timestamp(now)))

    def touch(self, now: datetime) -> None:
        """Record that the cluster is alive; raises ApiError."""
        with self._transaction():
            self._connection.execute("UPDATE cluster SET alive_at = ?", (timestamp(now),))

    @property
    def stopped_at(self) -> datetime | None:
        """Return since when the cluster was stopped, None if it never was or after `stop_is_noted`."""
        told = self._row()[2]
        return parse_timestamp(told) if told else None

    def begin(self) -> None:
        """Record that the cluster stopped when it was last alive, unless an earlier stop is still recorded."""
        with self._transaction():
            self._connection.execute("UPDATE cluster SET stopped_at = coalesce(stopped_at, alive_at)")

    def stop_is_noted(self) -> None:
        """Forget that the cluster was stopped; raises ApiError."""
        with self._transaction():
            self._connection.execute("UPDATE cluster SET stopped_at = NULL")

    def close(self) -> None:
        """Close the file, so that others can use it."""
        self._connection.close()

    def _open(self, now: datetime) -> None:
        execute = self._connection.execute
        # The lock is held until the file is closed: two clusters on one file would corrupt each other's data.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        execute("BEGIN IMMEDIATE")
        (form,), (application,) = execute("PRAGMA user_version"), execute("PRAGMA application_id")
        if not form[0] and not execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            for statement in _TABLES.split(";"):
                execute(statement)
            execute("INSERT INTO cluster VALUES (1, ?, NULL)", (timestamp(now),))
            execute(f"PRAGMA application_id = {_APPLICATION}")
            execute(f"PRAGMA user_version = {FORMAT}")
        elif application[0] != _APPLICATION:
            raise UnusableDatabase(f"{self._path} is the database of another program")
        elif form[0] != FORMAT:
            raise UnusableDatabase(
                f"the cluster's objects in {self._path} have format {form[0]}, and this version reads {FORMAT}"
            )
        execute("COMMIT")
        told = execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise DamagedDatabase(self._path, told)

    def _row(self) -> tuple[int, str, str | None]:
        with self._readable():
            found: tuple[int, str, str | None] | None = self._connection.execute("SELECT * FROM cluster").fetchone()
        if found is None:
            raise DamagedDatabase(self._path, "it does not say at which version it is")
        return found

    def _write_one(self, change: Change) -> None:
        stored, execute = change.stored, self._connection.execute
        key = (change.resource, stored.namespace, stored.name)
        if change.type == "DELETED":
            execute("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", key)
        else:
            body = stored.body
            row = (*key, stored.version, zlib.crc32(body), body)
            execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)", row)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            message = f"Internal error occurred: the change could not be written to {self._path}: {error}"
            raise ApiError(message) from error

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Return in one line what SQLite reports about the file."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise UnusableDatabase(f"{self._path} is used by another process") from error
            # A full disk or a missing right is not damage; a missing table is.
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise UnusableDatabase(f"{self._path} cannot be used: {error}") from error
            raise DamagedDatabase(self._path, str(error)) from error
        except (sqlite3.DatabaseError, ValueError) as error:
            raise DamagedDatabase(self._path, str(error)) from error
