"""Decides when the next pass over an organization is due, from what its last pass found. Facts in, a time out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.slots import AwaitedSlot

# The CronJob controller usually makes a slot's Job within a second.
AFTER_SLOT: Final = timedelta(seconds=1)
# A Job that is not there by then will hardly come; the next pass for its slot is when the slot counts as missed.
JOB_WITHIN: Final = timedelta(minutes=1)
# A pass that takes longer counts as running until it ends, so that no other one is made beside it.
SHORT: Final = timedelta(seconds=1)
# Passes are never closer than this.
SOONEST: Final = timedelta(seconds=1)
# A cluster that cannot be reached is tried again after as long as it has been out of reach, within these limits.
RETRY_WITHIN: Final = (timedelta(seconds=5), timedelta(minutes=1))
# How long after the second of two pulses their spare comes: the two passes take time too.
SPARE_AFTER: Final = timedelta(seconds=2)
# The fault that one of many runs met may be over by then; the other runs need no earlier pass.
INCOMPLETE_AGAIN: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Pace:
    """How often a deployment makes passes: while runs are open, and at least."""

    open_runs: timedelta = timedelta(seconds=5)
    latest: timedelta = timedelta(minutes=10)


@dataclass(frozen=True)
class PassFacts:
    """The facts that a pass found.

    Args:
        moving: runs are open, the pass wrote something, or it was requested: an index may not show yet what follows.
        next_slot: the first future slot of any job.
        awaited: slots that are due, without a Job yet.
        work_left: a run's notification is still to be sent, or its Job to be launched.
        unreached_since: since when the cluster cannot be reached; then the other facts are unknown, but for `due`.
        incomplete: a part of the pass failed, and is to be repeated.
        sync_due_at: when the next sync of everything is due.
        pause_ended: a pause has ended, so that a sync is due now.
        due: when anything else is due, such as a run that is late from then on.
    """

    moving: bool = False
    next_slot: datetime | None = None
    awaited: Sequence[AwaitedSlot] = ()
    work_left: bool = False
    unreached_since: datetime | None = None
    incomplete: bool = False
    sync_due_at: datetime | None = None
    pause_ended: bool = False
    due: Sequence[datetime] = ()


def next_pulse(facts: PassFacts, now: datetime, pace: Pace) -> datetime:
    """Return when the next pass is due: at the first of the reasons, and at the latest after the pace."""
    soonest = now + min(SOONEST, pace.latest)
    return max(soonest, min([now + pace.latest, *_reasons(facts, now, pace)]))


def spare_after(due_in: timedelta, generation: int, pace: Pace, *, asked: bool) -> timedelta | None:
    """Return when the spare of a pulse is due, None where the pulse has none.

    While runs are open, a spare goes with every second pulse, and with that of a requested pass, which may be the first
    of many. It comes after the two passes that should follow. So a lost pulse makes one gap, of 12 seconds at most.

    Args:
        due_in: when the pulse is due.
        generation: that of the pass that sends the pulse.
        pace: how often passes are made.
        asked: whether the pass was requested.
    """
    if due_in > pace.open_runs or not (asked or generation % 2 == 0):
        return None
    return 2 * pace.open_runs + SPARE_AFTER


def may_announce(due_in: timedelta, took: timedelta, pace: Pace) -> bool:
    """Return whether the next pass may announce the one after it when it begins, which saves the write at its end.

    Args:
        due_in: when the next pass is due; while runs are open, the one after it usually is as far away.
        took: how long this pass took; the next one will probably take as long.
        pace: how often passes are made.
    """
    return due_in <= pace.open_runs and took < SHORT


def _reasons(facts: PassFacts, now: datetime, pace: Pace) -> Iterator[datetime]:
    yield from facts.due
    if facts.unreached_since is not None:
        shortest, longest = RETRY_WITHIN
        yield now + min(longest, max(shortest, now - facts.unreached_since))
        return
    if facts.moving or facts.work_left:
        # A slot that comes sooner is seen by then: most Pods would still be starting in a pass just after it.
        yield now + pace.open_runs
    elif facts.next_slot:
        yield facts.next_slot + AFTER_SLOT
    if facts.incomplete:
        yield now + INCOMPLETE_AGAIN
    for slot in facts.awaited:
        yield slot.judged_at + AFTER_SLOT
        if now < slot.at + JOB_WITHIN:
            yield now + pace.open_runs
    if facts.sync_due_at:
        yield facts.sync_due_at
