"""The slots of a job: the times at which it should run, and the decision which of them were missed.

A job fires by one schedule at a time, and only while its project does. An edit ends one `Firing` and begins the next;
suspending a project ends a `Period` of it. Slots are the times of a firing within a period, so an edit or a resume adds
no slots to the past. Times in these documents are whole seconds, as slots are.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import Field

from jobs_api import schedule
from jobs_api.ids import derived_id
from jobs_api.model.document import Absent, Record, Timestamp, rfc3339

# How long after its starting deadline a slot counts as missed, because the cluster's clock may be late.
GRACE: Final = timedelta(minutes=1)
# How long a change may take to reach the cluster: some seconds, since it asks for a pass. If that
# message is lost, the change arrives with the next pass, and a slot after this time is a miss that says so.
IN_FORCE_WITHIN: Final = timedelta(minutes=2)
# The CronJob controller may have handled a slot this shortly after a change with the settings from before.
ARRIVES_WITHIN: Final = timedelta(seconds=5)
# How long ended periods are kept: longer than any starting deadline, so that all their slots are settled by then.
KEPT_FOR: Final = timedelta(days=8)
# The most ended firings or periods that are kept; more would need hundreds of edits within one starting deadline.
MOST_KEPT: Final = 200
# The most bytes of them as JSON: schedules may be long, and an item of the table is limited.
KEPT_BYTES: Final = 64 * 1024


# How soon a job notices that its project fires again; its slots since then are checked then.
IDLE_FOR: Final = timedelta(minutes=15)
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


class ToldLate(Record):
    """The last deadline of which a job's channels were told that a slot had no run by then, and when."""

    deadline: Timestamp
    found_at: Timestamp


class SlotHistory(Record):
    """The firings of a job and how far its slots are settled.

    `since` is when the present firing began, or will begin after a pause. `unsettled` lists earlier firings that may
    have slots to settle. All slots up to `settled_until` are settled.
    """

    since: Timestamp
    unsettled: list[Firing] = Field(default_factory=list)
    settled_until: Timestamp | None = None
    late: Absent[ToldLate] = None

    def changed(
        self, fired: Firing | None, periods: Sequence[Period], now: datetime, since: datetime | None = None
    ) -> Self:
        """Return the history of a job whose firing changes now.

        Args:
            fired: the firing that ends.
            periods: the periods of its project.
            now: aware.
            since: when the next firing begins, None where that is now.
        """
        unsettled = [*self.unsettled, *ended(fired, periods, self.settled_until, now)]
        return self.model_copy(update={"since": since or now, "unsettled": newest_firings(unsettled)})

    def settled(self, until: datetime) -> Self:
        """Return the history with all slots up to then settled, without firings that are no longer needed."""
        left = [firing for firing in self.unsettled if firing.until is None or firing.until > until]
        return self.model_copy(update={"unsettled": left, "settled_until": until})


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
    known = list(periods)
    for firing in firings:
        for period in known:
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


def ended(firing: Firing | None, periods: Sequence[Period], after: datetime | None, now: datetime) -> list[Firing]:
    """Return a firing that ends now, or nothing if all its slots are settled."""
    if firing is None or next(owed([firing], periods, after, now), None) is None:
        return []
    return [firing.model_copy(update={"until": now})]


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


def miss_id(job_id: str, slot: datetime) -> str:
    """Return the id of the run that records a missed slot."""
    return derived_id("run_", job_id, rfc3339(slot))
