"""When a CronJob is due: its slots between two times, as robfig/cron and the CronJob controller count them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from jobs_api.schedule import fire_times

_TOO_MANY = 100
_FIRST_LOOK_BACK = timedelta(minutes=2)
_UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 0.000001, "µs": 0.000001, "ns": 0.000000001}
_DURATION = re.compile(r"(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|us|µs|ns|s))+")
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|m|us|µs|ns|s)")


@dataclass(frozen=True)
class Missed:
    """The slots since a CronJob last ran: the latest of them, if any, and whether they were more than a hundred."""

    latest: datetime | None = None
    too_many: bool = False


def slots(spec: Mapping[str, Any], after: datetime) -> Iterator[datetime]:
    """Yield the slots strictly after `after`, aware and in UTC; raises ValueError for a schedule nobody can read.

    `spec` is a CronJob's. Without a timeZone it is in the controller's own, which is UTC here.
    """
    schedule = spec["schedule"]
    if schedule.startswith("@every "):
        yield from _every(_seconds(schedule.removeprefix("@every ")), after)
    else:
        yield from fire_times(schedule, spec.get("timeZone") or "UTC", after)


def missed(spec: Mapping[str, Any], since: datetime, now: datetime) -> Missed:
    """Find the slots after `since` and up to `now` (mostRecentScheduleTime).

    As in Kubernetes the hundred is an estimate: the time that passed, divided by the distance of the first two slots.
    """
    first_two = list(takewhile(lambda at: at <= now, islice(slots(spec, since), 2)))
    if len(first_two) < 2:
        return Missed(first_two[0] if first_two else None)
    first, second = first_two
    estimate = (now - first) // (second - first) + 1
    return Missed(_latest(spec, second, now) or second, too_many=estimate > _TOO_MANY)


def _latest(spec: Mapping[str, Any], since: datetime, now: datetime) -> datetime | None:
    """Find the last slot after `since` and up to `now`.

    Looks back from `now` in ever larger steps: walking a minutely schedule through a week of a closed laptop's lid
    takes longer than a tick may.
    """
    look_back = timedelta.max if spec["schedule"].startswith("@every") else _FIRST_LOOK_BACK
    while True:
        start = since if look_back >= now - since else now - look_back
        latest = None
        for latest in takewhile(lambda at: at <= now, slots(spec, start)):  # noqa: B007 - the last one is wanted
            pass
        if latest or start == since:
            return latest
        look_back *= 8


def _every(seconds: int, after: datetime) -> Iterator[datetime]:
    """Yield at a constant distance, counted from `after` cut to its second (ConstantDelaySchedule)."""
    at = after.replace(microsecond=0)
    while True:
        at += timedelta(seconds=seconds)
        yield at


def _seconds(duration: str) -> int:
    """Read a Go duration such as 1h30m; whole seconds, at least one, as cron.Every rounds it."""
    text = duration.strip()
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{duration!r} is not a duration such as 1h30m")
    total = sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))
    return max(int(total), 1)
