"""By when a run is to have ended: a time of day on the clocks of a zone, whatever these clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs_api.schedule import clock_times, next_clock_time, timezones

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEVEN = time(7)
NAIVE_1975, NAIVE_2037 = datetime(1975, 1, 1), datetime(2037, 1, 1)  # noqa: DTZ001 - as hypothesis wants them
BERLIN = "Europe/Berlin"
# Changes by an hour, by half an hour, by two hours, over midnight, by a whole day, and none.
ZONES = [
    BERLIN,
    "America/New_York",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
]
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 5, tzinfo=UTC),
    datetime(2026, 11, 1, 5, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def by_watching_the_clock(clock: time, zone: ZoneInfo, after: datetime) -> datetime:
    """Look at the clock each minute, until it shows the time or has jumped over it."""
    now = after.replace(second=0, microsecond=0)
    seen = now.astimezone(zone).replace(tzinfo=None)
    while True:
        now += MINUTE
        shows = now.astimezone(zone).replace(tzinfo=None)
        over = (datetime.combine(day, clock) for day in days(seen.date(), shows.date()))
        if shows.time() == clock or any(seen < moment < shows for moment in over):
            return now
        seen = shows


def days(first: date, last: date) -> list[date]:
    return [first + count * DAY for count in range((last - first).days + 1)]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(min_value=-36 * 60, max_value=36 * 60),
    st.integers(min_value=0, max_value=59),
    st.times().map(lambda one: one.replace(second=0, microsecond=0)),
)
@example("Pacific/Apia", CHANGES[-1], -60, 0, time(0, 0))
@example(BERLIN, CHANGES[0], -1, 0, time(2, 0))
@example(BERLIN, CHANGES[1], 0, 0, time(2, 0))
def test_the_next_clock_time_is_the_first_one_that_the_clock_shows_or_skips(
    zone: str, change: datetime, minutes: int, seconds: int, clock: time
) -> None:
    slot = change + minutes * MINUTE + timedelta(seconds=seconds)

    assert next_clock_time(clock, zone, slot) == by_watching_the_clock(clock, timezones.load(zone), slot)


@given(st.sampled_from(sorted(timezones._names())), st.datetimes(NAIVE_1975, NAIVE_2037), st.times())
def test_the_next_clock_time_is_within_three_days_in_every_zone(zone: str, after: datetime, clock: time) -> None:
    moment = after.replace(tzinfo=UTC)
    clock = clock.replace(second=0, microsecond=0)

    assert moment < next_clock_time(clock, zone, moment) <= moment + 3 * DAY


@pytest.mark.parametrize(
    ("slot", "deadline"),
    [
        ("2026-04-28 04:59", "2026-04-28 05:00"),
        # Nothing can have ended by the moment at which it begins.
        ("2026-04-28 05:00", "2026-04-29 05:00"),
        ("2026-04-28 05:01", "2026-04-29 05:00"),
        # The days before and after the change have 23 and 25 hours.
        ("2026-03-28 06:30", "2026-03-29 05:00"),
        ("2026-10-24 05:30", "2026-10-25 06:00"),
    ],
)
def test_a_slot_has_until_the_next_seven_o_clock(slot: str, deadline: str) -> None:
    assert next_clock_time(SEVEN, BERLIN, utc(slot)) == utc(deadline)


@pytest.mark.parametrize(
    ("clock", "slot", "deadline"),
    [
        # 02:30 does not exist: the clocks show 03:00 after 01:59:59.
        (time(2, 30), "2026-03-28 23:00", "2026-03-29 01:00"),
        (time(3), "2026-03-28 23:00", "2026-03-29 01:00"),
        (time(3), "2026-03-29 01:00", "2026-03-30 01:00"),
        # 02:30 comes twice: a slot between the two has until the second.
        (time(2, 30), "2026-10-24 22:00", "2026-10-25 00:30"),
        (time(2, 30), "2026-10-25 00:45", "2026-10-25 01:30"),
        (time(2, 30), "2026-10-25 01:30", "2026-10-26 01:30"),
    ],
)
def test_a_time_that_is_left_out_or_comes_twice(clock: time, slot: str, deadline: str) -> None:
    assert next_clock_time(clock, BERLIN, utc(slot)) == utc(deadline)


def test_all_times_of_a_few_days_come_in_their_order() -> None:
    found = clock_times(time(2, 30), BERLIN, utc("2026-10-24 00:30"), utc("2026-10-26 01:30"))

    assert found == [utc("2026-10-25 00:30"), utc("2026-10-25 01:30"), utc("2026-10-26 01:30")]
