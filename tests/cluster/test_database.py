"""The objects on disk after a kill, on a full disk, and in a damaged file."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.cluster.clock import TestClock
from local.cluster.database import DamagedDatabase, Database, UnusableDatabase
from local.cluster.errors import ApiError, NotFound
from local.cluster.storage import Object, Storage

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cluster" / "objects.sqlite"


@contextmanager
def stored(path: Path, clock: TestClock | None = None) -> Iterator[Storage]:
    """Return the storage of a cluster that is killed when the block ends, so that nothing is closed."""
    clock = clock or TestClock(NOON)
    with closing(Database(path, clock.now())) as database:
        storage = Storage(clock)
        storage.keep_in(database)
        if not storage.find("namespaces", None, "default"):
            storage.create("namespaces", {"metadata": {"name": "default"}})
        yield storage


def named(name: str, **more: object) -> Object:
    return {"metadata": {"name": name, "namespace": "default", **more}, "spec": {}}


def owned_by(owner: Object) -> dict[str, object]:
    metadata = owner["metadata"]
    return {"ownerReferences": [{"kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}]}


def test_all_objects_are_unchanged_after_a_restart(path: Path) -> None:
    with stored(path) as storage:
        job = storage.create("jobs", named("once"))
        storage.replace_status("jobs", {**job, "status": {"active": 1}})
        storage.create("pods", named("once-1", **owned_by(job)))
        before = {kind: storage.list(kind) for kind in ("namespaces", "jobs", "pods")}

    with stored(path) as storage:
        assert {kind: storage.list(kind) for kind in before} == before
        storage.delete("jobs", "default", "once", "Background")
        assert storage.list("pods") == []


def test_versions_continue_after_a_deletion_was_the_last_write(path: Path) -> None:
    with stored(path) as storage:
        storage.create("jobs", named("once"))
        gone = storage.delete("jobs", "default", "once")

    with stored(path) as storage:
        with pytest.raises(NotFound):
            storage.get("jobs", "default", "once")
        again = storage.create("jobs", named("once"))
        assert int(again["metadata"]["resourceVersion"]) > int(gone["metadata"]["resourceVersion"])
        assert again["metadata"]["uid"] != gone["metadata"]["uid"]


def test_it_is_known_when_the_cluster_was_last_alive(path: Path) -> None:
    clock = TestClock(NOON)
    with stored(path, clock) as storage:
        clock.advance(60)
        storage.create("jobs", named("once"))

    with closing(Database(path, NOON + timedelta(days=1))) as database:
        assert database.alive_at == NOON + timedelta(seconds=60)
        database.touch(NOON + timedelta(seconds=90))
        assert database.alive_at == NOON + timedelta(seconds=90)


def test_a_stop_is_reported_until_it_is_recorded(path: Path) -> None:
    clock = TestClock(NOON)
    with stored(path, clock):
        pass

    with closing(Database(path, NOON + timedelta(hours=1))) as database:
        assert database.stopped_at is None
        database.begin()
        database.touch(NOON + timedelta(hours=1))
    with closing(Database(path, NOON + timedelta(hours=2))) as database:
        database.begin()
        assert database.stopped_at == NOON
        database.stop_is_noted()
        assert database.stopped_at is None
    with closing(Database(path, NOON + timedelta(hours=3))) as database:
        database.begin()
        assert database.stopped_at == NOON + timedelta(hours=1)


@contextmanager
def a_full_disk(storage: Storage) -> Iterator[None]:
    """Let SQLite find no room for another page."""
    connection: sqlite3.Connection = storage._database._connection  # type: ignore[union-attr]
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    connection.execute("PRAGMA max_page_count = 1000000")


LARGE = "x" * 100_000


def _create(storage: Storage) -> Any:
    return storage.create("jobs", named("large", annotations={"note": LARGE}))


def _replace(storage: Storage) -> Any:
    return storage.replace("jobs", {**storage.get("jobs", "default", "there"), "spec": {"note": LARGE}})


def _status(storage: Storage) -> Any:
    return storage.replace_status("jobs", {**storage.get("jobs", "default", "there"), "status": {"note": LARGE}})


@pytest.mark.parametrize("write", [_create, _replace, _status], ids=["create", "replace", "replace the status"])
def test_a_full_disk_refuses_a_write_whole_and_takes_it_once_there_is_room(
    path: Path, write: Callable[[Storage], Any]
) -> None:
    with stored(path) as storage:
        storage.create("jobs", named("there"))
        before, version, heard = storage.list("jobs"), storage.version, storage.subscribe()
        with a_full_disk(storage):
            with pytest.raises(ApiError, match=r"could not be written to .*objects\.sqlite: .*full") as refused:
                write(storage)
            assert refused.value.status()["code"] == 500
            assert (storage.list("jobs"), storage.version, heard.qsize()) == (before, version, 0)
        written = write(storage)

    with stored(path) as storage:
        assert storage.get("jobs", "default", written["metadata"]["name"]) == written


def test_a_deletion_with_its_dependents_is_one_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stored(path) as storage:
        job = storage.create("jobs", named("once"))
        for index in range(3):
            storage.create("pods", named(f"once-{index}", **owned_by(job)))
        before = {kind: storage.list(kind) for kind in ("jobs", "pods")}

        def cut_off(*_: object) -> None:
            raise ApiError("cut off")

        with monkeypatch.context() as cut:
            cut.setattr(Database, "write", cut_off)
            with pytest.raises(ApiError):
                storage.delete("jobs", "default", "once", "Background")
        assert {kind: storage.list(kind) for kind in before} == before
        assert len(storage.dependents(job["metadata"]["uid"])) == 3

    with stored(path) as storage:
        assert {kind: storage.list(kind) for kind in before} == before


def test_listeners_get_changes_in_order(path: Path) -> None:
    heard: list[str] = []
    with stored(path) as storage:

        def marked(resource: str, name: str) -> None:
            if resource == "jobs" and "note" not in storage.get("jobs", "default", name)["metadata"].get("labels", {}):
                storage.replace("jobs", named(name, labels={"note": "seen"}))

        storage.listen(lambda change: marked(change.resource, change.stored.name))
        storage.listen(lambda change: heard.append(change.stored.object["metadata"]["resourceVersion"]))
        storage.create("jobs", named("once"))
    assert heard == sorted(heard, key=int)
    assert len(heard) == 2


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"no database at all" * 1000, id="another file"),
        pytest.param(lambda content: content[: len(content) // 2], id="its second half missing"),
        pytest.param(lambda content: content.replace(b"Just so", b"JUST SO"), id="a word of an object"),
        pytest.param(lambda content: content[:100] + bytes(4096) + content[4196:], id="a page of zeros"),
    ],
)
def test_a_damaged_file_is_reported_in_one_line(path: Path, damage: Callable[[bytes], bytes]) -> None:
    with stored(path) as storage:
        for index in range(20):
            storage.create("jobs", named(f"job-{index}", annotations={"note": "Just so" * 100}))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(damage(path.read_bytes()))

    with (
        pytest.raises(DamagedDatabase, match=r"the cluster's objects in .*objects\.sqlite are damaged: ") as told,
        stored(path),
    ):
        pass
    assert "\n" not in str(told.value)


def test_files_of_another_version_program_or_cluster_have_different_errors(path: Path) -> None:
    with stored(path), pytest.raises(UnusableDatabase, match="is used by another process"), stored(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    with pytest.raises(UnusableDatabase, match="have format 7, and this version reads 1"), stored(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 5")
    with pytest.raises(UnusableDatabase, match="is the database of another program"), stored(path):
        pass


def test_only_the_owner_can_read_the_database_file(path: Path) -> None:
    with stored(path):
        pass
    assert [one.stat().st_mode & 0o077 for one in (path, path.parent)] == [0, 0]
