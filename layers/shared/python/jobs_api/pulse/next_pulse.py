"""Decides when an organization is looked at next, from what its last pass found. Facts in, a moment out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.slots import AwaitedSlot

# The CronJob controller makes a slot's Job within a second, mostly.
AFTER_SLOT: Final = timedelta(seconds=1)
# A Job that is not there by then is hardly under way: its slot is looked at again when it counts as missed.
JOB_WITHIN: Final = timedelta(minutes=1)
# Nothing is looked at more often than this, whatever is due.
SOONEST: Final = timedelta(seconds=1)
# A cluster that is out of reach is tried again after as long as it has been, between these.
RETRY_WITHIN: Final = (timedelta(seconds=5), timedelta(minutes=1))
# What one of many runs failed with may be over by then; the runs that did not fail need no other pass.
INCOMPLETE_AGAIN: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Pace:
    """How often a deployment looks: at open runs, and at the latest at everything."""

    open_runs: timedelta = timedelta(seconds=5)
    latest: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class PassFacts:
    """What a pass found.

    Args:
        moving: runs are open, or the pass wrote something, or was asked for: what follows from that, an index may not
            show yet.
        next_slot: the first slot to come of any job.
        awaited: slots that are due, without a Job yet.
        marks_left: something is still to be told of a run, or a Job to be launched.
        unreached_since: the cluster could not be reached, since then; nothing else is known then.
        incomplete: a part of the pass failed, and is to be tried again.
        sync_due_at: when all CronJobs are to be compared with the tables.
        due: whatever else falls due, and when.
    """

    moving: bool = False
    next_slot: datetime | None = None
    awaited: Sequence[AwaitedSlot] = ()
    marks_left: bool = False
    unreached_since: datetime | None = None
    incomplete: bool = False
    sync_due_at: datetime | None = None
    due: Sequence[datetime] = ()


def next_pulse(facts: PassFacts, now: datetime, pace: Pace) -> datetime:
    """Return when the next pass is due: by the first reason there is for one, and at the latest by the pace."""
    soonest = now + min(SOONEST, pace.latest)
    return max(soonest, min([now + pace.latest, *_reasons(facts, now, pace)]))


def _reasons(facts: PassFacts, now: datetime, pace: Pace) -> Iterator[datetime]:
    if facts.unreached_since is not None:
        shortest, longest = RETRY_WITHIN
        yield now + min(longest, max(shortest, now - facts.unreached_since))
        return
    if facts.moving or facts.marks_left:
        yield now + pace.open_runs
    if facts.incomplete:
        yield now + INCOMPLETE_AGAIN
    if facts.next_slot:
        yield facts.next_slot + AFTER_SLOT
    for slot in facts.awaited:
        yield slot.judged_at + AFTER_SLOT
        if now < slot.at + JOB_WITHIN:
            yield now + pace.open_runs
    if facts.sync_due_at:
        yield facts.sync_due_at
    yield from facts.due
