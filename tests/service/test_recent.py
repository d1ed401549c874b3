"""Caches expire by the wall clock, since a process may be frozen for hours, and a clock may be set."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api import store
from jobs_api.model.organization import Organization
from jobs_api.pulse import passes
from jobs_api.recent import Recent
from jobs_api.sync import Scope
from tests.functions.people import new_organization

THREE_HOURS = 3 * 3600


@dataclass
class Table:
    """Something that is read, at a time that tests move; `value` is what it holds."""

    now: float = 1_000_000.0
    value: str | None = "one"
    reads: list[str] = field(default_factory=list)

    def read(self, key: str) -> str | None:
        self.reads.append(key)
        return self.value

    def recent(self, seconds: float = 60, most: int = 10) -> Recent[str, str | None]:
        return Recent(self.read, seconds, keeps=bool, most=most, clock=lambda: self.now)


def test_a_value_is_cached_for_its_time_and_no_longer() -> None:
    table = Table()
    recent = table.recent()
    assert [recent.get("a"), recent.get("a")] == ["one", "one"]
    table.now += 59
    recent.get("a")
    assert table.reads == ["a"]

    table.now += 1
    recent.get("a")
    assert table.reads == ["a", "a"]


def test_a_clock_that_was_set_back_makes_nobody_remember_longer() -> None:
    table = Table()
    recent = table.recent()
    recent.get("a")
    table.now -= THREE_HOURS
    table.value = "two"

    assert recent.get("a") == "two"


def test_that_something_is_missing_is_not_remembered() -> None:
    table = Table(value=None)
    recent = table.recent()
    assert recent.get("a") is None
    table.value = "there"

    assert recent.get("a") == "there"


def test_a_failed_read_is_not_cached() -> None:
    table = Table()
    answers = iter([ConnectionError("down"), "up"])

    def read(_: str) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    recent = Recent(read, 60, clock=lambda: table.now)
    with pytest.raises(ConnectionError):
        recent.get("a")

    assert recent.get("a") == "up"


def test_only_so_much_is_remembered() -> None:
    table = Table()
    recent = table.recent(most=10)
    for number in range(25):
        recent.get(str(number))

    assert len(recent._known) == 10


def test_a_fresh_value_is_not_read_again_and_again() -> None:
    table = Table()
    recent = table.recent()
    recent.get("a")
    table.now += 5
    recent.forget("a", older_than=20)
    recent.get("a")
    assert table.reads == ["a"]

    table.now += 20
    recent.forget("a", older_than=20)
    recent.get("a")
    assert table.reads == ["a", "a"]


@given(st.lists(st.floats(-THREE_HOURS, THREE_HOURS), max_size=20))
def test_no_value_is_returned_that_is_old_by_the_present_clock(steps: list[float]) -> None:
    table = Table()
    recent = table.recent()
    read_at: float | None = None
    for step in steps:
        table.now += step
        before = len(table.reads)
        recent.get("a")
        if len(table.reads) > before:
            read_at = table.now
        assert read_at is not None
        assert 0 <= table.now - read_at < 60


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeze the process as Lambda does: three hours pass by the wall clock, and 30 seconds by the monotonic one."""
    wall, monotonic = time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: wall() + THREE_HOURS)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 30)


def test_an_organization_that_moved_while_a_function_slept_is_synced_where_it_is_now(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    organization = new_organization("acme")
    connected: list[str | None] = []

    def connect(found: Organization) -> None:
        connected.append(found.cluster)

    monkeypatch.setattr("jobs_api.cluster.connect", connect)
    monkeypatch.setattr(passes, "sync", lambda *_: Counter[str]())
    passes.sync_cronjobs(Scope(organization_id=organization.id), datetime.now(UTC))
    store.move_organization(organization.id, "another", datetime.now(UTC) - timedelta(hours=2))

    request.getfixturevalue("frozen")
    passes.sync_cronjobs(Scope(organization_id=organization.id), datetime.now(UTC))

    assert connected == [None, "another"]
