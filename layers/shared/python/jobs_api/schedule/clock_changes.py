"""The times of a schedule that are lost or doubled where clocks change.

A lost time is a local time that a day does not have; a doubled one comes twice.

Where clocks go forward, `30 2 * * *` has no 02:30 on that day, and Kubernetes starts nothing in its place. On days of a
change by half an hour, Kubernetes' library also passes over full hours that exist (jobs_api.schedule.firing). Where
clocks go back, `30 2 * * *` has two 02:30 on that day, and Kubernetes starts a Job at each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from jobs_api.schedule.firing import next_instant
from jobs_api.schedule.grammar import Schedule, read
from jobs_api.schedule.timezones import load

_DAY = timedelta(days=1)
# No zone changes its clocks twice in so short a time.
_STEP = timedelta(hours=12)
_EVERY_HOUR = (1 << 24) - 1


@dataclass(frozen=True)
class ClockChange:
    """A change of clocks: at an instant they went from one local time to another."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def left(self) -> datetime:
        """The local time at which they changed."""
        return (self.at + self.before).replace(tzinfo=None)

    @property
    def reached(self) -> datetime:
        """The local time to which they changed."""
        return (self.at + self.after).replace(tzinfo=None)

    def in_words(self, timezone: str) -> str:
        """Say when which clocks go from which time to which."""
        return f"clocks in {timezone} go from {self.left:%H:%M} to {self.reached:%H:%M} on {self.left:%Y-%m-%d}"


@dataclass(frozen=True)
class LostTime:
    """A local time of a schedule at which it does not fire, since clocks changed on that day.

    `at` is when it would have been by the clocks before the change.
    """

    at: datetime
    local: datetime
    change: ClockChange

    @property
    def exists(self) -> bool:
        """Whether clocks show this time on that day."""
        return not self.change.left <= self.local < self.change.reached

    def in_words(self, timezone: str) -> str:
        """Say why the schedule does not fire then."""
        moved = self.change.in_words(timezone)
        if self.exists:
            return f"{moved}; Kubernetes starts nothing at {self.local:%H:%M} on that day"
        return f"{moved}, so there is no {self.local:%H:%M}"


@dataclass(frozen=True)
class DoubledTime:
    """A local time of a schedule at which it fires twice, since clocks go back; `at` is the second time."""

    at: datetime
    local: datetime
    change: ClockChange


def lost_times(expression: str, timezone: str, after: datetime, until: datetime) -> Iterator[LostTime]:
    """Yield a schedule's lost times later than `after` and not later than `until`, in their order.

    A schedule of every hour loses none where it fires at the same instant all the same: an hour follows each hour.
    """
    schedule, zone = read(expression), load(timezone)
    if not isinstance(schedule, Schedule):
        return
    for change in _changes(zone, after - _DAY, until + _DAY):
        for lost in sorted(_lost_by(schedule, zone, change), key=lambda one: one.at):
            if after < lost.at <= until:
                yield lost


def doubled_times(expression: str, timezone: str, after: datetime, until: datetime) -> Iterator[DoubledTime]:
    """Yield a schedule's doubled times later than `after` and not later than `until`, in their order.

    A schedule of every hour has none where it fires as often as if clocks did not change: an hour follows each hour.
    """
    schedule, zone = read(expression), load(timezone)
    if not isinstance(schedule, Schedule):
        return
    for change in _changes(zone, after - _DAY, until + _DAY):
        for doubled in _doubled_by(schedule, zone, change):
            if after < doubled.at <= until:
                yield doubled


def _doubled_by(schedule: Schedule, zone: ZoneInfo, change: ClockChange) -> Iterator[DoubledTime]:
    seen: set[datetime] = set()
    for at in _fired_on(schedule, zone, change):
        local = at.astimezone(zone).replace(tzinfo=None)
        by_clocks_before = (at + change.before).replace(tzinfo=None)
        every_hour = schedule.hours == _EVERY_HOUR and bool(schedule.minutes >> by_clocks_before.minute & 1)
        if local in seen and not every_hour:
            yield DoubledTime(at, local, change)
        seen.add(local)


def _changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[ClockChange]:
    low = since.astimezone(UTC).replace(microsecond=0)
    while low < until:
        high = low + _STEP
        before, after = _offset(zone, low), _offset(zone, high)
        if before != after:
            yield ClockChange(_change_between(zone, low, high), before, after)
        low = high


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first second of the offset that holds at `high`."""
    before = _offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _lost_by(schedule: Schedule, zone: ZoneInfo, change: ClockChange) -> Iterator[LostTime]:
    days = list(_days(change))
    fired = list(_fired_on(schedule, zone, change))
    instants, there = set(fired), {at.astimezone(zone).replace(tzinfo=None) for at in fired}
    for local in (one for day in days for one in _local_times(schedule, day)):
        at = (local - change.before).replace(tzinfo=UTC)
        lost = LostTime(at, local, change)
        if lost.exists:
            lost = LostTime(local.replace(tzinfo=zone).astimezone(UTC), local, change)
        every_hour = schedule.hours == _EVERY_HOUR and lost.at in instants
        if local not in there and not every_hour:
            yield lost


def _days(change: ClockChange) -> Iterator[date]:
    """Yield the local days that a change is on: one, or those that the clocks passed over."""
    first, last = sorted((change.left, change.reached - timedelta(seconds=1)))
    day = first.date()
    while day <= last.date():
        yield day
        day += _DAY


def _fired_on(schedule: Schedule, zone: ZoneInfo, change: ClockChange) -> Iterator[datetime]:
    """Yield when a schedule fires from the day before a change to the day after it."""
    width = _DAY + abs(change.after - change.before)
    return takewhile(lambda at: at < change.at + width, _instants(schedule, zone, change.at - width))


def _instants(schedule: Schedule, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    at: int | None = int(after.timestamp())
    while at is not None and (at := next_instant(schedule, zone, at)) is not None:
        yield datetime.fromtimestamp(at, UTC)


def _local_times(schedule: Schedule, day: date) -> Iterator[datetime]:
    """Yield the times of a schedule on a day, as the schedule says them, whatever clocks do."""
    if not (schedule.months >> day.month & 1 and schedule.is_on(day.day, day.isoweekday() % 7)):
        return
    for hour in range(24):
        for minute in range(60):
            if schedule.hours >> hour & 1 and schedule.minutes >> minute & 1:
                yield datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - a local time
