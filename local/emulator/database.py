"""One SQLite file that holds what AWS would store, except the contents of S3 objects.

A write is in the file before it is answered, so a killed process loses nothing: each commit writes SQLite's write-ahead
log, but does not flush it to the disk. `keep_flushing` flushes every second, so a power cut may lose the last second.
https://www.sqlite.org/pragma.html#pragma_synchronous
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local import private_files
from local.emulator.errors import AwsError, store_trouble
from local.home import DamagedData, UnusableData

FILE = "data.sqlite3"
SCHEMA_VERSION = 1
# How long a write waits for one in another process.
_PATIENCE_SECONDS = 10
_FLUSH_SECONDS = 1.0
_SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tables (name TEXT PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE tokens (token TEXT PRIMARY KEY, asked TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE messages (
  queue TEXT NOT NULL, id TEXT PRIMARY KEY, body TEXT NOT NULL, attributes TEXT NOT NULL, sent_at REAL NOT NULL,
  visible_at REAL NOT NULL, receipt TEXT, received INTEGER NOT NULL DEFAULT 0, first_received_at REAL
);
CREATE INDEX messages_by_time ON messages (queue, visible_at);
CREATE TABLE objects (
  bucket TEXT NOT NULL, key TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
  headers TEXT NOT NULL, modified_at REAL NOT NULL, PRIMARY KEY (bucket, key)
);
CREATE TABLE encryption_keys (id TEXT PRIMARY KEY, material BLOB NOT NULL);
CREATE TABLE secrets (
  name TEXT PRIMARY KEY, arn TEXT NOT NULL, version TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL UNIQUE, about TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE plan_keys (plan TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (plan, key));
"""


class Database:
    """The database file of a folder, for any number of threads; other processes may open it too."""

    def __init__(self, folder: Path) -> None:
        """Open the folder's file, or create the folder and the file.

        Raises:
            DamagedData: the file cannot be read.
            UnusableData: another version wrote it.
        """
        self.folder = folder
        self._idle: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._written = threading.Event()
        self._closed = threading.Event()
        if not folder.exists():
            _make(folder)
        try:
            self._check()
        except UnusableData:
            self._close_idle()
            raise
        self._flusher = threading.Thread(target=self._keep_flushing, name="store-flush", daemon=True)
        self._flusher.start()

    def close(self) -> None:
        """Flush, and close every unused connection."""
        self._closed.set()
        self._written.set()
        self._flusher.join()
        with suppress(sqlite3.Error), self._connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._close_idle()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection on which each statement sees what was committed before it started.

        Raises:
            AwsError: the file cannot be read.
        """
        with _aws_errors(self.folder), self._connection() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection whose statements are committed together when the block ends, or rolled back if it raises.

        Raises:
            AwsError: the disk is full, or the file cannot be read.
        """
        with _aws_errors(self.folder), self._writing, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # After some errors SQLite rolls back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._written.set()

    def setting(self, name: str) -> str | None:
        """Return the setting of this name."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def keep_setting(self, name: str, value: str) -> None:
        """Store a setting, so that every later start finds it."""
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _connect(self.folder / FILE)
        try:
            yield connection
        except sqlite3.Error:
            # A connection on which a statement failed is not used again.
            connection.close()
            raise
        except BaseException:
            self._idle.append(connection)
            raise
        self._idle.append(connection)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _check(self) -> None:
        path = self.folder / FILE
        if not path.exists() or not path.stat().st_size:
            raise DamagedData(path, "it is missing or empty")
        try:
            with self._connection() as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            raise DamagedData(path, str(error)) from error
        if found != "ok":
            raise DamagedData(path, str(found).replace("\n", " "))
        if version != SCHEMA_VERSION:
            raise UnusableData(f"{path} has version {version}, and this version of the service reads {SCHEMA_VERSION}")

    def _keep_flushing(self) -> None:
        while not self._closed.is_set():
            self._written.wait()
            if self._closed.wait(_FLUSH_SECONDS):
                return
            self._written.clear()
            with suppress(sqlite3.Error), self._connection() as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _make(folder: Path) -> None:
    """Create the folder with an empty database, or nothing if the process dies meanwhile."""
    draft = private_files.folder(folder.with_name(f"{folder.name}.new"))
    (draft / FILE).unlink(missing_ok=True)
    connection = _connect(draft / FILE)
    connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    # SQLite removes the write-ahead log when the last connection closes.
    connection.close()
    draft.rename(folder)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -1000")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _aws_errors(folder: Path) -> Iterator[None]:
    """Turn an error of SQLite into one of AWS that says what the user of this machine can do about it."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            raise disk_full(folder, error) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            reason = f"{DamagedData(folder, str(error))}. Stop it and `make run` again, which says what helps"
            raise store_trouble("DamagedData", reason, 500) from error
        raise


def disk_full(folder: Path, error: Exception) -> AwsError:
    """Make the error for a write to a full disk: 507, since clients retry 500, and a retry would fail too."""
    reason = f"Nothing was written, since {folder} takes no more: {error}. Make room, and ask again"
    return store_trouble("DiskFull", reason, 507)
