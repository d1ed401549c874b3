"""The slots of a job: the times at which it should have run, and which of them count as missed. Facts in, decision out.

A job fires by one schedule at a time, and only while its project does. An edit ends one `Firing` and begins the next;
suspending a project ends a `Period` of it. Slots are those of a firing within a period, so that no edit and no resume
makes slots of a past that was different. Times in these documents are whole seconds, as slots are.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import Field

from jobs_api import schedule
from jobs_api.ids import derived_id
from jobs_api.model.document import Document, Timestamp, rfc3339

# How long after its starting deadline a slot counts as missed: the cluster's clock may be behind ours.
GRACE: Final = timedelta(minutes=1)
# How long a change may take to reach the cluster: an event makes it seconds, a tick each minute makes it certain.
IN_FORCE_WITHIN: Final = timedelta(minutes=2)
# What is due within so little of the change's arrival may have been looked at by the CronJob controller before.
ARRIVES_WITHIN: Final = timedelta(seconds=5)
# How long ended periods are kept: longer than any starting deadline, so that all their slots have been settled.
KEPT_FOR: Final = timedelta(days=8)
# How many ended firings or periods are kept at most; somebody has then edited hundreds of times within a deadline.
MOST_KEPT: Final = 200
# And how much of them as JSON: schedules may be long, and an item of the table has an end.
KEPT_BYTES: Final = 64 * 1024


# How soon a job notices that its project fires again; its slots since then are looked at then.
IDLE_FOR: Final = timedelta(minutes=15)
EVER: Final = datetime.max.replace(tzinfo=UTC)


class Period(Document):
    """A time during which something was so: after `since`, and up to and with `until`; None while it goes on."""

    since: Timestamp
    until: Timestamp | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether a time is in it."""
        return self.since < moment and (self.until is None or moment <= self.until)


class Outage(Period):
    """A time during which a cluster could not be reached; `stopped` where the service was down, its cluster with it.

    The latter is so on a laptop alone.
    """

    stopped: bool = False


class Firing(Period):
    """How a job fired during a period.

    `in_force_at` is when its CronJob was first known to fire like this, None where that never was.
    """

    schedule: str
    timezone: str
    cronjob_name: str
    in_force_at: Timestamp | None = None


class SlotHistory(Document):
    """A job's account of its slots.

    It has fired as it does since `since`; `unsettled` is how it fired before, as far as slots of that may be open; all
    slots up to `settled_until` are accounted for.
    """

    since: Timestamp
    unsettled: list[Firing] = Field(default_factory=list)
    settled_until: Timestamp | None = None

    def changed(self, fired: Firing | None, periods: Sequence[Period], now: datetime) -> Self:
        """Return the account of a job that fires otherwise from now on, where it fired before as `fired` says."""
        unsettled = [*self.unsettled, *ended(fired, periods, self.settled_until, now)]
        return self.model_copy(update={"since": now, "unsettled": newest_firings(unsettled)})

    def settled(self, until: datetime) -> Self:
        """Return the account with everything up to then accounted for, and forget what that was about."""
        left = [firing for firing in self.unsettled if firing.until is None or firing.until > until]
        return self.model_copy(update={"unsettled": left, "settled_until": until})


@dataclass(frozen=True)
class Slot:
    """A time at which a job should run; `begins` is when what makes it due, a firing within a period, began."""

    at: datetime
    firing: Firing
    begins: datetime

    @property
    def in_force(self) -> bool:
        """Whether the CronJob was there and fired like this when the slot came."""
        known = self.firing.in_force_at
        # What is written down is cut to whole seconds.
        return known is not None and known >= self.begins.replace(microsecond=0) and self.at > known + ARRIVES_WITHIN

    @property
    def expected(self) -> bool:
        """Whether it is missed where nothing ran: a change that is on its way to the cluster misses nothing yet."""
        return self.in_force or self.at > self.begins + IN_FORCE_WITHIN


@dataclass(frozen=True)
class AwaitedSlot:
    """A slot that is due and of which no Job was seen; after `judged_at` it is no longer open."""

    at: datetime
    judged_at: datetime


class SlotVerdict(StrEnum):
    """What is known of a slot: it ran, it was missed, it was not expected to run, or it is too early to say."""

    RAN = "ran"
    MISSED = "missed"
    UNEXPECTED = "unexpected"
    OPEN = "open"


def owed(
    firings: Iterable[Firing], periods: Iterable[Period], after: datetime | None, until: datetime
) -> Iterator[Slot]:
    """Yield the slots of a job later than `after` and not later than `until`, in their order.

    Args:
        firings: how the job fired, oldest first, none overlapping.
        periods: when its project fired, likewise.
        after: what is earlier is settled; None where nothing is.
        until: aware.
    """
    known = list(periods)
    for firing in firings:
        for period in known:
            begins = max(firing.since, period.since)
            ends = min([until, *(one.until for one in (firing, period) if one.until)])
            if begins < ends:
                yield from _slots(firing, begins, max(begins, after or begins), ends)


def _slots(firing: Firing, begins: datetime, after: datetime, ends: datetime) -> Iterator[Slot]:
    for at in schedule.fire_times(firing.schedule, firing.timezone, after):
        if at > ends:
            return
        yield Slot(at, firing, begins)


def slot_verdict(slot: Slot, ran: Collection[datetime], now: datetime, deadline: timedelta) -> SlotVerdict:
    """Tell what is known of a slot.

    Args:
        slot: one that is due.
        ran: for which slots of the job there are runs, or Jobs that will be.
        now: when it was last looked for Jobs; aware.
        deadline: how late a CronJob may start what it missed.
    """
    if slot.at in ran:
        return SlotVerdict.RAN
    if judged_at(slot, deadline) >= now:
        return SlotVerdict.OPEN
    return SlotVerdict.MISSED if slot.expected else SlotVerdict.UNEXPECTED


def judged_at(slot: Slot, deadline: timedelta) -> datetime:
    """Return the time after which a slot without a run is not open any more."""
    return slot.at + deadline + GRACE


def next_check(
    firings: Sequence[Firing], periods: Iterable[Period], after: datetime | None, now: datetime
) -> datetime | None:
    """Return when it is next worth looking at a job's slots: at its first open one; None where none will come.

    Of a job that only waits for its project to fire nobody knows the next slot, so it is looked at now and then.
    """
    first = next(owed(firings, periods, after, EVER), None)
    if first:
        return first.at
    return now + IDLE_FOR if any(firing.until is None for firing in firings) else None


def ended(firing: Firing | None, periods: Sequence[Period], after: datetime | None, now: datetime) -> list[Firing]:
    """Return what is to be remembered of a firing that ends now: nothing where none of its slots may be open."""
    if firing is None or next(owed([firing], periods, after, now), None) is None:
        return []
    return [firing.model_copy(update={"until": now})]


def newest_firings(firings: Sequence[Firing]) -> list[Firing]:
    """Return the last of some firings: as many as are kept, and as fit into what is kept of them."""
    kept: list[Firing] = []
    left = KEPT_BYTES
    for firing in reversed(firings[-MOST_KEPT:]):
        left -= len(firing.model_dump_json().encode())
        if left < 0:
            break
        kept.append(firing)
    return kept[::-1]


def remembered[P: Period](periods: Iterable[P], now: datetime) -> list[P]:
    """Return the periods that may still matter, the newest last."""
    kept = [period for period in periods if period.until is None or period.until > now - KEPT_FOR]
    return kept[-MOST_KEPT:]


def miss_id(job_id: str, slot: datetime) -> str:
    """Return the id of the run that records a missed slot."""
    return derived_id("run_", job_id, rfc3339(slot))
