"""When a CronJob is due: its slots between two times, as the CronJob controller counts them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from jobs_api.schedule import fire_times

_TOO_MANY = 100
_FIRST_LOOK_BACK = timedelta(minutes=2)


@dataclass(frozen=True)
class Missed:
    """The slots since a CronJob last ran: the latest one, if any, and whether there were more than a hundred."""

    latest: datetime | None = None
    too_many: bool = False


def slots(spec: Mapping[str, Any], after: datetime) -> Iterator[datetime]:
    """Yield the slots strictly after `after`, aware and in UTC; raises ValueError if the schedule is not readable.

    `spec` is a CronJob's. Without a timeZone the schedule is in the controller's own, which is UTC here.
    """
    return fire_times(spec["schedule"], spec.get("timeZone") or "UTC", after)


def counts_from_last(spec: Mapping[str, Any]) -> bool:
    """Return whether slots depend on the last slot, as those of `@every 5m` do, and not on the clock alone."""
    return str(spec["schedule"]).startswith("@every ")


def missed(spec: Mapping[str, Any], since: datetime, now: datetime) -> Missed:
    """Find the slots after `since` and up to `now` (mostRecentScheduleTime).

    As in Kubernetes the number is an estimate: the time that passed, divided by the distance of the first two slots.
    """
    first_two = list(takewhile(lambda at: at <= now, islice(slots(spec, since), 2)))
    if len(first_two) < 2:
        return Missed(first_two[0] if first_two else None)
    first, second = first_two
    estimate = (now - first) // (second - first) + 1
    return Missed(_latest(spec, second, now) or second, too_many=estimate > _TOO_MANY)


def _latest(spec: Mapping[str, Any], since: datetime, now: datetime) -> datetime | None:
    """Find the last slot after `since` and up to `now`.

    Searches back from `now` in ever larger steps. A walk through all slots of a schedule that fires every minute, after
    a laptop slept for a week, would take too long.
    """
    look_back = now - since if counts_from_last(spec) else _FIRST_LOOK_BACK
    while True:
        start = max(since, now - look_back)
        latest = None
        for at in takewhile(lambda at: at <= now, slots(spec, start)):
            latest = at
        if latest or start == since:
            return latest
        look_back *= 8
