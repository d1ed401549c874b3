"""Spans of time that decide about slots: when a job or its project fired, and when a cluster was out of reach."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from pydantic import Field

from jobs_api.model.document import Absent, Record, Timestamp

# How long ended periods are kept: longer than any starting deadline, so that all their slots are settled by then.
KEPT_FOR: Final = timedelta(days=8)
# The most ended firings or periods that are kept; more would need hundreds of edits within one starting deadline.
MOST_KEPT: Final = 200
# The most bytes of them as JSON: schedules may be long, and an item of the table is limited.
KEPT_BYTES: Final = 64 * 1024
EVER: Final = datetime.max.replace(tzinfo=UTC)


class Period(Record):
    """A period: after `since`, up to and including `until`; None while the period is open.

    `starting_deadline_seconds` is how late its slots may start: in a job's firing the job's own, in a project's period
    that which the project had. None where these are what the project has now.
    `after_pause`: it begins with the end of a pause. That time was known well before, so the cluster could follow.
    """

    since: Timestamp
    until: Timestamp | None = None
    # Omitted where there is none, so that the previous release can read such a period.
    starting_deadline_seconds: Absent[int] = None
    after_pause: bool = Field(default=False, exclude_if=lambda after: not after)

    def holds(self, moment: datetime) -> bool:
        """Return whether a time is in the period."""
        return self.since < moment and (self.until is None or moment <= self.until)

    def with_deadline(self, seconds: int) -> Self:
        """Return it with the deadline that it had, unless it is known already."""
        return (
            self if self.starting_deadline_seconds else self.model_copy(update={"starting_deadline_seconds": seconds})
        )


class Outage(Period):
    """A time during which a cluster could not be reached; `stopped` where the service and its cluster were stopped.

    Only a laptop's service stops its cluster.
    """

    stopped: bool = False


class Firing(Period):
    """A period in which a job has one schedule and one timezone.

    `in_force_at` is when its CronJob was first known to have this schedule, None if it never had.
    """

    schedule: str
    timezone: str
    cronjob_name: str
    in_force_at: Timestamp | None = None


def newest_firings(firings: Sequence[Firing]) -> list[Firing]:
    """Return the newest firings: as many as the limits of number and bytes allow."""
    kept: list[Firing] = []
    left = KEPT_BYTES
    for firing in reversed(firings[-MOST_KEPT:]):
        left -= len(firing.model_dump_json().encode())
        if left < 0:
            break
        kept.append(firing)
    return kept[::-1]


def remembered[P: Period](periods: Iterable[P], now: datetime, kept_for: timedelta = KEPT_FOR) -> list[P]:
    """Return the periods that may have slots to settle, or that are kept for longer, the newest last."""
    kept = [period for period in periods if period.until is None or period.until > now - kept_for]
    return kept[-MOST_KEPT:]
