"""Explains the slots of a job in a range of time: which ran, which were missed or paused, and which are to come.

What a run says comes first. Slots without a run are those of the job's schedules at that time: `candidates` finds them
in the spans that the job and its project keep.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import merge
from itertools import takewhile
from typing import Final

from jobs_api import schedule
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.firing_history import FiringSpan
from jobs_api.model.job import Job
from jobs_api.model.periods import EVER
from jobs_api.model.project import Project
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.slots import GRACE
from jobs_api.schedule.clock_changes import lost_times

DUE: Final = "it is due, and no run of it is known yet"
# For how long changes of clocks are looked for: longer than any range of slots.
CLOCKS_KNOWN_FOR: Final = timedelta(days=63)


class SlotOutcome(StrEnum):
    """The outcome of a slot, past or expected."""

    RAN = "ran"
    MISSED = "missed"
    PAUSED = "paused"
    SKIPPED_BY_CLOCK = "skipped_by_clock"
    UPCOMING = "upcoming"


class ExplainedSlot(Document):
    """A slot: what became of it, the run that says more, and why."""

    scheduled_for: Timestamp
    outcome: SlotOutcome
    run_id: Absent[str] = None
    reason: Absent[str] = None


class SlotList(Document):
    """The slots of a job in a range of time, in their order."""

    slots: list[ExplainedSlot]


@dataclass(frozen=True)
class SlotRun:
    """The run of a slot: its id, and, of a miss, why it was missed."""

    id: str
    missed: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A time of a job's schedule: paused, lost by a change of clocks, or to run."""

    at: datetime
    paused: bool = False
    reason: str | None = None

    @property
    def outcome(self) -> SlotOutcome:
        """The outcome of the slot if it gets no run."""
        return SlotOutcome.PAUSED if self.paused else SlotOutcome.UPCOMING


@dataclass(frozen=True)
class Lost(Candidate):
    """A local time that a day does not have."""

    @property
    def outcome(self) -> SlotOutcome:
        """The outcome `lost`: such a time has no run, whatever is paused."""
        return SlotOutcome.SKIPPED_BY_CLOCK


def candidates(job: Job, project: Project, after: datetime, until: datetime) -> Iterator[Candidate]:
    """Yield the times of a job's schedules later than `after` and not later than `until`, in their order.

    There are none while the job was disabled, or its project suspended or not deployed: these times are no slots.
    """
    paused = [*project.pauses.past, *project.paused_spans]
    parts = [
        (max(after, span.since, period.since), min(until, span.until or EVER, period.until or EVER), span, pause)
        for span in (*job.pauses.past, *job.spans)
        for period, pause in (*((one, one) for one in paused), *((one, None) for one in project.periods))
    ]
    for begins, ends, span, pause in sorted(parts, key=lambda part: part[:2]):
        if begins < ends:
            reason = span.reason or (pause.reason if pause else None)
            yield from _times(span, begins, ends, paused=span.paused or pause is not None, reason=reason)


def _times(
    span: FiringSpan, after: datetime, until: datetime, *, paused: bool, reason: str | None
) -> Iterator[Candidate]:
    times = schedule.fire_times(span.schedule, span.timezone, after)
    fired = (Candidate(at, paused, reason) for at in takewhile(lambda at: at <= until, times))
    lost = lost_times(span.schedule, span.timezone, after, min(until - CLOCKS_KNOWN_FOR, after) + CLOCKS_KNOWN_FOR)
    explained = (Lost(one.at, reason=one.in_words(span.timezone)) for one in lost)
    yield from merge(fired, explained, key=lambda one: one.at)


def explain(
    job: Job, project: Project, found: Sequence[Candidate], runs: Mapping[datetime, SlotRun], now: datetime
) -> list[ExplainedSlot]:
    """Explain the candidates and the slots of runs, in their order.

    A slot that is settled without a run is left out: a change of the job was just about to reach the cluster.
    """
    explained = [_of_run(at, run) for at, run in runs.items()]
    # A time that is lost may be at the instant of another one that ran.
    unmatched = [candidate for candidate in found if candidate.at not in runs or isinstance(candidate, Lost)]
    explained += [slot for candidate in unmatched if (slot := _without_run(candidate, job, project, now))]
    return sorted(explained, key=lambda slot: slot.scheduled_for)


def _of_run(at: datetime, run: SlotRun) -> ExplainedSlot:
    outcome = SlotOutcome.RAN if run.missed is None else SlotOutcome.MISSED
    return ExplainedSlot(scheduled_for=at, outcome=outcome, run_id=run.id, reason=run.missed)


def _without_run(candidate: Candidate, job: Job, project: Project, now: datetime) -> ExplainedSlot | None:
    explained = ExplainedSlot(scheduled_for=candidate.at, outcome=candidate.outcome, reason=candidate.reason)
    if candidate.outcome is not SlotOutcome.UPCOMING or candidate.at > now:
        return explained
    settled_until = job.slots.settled_until
    deadline = RunLimits.of(project.settings, job.settings).starting_deadline
    if settled_until and candidate.at <= settled_until and candidate.at + deadline + GRACE < now:
        return None
    return explained.model_copy(update={"reason": DUE})


def without_runs(found: Sequence[Candidate], runs: Collection[datetime], now: datetime) -> list[datetime]:
    """Return the past slots that should have run and have no known run."""
    return [
        candidate.at
        for candidate in found
        if candidate.outcome is SlotOutcome.UPCOMING and candidate.at <= now and candidate.at not in runs
    ]
