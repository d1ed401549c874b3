"""When a clock on the wall of a time zone shows a time of day, clock changes included."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from jobs_api.schedule.timezones import load, local

# Every clock time occurs at least once in this time, even if a zone drops a whole day, as Samoa did in 2011.
_ALWAYS_WITHIN: Final = timedelta(days=3)
_DAY: Final = timedelta(days=1)


def next_clock_time(clock: time, timezone: str, after: datetime) -> datetime:
    """Return the first moment later than `after` at which the clocks of a zone show a time of day, in UTC.

    Where clocks are moved back, they show some times twice, and each counts. Where clocks are moved forward over the
    time, it counts as shown at the moment of that change.

    Raises:
        InvalidTimezone: the name is not one of IANA's.
    """
    return clock_times(clock, timezone, after, after + _ALWAYS_WITHIN)[0]


def clock_times(clock: time, timezone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return each such moment later than `after` and not later than `until`, in their order; as `next_clock_time`."""
    zone = load(timezone)
    begins, ends = after.astimezone(zone).date() - _DAY, until.astimezone(zone).date() + _DAY
    days = (begins + timedelta(days=count) for count in range((ends - begins).days + 1))
    shown = {moment for day in days for moment in _occurrences(clock, day, zone)}
    return sorted(moment for moment in shown if after < moment <= until)


def _occurrences(clock: time, day: date, zone: ZoneInfo) -> list[datetime]:
    """Return when the clocks show a time on a day: once, twice, or at the change that leaves it out."""
    wanted = datetime.combine(day, clock)
    readings = [int(wanted.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1)]
    shown = [reading for reading in readings if local(reading, zone).replace(tzinfo=None) == wanted]
    return [datetime.fromtimestamp(moment, UTC) for moment in shown or [_change(wanted, zone, *sorted(readings))]]


def _change(wanted: datetime, zone: ZoneInfo, before: int, after: int) -> int:
    """Return the second at which the clocks were moved forward over a time: the first that shows a later one."""
    while after - before > 1:
        middle = (before + after) // 2
        if local(middle, zone).replace(tzinfo=None) < wanted:
            before = middle
        else:
            after = middle
    return after
