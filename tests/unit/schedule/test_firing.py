"""When schedules fire: against what Kubernetes' own library does, and against a walk minute by minute."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter  # type: ignore[import-untyped]  # one test is not worth its stubs
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jobs_api import schedule
from jobs_api.schedule import InvalidSchedule, fire_times, firing, next_fire, timezones

DATA = Path(__file__).parents[2] / "data"
TRUTH: list[dict[str, Any]] = json.loads((DATA / "cron_truth_sample.json").read_text())["cases"]
NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def lists_of(case: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Return each recorded list of fires with its time zone and the time before."""
    yield from ((timezone, case["base"], fires) for timezone, fires in (case["next"] or {}).items())
    yield from ((dst["timezone"], dst["base"], dst["next"]) for dst in case.get("next_dst", []))


def test_a_schedule_fires_when_kubernetes_fires_it() -> None:
    recorded = [(case["expr"], *fires) for case in TRUTH for fires in lists_of(case)]
    assert len(recorded) > 2000
    ours = [list(islice(fire_times(e, zone, datetime.fromisoformat(base)), 5)) for e, zone, base, _ in recorded]
    differing = [(r, o) for r, o in zip(recorded, ours, strict=True) if r[3] != [rfc3339(fire) for fire in o]]
    assert differing == []


# Edge cases of the search.


def test_29_february_is_found_across_the_year_2100() -> None:
    # Kubernetes' library gives up after five years there.
    assert next_fire("0 0 29 2 *", "UTC", datetime(2097, 1, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


def test_a_schedule_that_never_fires_has_no_fire_times() -> None:
    assert list(fire_times("0 0 31 6 *", "Europe/Berlin", NOON)) == []
    assert next_fire("* * * * ,", "UTC", NOON) is None


def test_the_number_of_remembered_schedules_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[tuple[str, str], Any] = {}
    monkeypatch.setattr(schedule, "_known_fires", known)
    monkeypatch.setattr(schedule, "_MOST_KNOWN", 3)

    for minute in range(10):
        assert next_fire(f"{minute} 13 * * *", "UTC", NOON) == NOON.replace(hour=13, minute=minute)
        assert len(known) <= 3


def test_a_day_without_its_midnight_is_skipped_by_schedules_that_name_days() -> None:
    # In Cairo 30 April 2027 begins at 1 o'clock. The library goes back an hour to midnight, and is in 29 April.
    before = datetime(2027, 4, 27, tzinfo=UTC)
    assert next_fire("0 12 30 * *", "Africa/Cairo", before) == datetime(2027, 5, 30, 9, tzinfo=UTC)
    assert next_fire("0 12 * * fri", "Africa/Cairo", before) == datetime(2027, 5, 7, 9, tzinfo=UTC)
    assert next_fire("0 12 30 * *", "Africa/Cairo", before + timedelta(days=3)) == datetime(2027, 4, 30, 9, tzinfo=UTC)
    # Havana is west of Greenwich: 12 March 2028 begins at 1 o'clock too, and is found.
    before = datetime(2028, 3, 8, tzinfo=UTC)
    assert next_fire("0 12 12 * *", "America/Havana", before) == datetime(2028, 3, 12, 16, tzinfo=UTC)


def test_fire_times_end_with_the_calendar() -> None:
    assert [rfc3339(t) for t in fire_times("0 0 1 1 *", "UTC", datetime(9997, 6, 1, tzinfo=UTC))] == [
        "9998-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
    ]
    assert list(fire_times("* * * * *", "Asia/Tokyo", datetime.max.replace(tzinfo=UTC))) == []


def test_fire_times_are_strictly_after_even_by_a_fraction_of_a_second() -> None:
    just_before = NOON - timedelta(microseconds=1)
    assert next_fire("0 12 * * *", "UTC", just_before) == NOON
    assert next_fire("0 12 * * *", "UTC", NOON) == NOON + timedelta(days=1)


def test_every_counts_from_the_time_before_and_not_from_the_clock() -> None:
    assert list(islice(fire_times("@every 1h30m", "Asia/Kathmandu", NOON + timedelta(seconds=7)), 2)) == [
        datetime(2026, 4, 28, 13, 30, 7, tzinfo=UTC),
        datetime(2026, 4, 28, 15, 0, 7, tzinfo=UTC),
    ]


@pytest.mark.parametrize(("clause", "seconds"), [("0", 1), ("-5m", 1), ("1.5h", 5400), ("1µs", 1), ("1h1m1.9s", 3661)])
def test_every_takes_go_s_durations(clause: str, seconds: int) -> None:
    assert next_fire(f"@every {clause}", "UTC", NOON) == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("clause", ["", "5", "m", "1w", "1 h", ".m", "+", "--1m", "1e3s", "9" * 30 + "h", "3000000h"])
def test_every_rejects_what_go_does(clause: str) -> None:
    with pytest.raises(InvalidSchedule):
        fire_times(f"@every {clause}", "UTC", NOON)


def test_a_schedule_fires_across_the_day_that_samoa_skipped() -> None:
    # Kubernetes' library would loop without end here.
    before = datetime(2011, 12, 28, 12, tzinfo=UTC)
    assert list(islice(fire_times("0 12 1 * *", "Pacific/Apia", before), 1)) == [datetime(2011, 12, 31, 22, tzinfo=UTC)]


NUMBERS = [range(60), range(24), range(1, 32), range(1, 13), range(7)]
NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


@st.composite
def items(draw: st.DrawFn, place: int) -> str:
    allowed = NUMBERS[place]
    low = draw(st.sampled_from(allowed))
    high = draw(st.integers(low, allowed[-1]))
    step = draw(st.integers(1, 70))
    written = [NAMES[place][n - allowed[0]].upper() if place in NAMES else str(n) for n in (low, high)]
    return draw(
        st.sampled_from(
            ["*", "?", "*", written[0], f"{low}-{high}", f"{written[0]}-{high}", f"*/{step}", f"{low}/{step}"]
        )
    )


@st.composite
def expressions(draw: st.DrawFn) -> str:
    fields = [",".join(draw(st.lists(items(place), min_size=1, max_size=3))) for place in range(5)]
    return " ".join(fields)


def by_hand(text: str, place: int) -> tuple[set[int], bool]:
    """Read a field of `expressions` again: its values, and whether it has a star."""
    allowed = NUMBERS[place]
    values: set[int] = set()
    star = False
    for item in text.lower().split(","):
        span, _, step = item.partition("/")
        for name in NAMES.get(place, []):
            span = span.replace(name, str(NAMES[place].index(name) + allowed[0]))
        if span in ("*", "?"):
            low, high, star = allowed[0], allowed[-1], star or step in ("", "1")
        else:
            low = int(span.partition("-")[0])
            high = int(span.partition("-")[2] or (allowed[-1] if step else low))
        values |= set(range(low, high + 1, int(step or 1)))
    return values, star


class Oracle:
    """Matches a local time, minute by minute."""

    def __init__(self, expression: str) -> None:
        fields = [by_hand(text, place) for place, text in enumerate(expression.split())]
        self.minutes, self.hours, self.days, self.months, self.weekdays = (values for values, _ in fields)
        self.both = fields[2][1] or fields[4][1]

    def matches(self, local: datetime) -> bool:
        days = (local.day in self.days, local.isoweekday() % 7 in self.weekdays)
        is_day = all(days) if self.both else any(days)
        return is_day and local.month in self.months and local.hour in self.hours and local.minute in self.minutes

    def fires(self, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
        minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        found = []
        while minute <= until:
            if self.matches(minute.astimezone(zone)):
                found.append(minute)
            minute += timedelta(minutes=1)
        return found


def changes(name: str) -> list[tuple[datetime, timedelta]]:
    """Find the days of 2027 on which a zone's clock changes, and by how much."""
    days = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(366)]
    offsets = [day.astimezone(timezones.load(name)).utcoffset() or timedelta() for day in days]
    pairs = zip(days, offsets, offsets[1:], strict=False)
    return [(day, new - old) for day, old, new in pairs if old != new]


ZONES = sorted(timezones._names())
HOUR = timedelta(hours=1)
# Lord Howe Island's change by half an hour is left out here: the recorded cases cover it.
CHANGES = [(name, day) for name in ZONES for day, by in changes(name) if not by % HOUR]


def skips_midnight(name: str, day: datetime) -> bool:
    """Tell whether a midnight is missing: days are then counted from 23 o'clock, which another test shows."""
    zone = timezones.load(name)
    midnights = [datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=n) for n in range(-1, 3)]
    return any(midnight.astimezone(UTC).astimezone(zone).hour for midnight in midnights)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(expressions(), st.sampled_from(CHANGES), st.timedeltas(timedelta(), timedelta(days=1)))
@example("0 0 * * *", ("America/Havana", datetime(2027, 11, 7, tzinfo=UTC)), timedelta())
@example("30 0,1 * * *", ("Africa/Cairo", datetime(2027, 4, 29, tzinfo=UTC)), timedelta())
@example("*/20 1-3 * * *", ("Antarctica/Troll", datetime(2027, 3, 28, tzinfo=UTC)), timedelta())
def test_around_a_change_of_clocks_it_fires_at_each_minute_whose_local_time_matches(
    expression: str, change: tuple[str, datetime], before: timedelta
) -> None:
    (name, day), after = change, change[1] - before
    assume(expression.endswith(" * * *") or not skips_midnight(name, day))
    until = day + timedelta(days=2)
    fires = list(takewhile(lambda fire: fire <= until, fire_times(expression, name, after)))
    assert fires == Oracle(expression).fires(timezones.load(name), after, until)


MOMENTS = st.datetimes(datetime(1985, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(expressions(), st.sampled_from(ZONES), MOMENTS)
def test_fires_come_later_and_later_and_match_the_fields(expression: str, name: str, after: datetime) -> None:
    oracle, zone = Oracle(expression), timezones.load(name)
    fires = list(islice(fire_times(expression, name, after), 8))
    assert [after, *fires] == sorted({after, *fires})
    assert all(oracle.matches(fire.astimezone(zone)) and fire.second == 0 for fire in fires)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(expressions(), st.sampled_from(ZONES), MOMENTS)
def test_hours_and_minutes_gone_at_once_end_where_single_steps_do(expression: str, name: str, after: datetime) -> None:
    def single_steps(search: Any, unit: int, _count: int) -> None:
        search._go_to(search.instant + unit)

    quick = list(islice(fire_times(expression, name, after), 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(firing._Search, "_advance", single_steps)
        assert list(islice(fire_times(expression, name, after), 2)) == quick


@st.composite
def plain_expressions(draw: st.DrawFn) -> str:
    """Write a schedule as crontab(5) knows it, without what croniter reads in its own way.

    To croniter `5-5` is everything and a step beyond the field an error, and it joins a `*/2` day with a day of week
    by another rule.
    """
    fields = []
    for allowed in NUMBERS:
        low = draw(st.sampled_from(allowed[:-1]))
        high = draw(st.integers(low + 1, allowed[-1]))
        fields.append(draw(st.sampled_from(["*", str(low), f"{low},{high}", f"{low}-{high}", f"*/{high % 5 + 2}"])))
    fields[draw(st.sampled_from([2, 4]))] = "*"
    return " ".join(fields)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(plain_expressions(), MOMENTS)
def test_fire_times_equal_those_of_croniter_where_both_have_the_same_rules(expression: str, after: datetime) -> None:
    assume(schedule.kubernetes_schedule(expression).fires())
    theirs = croniter(expression, after)
    assert list(islice(fire_times(expression, "UTC", after), 4)) == [theirs.get_next(datetime) for _ in range(4)]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(plain_expressions(), st.sampled_from(ZONES), MOMENTS, st.lists(st.timedeltas(timedelta(), timedelta(days=3))))
def test_a_fire_that_is_remembered_is_the_one_that_is_searched(
    expression: str, name: str, first: datetime, later: list[timedelta]
) -> None:
    asked = [first, *(first + delay for delay in later)]

    remembered = [next_fire(expression, name, after) for after in asked]

    assert remembered == [next(fire_times(expression, name, after), None) for after in asked]


def test_every_is_counted_from_each_time_that_is_asked_for() -> None:
    asked = [datetime(2026, 4, 28, 12, 0, second, tzinfo=UTC) for second in range(3)]

    fires = [next_fire("@every 1h", "UTC", after) for after in asked]

    assert fires == [after + timedelta(hours=1) for after in asked]
