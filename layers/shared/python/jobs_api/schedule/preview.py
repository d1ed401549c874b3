"""Previews a schedule: its next firings, and in words the effect of clock changes in the next 400 days."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby, islice
from typing import Final

from jobs_api.schedule import fire_times
from jobs_api.schedule.clock_changes import DoubledTime, LostTime, doubled_times, lost_times
from jobs_api.schedule.timezones import load

WARNED_FOR: Final = timedelta(days=400)
# A schedule of every minute has sixty in an hour.
MOST_NAMED: Final = 6


@dataclass(frozen=True)
class Preview:
    """The next firings in UTC, the same in local time, and the warnings."""

    times: list[datetime]
    local: list[datetime]
    warnings: list[str]


def preview(expression: str, timezone: str, now: datetime, count: int) -> Preview:
    """Return the first `count` firings later than `now`; raises InvalidSchedule, InvalidTimezone."""
    times = list(islice(fire_times(expression, timezone, now), count))
    zone = load(timezone)
    warnings = list(_warnings(expression, timezone, now, now + WARNED_FOR))
    return Preview(times, [at.astimezone(zone) for at in times], warnings)


def _warnings(expression: str, timezone: str, after: datetime, until: datetime) -> Iterator[str]:
    """Yield a sentence for each change and for what it does to the times, in the order of time."""
    lost = lost_times(expression, timezone, after, until)
    doubled = doubled_times(expression, timezone, after, until)
    both: Iterator[LostTime | DoubledTime] = merge(lost, doubled, key=lambda one: one.at)
    for _, of_a_change in groupby(both, key=lambda one: one.change):
        found = list(of_a_change)
        moved = found[0].change.in_words(timezone)
        missing = [one for one in found if isinstance(one, LostTime) and not one.exists]
        passed = [one for one in found if isinstance(one, LostTime) and one.exists]
        twice = [one for one in found if isinstance(one, DoubledTime)]
        if missing:
            yield f"{moved}, so it skips {_times_in_words(missing)}"
        if passed:
            yield f"{moved}, and Kubernetes skips {_times_in_words(passed)} on that day"
        if twice:
            yield f"{moved}, so it fires twice at {_times_in_words(twice)}"


def _times_in_words(times: Sequence[LostTime | DoubledTime]) -> str:
    """Name the local times, or the first and the last of many; with the day where it is not that of the change."""
    names = [f"{one.local:%H:%M}" for one in times]
    last = times[-1]
    day = "" if last.local.date() == last.change.left.date() else f" of {last.local:%Y-%m-%d}"
    if len(names) > MOST_NAMED:
        return f"{len(names)} times from {names[0]} to {names[-1]}{day}"
    return names[0] + day if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}{day}"
