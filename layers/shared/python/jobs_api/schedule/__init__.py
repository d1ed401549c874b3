"""When jobs run: the schedules that this service takes, and the times at which Kubernetes will fire them.

Kubernetes reads schedules with a Go library. `grammar` has what that library accepts, and `firing` when a schedule
fires. This package rejects the schedules that this service does not support, and works with datetimes.

croniter, the usual library, is not used. It accepts what Kubernetes rejects (7 for Sunday, `L`, `#`, six fields,
reversed ranges), and fires at other times around clock changes and where day of month and day of week are combined.
The tests compare the two where they should agree.
Must not know jobs, runs or the present time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from jobs_api.schedule.clock_times import clock_times, next_clock_time
from jobs_api.schedule.fields import FORM, cited
from jobs_api.schedule.firing import next_instant
from jobs_api.schedule.grammar import Interval, InvalidSchedule, Schedule, read, split
from jobs_api.schedule.timezones import InvalidTimezone, check_timezone, load

__all__ = [
    "Interval",
    "InvalidSchedule",
    "InvalidTimezone",
    "Schedule",
    "check_timezone",
    "clock_times",
    "fire_times",
    "kubernetes_schedule",
    "next_clock_time",
    "next_fire",
    "parse",
]

# The same limit as for a command. A list of every value of every field has a tenth of it.
MAX_LENGTH = 4096

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def parse(expression: str) -> Schedule:
    """Read a schedule for a job: one that Kubernetes accepts and that fires, but not `@every`.

    Raises:
        InvalidSchedule: Kubernetes would reject it, or it is `@every`, has an empty item in a list, or would not fire
            once in the next eight years. The text says what would be right.
    """
    if len(expression) > MAX_LENGTH:
        raise InvalidSchedule(f"the schedule has {len(expression)} characters; at most {MAX_LENGTH}")
    schedule = read(expression)
    if isinstance(schedule, Interval):
        raise InvalidSchedule(f"@every is not supported, since it follows no clock; {FORM}, or */5 * * * *")
    for text in split(expression):
        if "" in text.split(","):
            raise InvalidSchedule(
                f"{cited(text)} has an empty item in its list; write values with one comma between them"
            )
    if not schedule.fires():
        raise InvalidSchedule(f"{cited(expression)} never fires: no month in it has such a day")
    return schedule


def kubernetes_schedule(expression: str) -> Schedule | Interval:
    """Read a schedule as a Kubernetes API server does, also one that this service does not support.

    Raises:
        InvalidSchedule: Kubernetes rejects it; its attribute `kubernetes` says so in the API server's words.
    """
    return read(expression)


def fire_times(expression: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Yield the times at which Kubernetes fires a schedule, in UTC, each later than the one before and than `after`.

    They do not end before the year 9999. There are none where a schedule never fires. Every schedule that Kubernetes
    accepts can be given; `@every` counts from `after`.

    Raises:
        InvalidSchedule: Kubernetes rejects the expression.
        InvalidTimezone: the name is not one of IANA's.
        ValueError: `after` has no time zone.
    """
    schedule, zone = _read_before(expression), load(timezone)
    if after.tzinfo is None:
        raise ValueError("fire times are counted from an aware time; `after` has no time zone")
    return _instants(schedule, zone, (after - _EPOCH) // _SECOND)


# A list of jobs and each pass read the same few schedules many times; what `read` returns is immutable.
_read_before = lru_cache(maxsize=4096)(read)


def next_fire(expression: str, timezone: str, after: datetime) -> datetime | None:
    """Return the first of `fire_times`, or None; raises the same errors."""
    known = _known_fires.get((expression, timezone))
    if known and after.tzinfo and known[0] <= after < known[1]:
        return known[1]
    fires_at = next(fire_times(expression, timezone, after), None)
    steady = fires_at and isinstance(_read_before(expression), Schedule) and _is_steady(load(timezone), after, fires_at)
    if fires_at and steady:
        if len(_known_fires) >= _MOST_KNOWN:
            _known_fires.clear()
        _known_fires[expression, timezone] = after, fires_at
    return fires_at


# The last result for each schedule: the first fire after one time is also the first after every time between the two. A
# list of jobs needs this for each job, and the search is a third of the list's time.
_known_fires: dict[tuple[str, str], tuple[datetime, datetime]] = {}
_MOST_KNOWN = 4096
_STEADY_WITHIN = timedelta(days=7)


def _is_steady(zone: ZoneInfo, after: datetime, fires_at: datetime) -> bool:
    """Return whether clocks do not change between two times, so that a search from any time between finds the later.

    No zone's clock changes and changes back within a week. Across a change, Kubernetes' search depends on its start.
    """
    if zone.key == "UTC":
        return True
    same = after.astimezone(zone).utcoffset() == fires_at.astimezone(zone).utcoffset()
    return same and fires_at - after <= _STEADY_WITHIN


def _instants(schedule: Schedule | Interval, zone: ZoneInfo, after: int) -> Iterator[datetime]:
    try:
        while (instant := next_instant(schedule, zone, after)) is not None:
            yield datetime.fromtimestamp(instant, UTC)
            after = instant
    except (OverflowError, ValueError):
        # The last datetime is in the year 9999.
        return
