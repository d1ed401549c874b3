"""The slots of a job: the times at which it should run, and the decision which of them were missed.

A job fires by one schedule at a time, and only while its project does. An edit ends one `Firing` and begins the next;
suspending a project ends a `Period` of it. Slots are the times of a firing within a period, so an edit or a resume adds
no slots to the past. Times in these documents are whole seconds, as slots are.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product
from typing import Final

from jobs_api import schedule
from jobs_api.ids import derived_id
from jobs_api.model.document import rfc3339
from jobs_api.model.periods import EVER, Firing, Period
from jobs_api.model.run import Run

# How long after its starting deadline a slot counts as missed, because the cluster's clock may be late.
GRACE: Final = timedelta(minutes=1)
# How long a change may take to reach the cluster: some seconds, since it asks for a pass. If that
# message is lost, the change arrives with the next pass, and a slot after this time is a miss that says so.
IN_FORCE_WITHIN: Final = timedelta(minutes=2)
# The CronJob controller may have handled a slot this shortly after a change with the settings from before.
ARRIVES_WITHIN: Final = timedelta(seconds=5)

# How soon a job notices that its project fires again; its slots since then are checked then.
IDLE_FOR: Final = timedelta(minutes=15)


@dataclass(frozen=True)
class Slot:
    """A time at which a job should run.

    `begins` is when its firing within a period began, and `after_pause` whether a pause ended then. `deadline_seconds`
    is how late it may start, None where that is what the project says now.
    """

    at: datetime
    firing: Firing
    begins: datetime
    deadline_seconds: int | None = None
    after_pause: bool = False

    @property
    def in_force(self) -> bool:
        """Whether the CronJob existed with this schedule at the time of the slot."""
        known = self.firing.in_force_at
        # Stored times have whole seconds.
        return known is not None and known >= self.begins.replace(microsecond=0) and self.at > known + ARRIVES_WITHIN

    @property
    def expected(self) -> bool:
        """Whether the slot is missed if nothing ran; not while a change has not reached the cluster."""
        return self.in_force or self.after_pause or self.at > self.begins + IN_FORCE_WITHIN

    def deadline(self, project_seconds: int) -> timedelta:
        """Return how late the CronJob may start it; `project_seconds` is what the project says now."""
        return timedelta(seconds=self.deadline_seconds or project_seconds)


@dataclass(frozen=True)
class AwaitedSlot:
    """A slot that is due and has no Job yet; after `judged_at` it is settled."""

    at: datetime
    judged_at: datetime


class SlotVerdict(StrEnum):
    """The verdict on a slot: it ran, it was missed, it was not expected to run, or it is too early to decide."""

    RAN = "ran"
    MISSED = "missed"
    UNEXPECTED = "unexpected"
    OPEN = "open"


def owed(
    firings: Iterable[Firing], periods: Iterable[Period], after: datetime | None, until: datetime
) -> Iterator[Slot]:
    """Yield the slots of a job later than `after` and not later than `until`, in their order.

    Args:
        firings: the job's firings, oldest first, without overlap.
        periods: the periods of its project, likewise.
        after: the time up to which slots are settled; None if none are.
        until: aware.
    """
    for firing, period in product(firings, periods):
        begins = max(firing.since, period.since)
        ends = min([until, *(one.until for one in (firing, period) if one.until)])
        if begins < ends:
            deadline = firing.starting_deadline_seconds or period.starting_deadline_seconds
            after_pause = max(firing, period, key=lambda one: one.since).after_pause
            for at in _times(firing, max(begins, after or begins), ends):
                yield Slot(at, firing, begins, deadline, after_pause)


def _times(firing: Firing, after: datetime, ends: datetime) -> Iterator[datetime]:
    for at in schedule.fire_times(firing.schedule, firing.timezone, after):
        if at > ends:
            return
        yield at


def slot_verdict(slot: Slot, ran: Collection[datetime], now: datetime, deadline: timedelta) -> SlotVerdict:
    """Decide about a slot.

    Args:
        slot: one that is due.
        ran: the slots of the job that have a run, or a Job that will become one.
        now: when the Jobs of the cluster were last listed; aware.
        deadline: how late a CronJob may start a slot.
    """
    if slot.at in ran:
        return SlotVerdict.RAN
    # A CronJob starts only the last of several late slots.
    if judged_at(slot, deadline) >= now and not any(later > slot.at for later in ran):
        return SlotVerdict.OPEN
    return SlotVerdict.MISSED if slot.expected else SlotVerdict.UNEXPECTED


def judged_at(slot: Slot, deadline: timedelta) -> datetime:
    """Return the time after which a slot without a run is not open any more."""
    return slot.at + deadline + GRACE


def next_check(
    firings: Sequence[Firing], periods: Iterable[Period], after: datetime | None, now: datetime
) -> datetime | None:
    """Return when a job's slots must next be checked: at its first slot that is not settled; None if none will come.

    After a pause that is when its firing begins, since the CronJob must fire again from then on. If a job waits for its
    project to fire, its next slot is unknown, so it is checked at intervals.
    """
    first = next(owed(firings, periods, after, EVER), None)
    if first:
        return first.begins + timedelta(seconds=1) if first.begins > now else first.at
    return now + IDLE_FOR if any(firing.until is None for firing in firings) else None


def miss_id(job_id: str, slot: datetime) -> str:
    """Return the id of the run that records a missed slot."""
    return derived_id("run_", job_id, rfc3339(slot))


def is_miss(run: Run) -> bool:
    """Return whether a run only records a slot at which nothing ran."""
    return run.scheduled_for is not None and run.id == miss_id(run.job_id, run.scheduled_for)
