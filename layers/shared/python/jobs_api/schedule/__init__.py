"""When jobs run: the schedules that this service takes, and the times at which Kubernetes will fire them.

Kubernetes reads and walks schedules with a Go library. What it accepts and when it fires is in `grammar` and
`firing`; this package adds what this service does not want of it, and speaks datetimes.

croniter, which many would reach for, is not used: it accepts what Kubernetes rejects (7 for Sunday, `L`, `#`, six
fields, reversed ranges), and fires at other times around clock changes and where a day's two fields meet. The tests
hold the two against each other where they mean the same.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

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
    "fire_times",
    "kubernetes_schedule",
    "next_fire",
    "parse",
]

# As long as a command may be; every value of every field in a list takes a tenth of it.
MAX_LENGTH = 4096

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def parse(expression: str) -> Schedule:
    """Read a schedule that a job may have: what Kubernetes takes and what fires, save `@every`.

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
    """Read a schedule as a Kubernetes API server does, whether or not this service would take it for a job.

    Raises:
        InvalidSchedule: Kubernetes rejects it; its attribute `kubernetes` says so in the API server's words.
    """
    return read(expression)


def fire_times(expression: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Yield the times at which Kubernetes fires a schedule, in UTC, each later than the one before and than `after`.

    They come for ever, or for as long as there are datetimes; there are none where a schedule never fires. Anything
    that Kubernetes accepts will do; `@every` counts from `after`.

    Raises:
        InvalidSchedule: Kubernetes rejects the expression.
        InvalidTimezone: the name is not one of IANA's.
        ValueError: `after` has no time zone.
    """
    schedule, zone = _read_before(expression), load(timezone)
    if after.tzinfo is None:
        raise ValueError("fire times come after an aware time, this one has no time zone")
    return _walk(schedule, zone, (after - _EPOCH) // _SECOND)


# A list of jobs and each tick ask for the same few schedules again and again; what is read is immutable.
_read_before = lru_cache(maxsize=4096)(read)


def next_fire(expression: str, timezone: str, after: datetime) -> datetime | None:
    """Find the first of `fire_times`, or None; the same errors."""
    return next(fire_times(expression, timezone, after), None)


def _walk(schedule: Schedule | Interval, zone: ZoneInfo, after: int) -> Iterator[datetime]:
    try:
        while (instant := next_instant(schedule, zone, after)) is not None:
            yield datetime.fromtimestamp(instant, UTC)
            after = instant
    except (OverflowError, ValueError):
        # A datetime ends with the year 9999.
        return
