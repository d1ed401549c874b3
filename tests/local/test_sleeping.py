"""A laptop that slept: the sleep is noticed before a pass judges the slots that were missed meanwhile."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from jobs_api import store
from local.sleeping import LONGEST_PAUSE, SleepWatch
from local.stack import _record_stop
from tests.functions.people import new_organization

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
MOMENT = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class Clock:
    """A clock that a test sets, and the sleeps that were noticed by it."""

    def __init__(self) -> None:
        self.now = NOON
        self.sleeps: list[tuple[datetime, datetime]] = []
        self.watch = SleepWatch(lambda since, until: self.sleeps.append((since, until)), lambda: self.now)

    def look_at(self, *moments: datetime) -> list[tuple[datetime, datetime]]:
        for self.now in moments:
            self.watch.look()
        return self.sleeps


def test_a_time_without_a_look_is_a_sleep_once() -> None:
    slept = NOON + 5 * MOMENT, NOON + HOUR
    assert Clock().look_at(NOON, *slept, slept[1] + MOMENT) == [slept]


def test_a_busy_machine_and_a_clock_that_is_set_back_are_no_sleep() -> None:
    assert Clock().look_at(NOON, NOON + LONGEST_PAUSE, NOON - HOUR, NOON - HOUR + MOMENT) == []


def test_it_looks_by_itself_and_stops() -> None:
    looked = threading.Event()

    def now() -> datetime:
        looked.set()
        return NOON

    with SleepWatch(lambda *_: None, now):
        assert looked.wait(60)


def test_a_sleep_that_cannot_be_recorded_does_not_end_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([NOON, NOON + HOUR, NOON + 2 * HOUR])

    def refused(*_: datetime) -> None:
        raise OSError("the disk is full")

    watch = SleepWatch(refused, lambda: next(clock))
    for _ in range(3):
        watch.look()

    assert "the disk is full" in capsys.readouterr().err


def test_a_sleep_is_a_stop_of_the_service_in_each_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    organizations = [new_organization(), new_organization()]
    # The table has the organizations of all tests before.
    monkeypatch.setattr(store, "list_organizations", lambda: organizations)

    _record_stop(NOON, NOON + HOUR)

    for organization in organizations:
        (outage,) = store.get_organization(organization.id).outages
        assert (outage.since, outage.until, outage.stopped) == (NOON, NOON + HOUR, True)
