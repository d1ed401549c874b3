"""Where clocks change: every zone there is, and the slots of jobs in it.

What Kubernetes does, said as plainly as it can be: a schedule fires in each minute whose local time matches. So a local
time that does not exist is skipped, one that comes twice fires twice, and a day without its midnight has no `@daily`.
That holds where clocks change at a full hour and by full hours, as nearly all do. Elsewhere the library goes over the
hours at another minute than 0, and only who names no hour can rely on it. Where midnight itself is missing or comes
twice, the library's days begin at one side of it. tests/unit/schedule/test_firing.py holds both to the library's
own answers.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobs_api.model import slots
from jobs_api.schedule import fire_times, timezones
from tests.reliability.figures import proved
from tests.unit.model.test_slots import a_job, a_project, owed
from tests.unit.schedule.test_firing import HOUR, ZONES, Oracle, expressions, skips_midnight

# This checks every zone minute by minute, a quarter of the time of all unit tests.
pytestmark = pytest.mark.slow

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BEGIN, END = datetime(1972, 1, 1, tzinfo=UTC), datetime(2037, 12, 31, tzinfo=UTC)
WEEKS = [BEGIN + 7 * DAY * n for n in range((END - BEGIN).days // 7)]
ANY_DAY = datetime(2027, 3, 28, 1, tzinfo=UTC)
# Schedules that fire, are skipped or fire twice around a change in some zone.
EVERY_DAY = ["*/15 * * * *", "0 0 * * *", "30 0 * * *", "30 1 * * *", "0 2 * * *", "45 1,2,3 * * *", "15 */2 * * *"]


@cache
def changes(name: str) -> list[tuple[datetime, timedelta]]:
    """Find when a zone's clock changes between 1972 and 2037, to the minute, and by how much."""
    # No zone has ever changed its clocks and changed them back within a week of these years.
    found = []
    for (before, one), (after, other) in pairwise((week, offset(name, week)) for week in WEEKS):
        # A schedule's times have no seconds, and no zone's offset has had any since Liberia's changed in 1972.
        if one != other and not one % MINUTE and not other % MINUTE:
            found.append((moment_of(name, before, after), other - one))
    return found


def offset(name: str, moment: datetime) -> timedelta:
    return moment.astimezone(timezones.load(name)).utcoffset() or timedelta()


def moment_of(name: str, before: datetime, after: datetime) -> datetime:
    """Return the first minute in which a clock shows something else."""
    low, high = 0, int((after - before) / MINUTE)
    while high - low > 1:
        middle = (low + high) // 2
        same = offset(name, before + MINUTE * middle) == offset(name, before)
        low, high = (middle, high) if same else (low, middle)
    return before + MINUTE * high


def touches_midnight(name: str, at: datetime) -> bool:
    """Tell whether midnight is among the local times that a change leaves out or repeats."""
    one, other = sorted((at + offset(name, at - MINUTE), at + offset(name, at)))
    return (one.hour, one.minute) == (0, 0) or one.date() < (other - MINUTE).date()


def is_full(name: str, at: datetime, by: timedelta) -> bool:
    """Tell whether a change is at a full hour and by full hours."""
    return not by % HOUR and at.astimezone(timezones.load(name)).minute == 0


def ours(expression: str, name: str, after: datetime, until: datetime) -> list[datetime]:
    return list(takewhile(until.__ge__, fire_times(expression, name, after)))


def around(name: str) -> list[tuple[datetime, timedelta]]:
    """Return the last two full changes of a zone, mostly one of each kind; any day where it never had one."""
    return [(at, by) for at, by in changes(name) if is_full(name, at, by)][-2:] or [(ANY_DAY, timedelta())]


@pytest.mark.parametrize("name", ZONES)
def test_each_zone_skips_what_does_not_exist_and_repeats_what_comes_twice(name: str) -> None:
    zone = timezones.load(name)
    for at, by in around(name):
        after, until = at - 4 * HOUR, at + 4 * HOUR
        for expression in EVERY_DAY:
            expected = Oracle(expression).fires(zone, after, until)
            assert ours(expression, name, after, until) == expected, (expression, at, by)
        proved["clock changes followed by the minute"] += 1
    proved["time zones swept"] += 1


def test_a_schedule_without_hours_knows_no_odd_changes() -> None:
    odd = [(name, at) for name in ZONES for at, by in changes(name)[-3:] if not is_full(name, at, by)]
    assert odd
    for name, at in odd:
        after, until = at - 4 * HOUR, at + 4 * HOUR
        expected = Oracle("*/15 * * * *").fires(timezones.load(name), after, until)
        assert ours("*/15 * * * *", name, after, until) == expected, (name, at)
        proved["clock changes followed by the minute"] += 1


def test_a_day_without_its_midnight_has_no_daily_run() -> None:
    without = [(name, at) for name in ZONES for at, _ in around(name) if skips_midnight(name, at)]
    # Zones that change their clocks at midnight: Cairo, Beirut, Havana, Asuncion and others.
    assert len(without) > 5
    for name, at in without:
        zone = timezones.load(name)
        fires = ours("@daily", name, at - 2 * DAY, at + 2 * DAY)
        assert fires == Oracle("0 0 * * *").fires(zone, at - 2 * DAY, at + 2 * DAY), (name, at)
        dates = [fire.astimezone(zone).date() for fire in fires]
        assert at.astimezone(zone).date() not in dates
        assert len(set(dates)) == len(dates)


@st.composite
def changed_clocks(draw: st.DrawFn) -> tuple[str, datetime]:
    """Draw any full change of any zone."""
    name = draw(st.sampled_from(ZONES))
    full = [at for at, by in changes(name) if is_full(name, at, by)]
    assume(full)
    return name, draw(st.sampled_from(full))


@settings(max_examples=150, deadline=None)
@given(expressions(), changed_clocks(), st.integers(0, 24 * 60))
def test_any_schedule_fires_by_the_clock_around_any_change_of_any_zone(
    expression: str, changed: tuple[str, datetime], minutes_before: int
) -> None:
    name, at = changed
    assume(expression.endswith(" * * *") or not touches_midnight(name, at))
    after, until = at - MINUTE * minutes_before, at + DAY

    assert ours(expression, name, after, until) == Oracle(expression).fires(timezones.load(name), after, until)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(EVERY_DAY),
    changed_clocks(),
    st.lists(st.integers(1, 8 * 60), max_size=6),
)
def test_a_jobs_slots_around_a_change_are_accounted_for_once_whenever_it_is_looked_at(
    expression: str, changed: tuple[str, datetime], looks: list[int]
) -> None:
    name, at = changed
    begin, until = at - 4 * HOUR, at + 4 * HOUR
    project = a_project().model_copy(update={"created_at": begin})
    job = a_job(project, begin, schedule=expression, timezone=name)
    settled: list[datetime] = []
    for look in sorted({begin + MINUTE * minutes for minutes in looks}):
        found = owed(job, project, look)
        settled += found
        job = job.settled(found[-1], project, look) if found else job

    expected = Oracle(expression).fires(timezones.load(name), begin, until)
    assert settled + owed(job, project, until) == expected
    assert job.due_at == next((slot for slot in expected if slot not in settled), job.due_at)


def test_an_edit_between_the_two_half_past_ones_keeps_what_came_and_takes_what_comes() -> None:
    # In Berlin 2:30 comes twice on 31 October 2027: at 0:30 and at 1:30 UTC.
    begin, between = datetime(2027, 10, 30, 22, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)
    project = a_project().model_copy(update={"created_at": begin})
    job = a_job(project, begin, schedule="30 2 * * *", timezone="Europe/Berlin")

    hourly = job.changed({"schedule": "45 2 * * *"}, project, between, lambda _: {})

    found = [slot.at for slot in slots.owed(hourly.firings, project.periods, None, between + 2 * HOUR)]
    assert found == [datetime(2027, 10, 31, 0, 30, tzinfo=UTC), datetime(2027, 10, 31, 1, 45, tzinfo=UTC)]
