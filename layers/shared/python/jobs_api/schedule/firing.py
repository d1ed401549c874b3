"""When a schedule fires: the same search as in the CronJob controller's library, changes of the clock included.

https://github.com/robfig/cron v3 (spec.go, `Next`) goes from field to field, month first, and moves the time forward
until each field matches; where a field wraps around, it starts again. At clock changes the result depends on how Go
adds hours (to the absolute time) and days (in the calendar). Kubernetes fires by that result, so this module takes the
same steps. On Lord Howe Island clocks change by half an hour. The hours that the library tries then begin at half
past, so a schedule for a full hour does not fire on that day.
"""

from zoneinfo import ZoneInfo

from jobs_api.schedule.grammar import Interval, Schedule
from jobs_api.schedule.timezones import instant, local

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
# The library gives up after five years. 29 February can be eight years away, around the year 2100.
_SEARCHES = 2


def next_instant(schedule: Schedule | Interval, zone: ZoneInfo, after: int) -> int | None:
    """Find the first instant after another, both in seconds since 1970; None where there is none.

    Where the library gives up after five years (29 February around 2100), this function searches on.

    Raises:
        OverflowError, ValueError: the search went beyond what a datetime can hold.
    """
    if isinstance(schedule, Interval):
        return after + schedule.seconds
    if not schedule.fires():
        return None
    for _ in range(_SEARCHES):
        search = _Search(schedule, zone, after + 1)
        if search.succeeds():
            return search.instant
        after = search.instant
    return None


class _Search:
    """One call of the library's `Next`: a time that moves forward until everything matches."""

    def __init__(self, schedule: Schedule, zone: ZoneInfo, instant: int) -> None:
        self._schedule = schedule
        self._zone = zone
        # Until the first move, smaller fields keep the values that they had at the start.
        self._moved = False
        self._go_to(instant)

    def succeeds(self) -> bool:
        last_year = self._local.year + 5
        while self._local.year <= last_year:
            if (
                self._find_month()
                and self._find_day()
                and self._find_hour()
                and self._find_minute()
                and self._is_full()
            ):
                return True
        return False

    def _go_to(self, instant: int) -> None:
        self.instant = instant
        self._local = local(instant, self._zone)

    def _go_to_local(self, year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> None:
        self._go_to(instant(self._zone, year, month, day, hour, minute, second))

    def _find_month(self) -> bool:
        while not self._schedule.months >> self._local.month & 1:
            if not self._moved:
                self._moved = True
                self._go_to_local(self._local.year, self._local.month, 1)
            now = self._local
            self._go_to_local(now.year, now.month + 1, now.day, now.hour, now.minute, now.second)
            if self._local.month == 1:
                return False
        return True

    def _find_day(self) -> bool:
        while not self._is_right_day():
            now = self._local
            if not self._moved:
                self._moved = True
                self._go_to_local(now.year, now.month, now.day)
            self._go_to_next_day()
            if self._local.day == 1:
                return False
        return True

    def _is_right_day(self) -> bool:
        return self._schedule.is_on(self._local.day, self._local.isoweekday() % 7)

    def _go_to_next_day(self) -> None:
        now, before = self._local, self.instant
        self._go_to_local(now.year, now.month, now.day + 1, now.hour, now.minute, now.second)
        # Where midnight does not exist, the clock shows 1 or 23.
        hour = self._local.hour
        if hour:
            self._go_to(self.instant + (24 - hour if hour > 12 else -hour) * _HOUR)
        if self.instant <= before:
            # Samoa had no 30 December in 2011. There the library never finds a time.
            self._go_to(before + _DAY)

    def _find_hour(self) -> bool:
        while not self._schedule.hours >> self._local.hour & 1:
            if not self._moved:
                self._moved = True
                now = self._local
                self._go_to_local(now.year, now.month, now.day, now.hour)
            self._advance(_HOUR, _distance(self._schedule.hours, self._local.hour, 24))
            if self._local.hour == 0:
                return False
        return True

    def _find_minute(self) -> bool:
        while not self._schedule.minutes >> self._local.minute & 1:
            if not self._moved:
                self._moved = True
                self._go_to(self.instant - self.instant % _MINUTE)
            self._advance(_MINUTE, _distance(self._schedule.minutes, self._local.minute, 60))
            if self._local.minute == 0:
                return False
        return True

    def _is_full(self) -> bool:
        """Return whether it is the minute's first second; if not, go to the next minute."""
        second = self._local.second
        if second:
            self._moved = True
            self._go_to(self.instant + _MINUTE - second)
        return not second

    def _advance(self, unit: int, count: int) -> None:
        """Move forward by several hours or minutes at once, or by one where clocks change in between."""
        offset = self._local.utcoffset()
        start = self.instant
        self._go_to(start + count * unit)
        if self._local.utcoffset() != offset:
            self._go_to(start + unit)


def _distance(values: int, value: int, size: int) -> int:
    """Count the steps to the next higher value in a set, or to `size`, where the field wraps around."""
    higher = values >> (value + 1) | 1 << (size - value - 1)
    return (higher & -higher).bit_length()
