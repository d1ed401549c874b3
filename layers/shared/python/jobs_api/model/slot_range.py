"""The range of time of which a client wants the slots, and the candidates in it: as many as one answer may have."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Self

from jobs_api.errors import Fault, InvalidRequest
from jobs_api.model.document import rfc3339
from jobs_api.model.explained_slots import Candidate, ExplainedSlot, SlotOutcome, candidates
from jobs_api.model.firing_history import EXPLAINED_FOR
from jobs_api.model.job import Job
from jobs_api.model.periods import EVER
from jobs_api.model.project import Project

MOST_SLOTS: Final = 1_000
USUAL_RANGE: Final = timedelta(days=7)
# How many paused slots are shown before the next slot that will run, if no end is requested.
MOST_AHEAD: Final = 100
_BEFORE: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class SlotRange:
    """The range that was asked for: from `since` to before `until`; None where the usual begin or end is wanted."""

    since: datetime | None
    until: datetime | None

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None, now: datetime) -> Self:
        """Check a range; raises InvalidRequest with what would be right."""
        earliest, days = now - EXPLAINED_FOR, EXPLAINED_FOR.days
        too_early = [name for name, moment in (("from", since), ("to", until)) if moment and moment < earliest]
        if too_early:
            said = f"slots are explained for {days} days, since {rfc3339(earliest)}"
            raise InvalidRequest([Fault(name, said) for name in too_early])
        if since and until and until <= since:
            raise _invalid("to", f"must be after from, {rfc3339(since)}")
        if since and until and until - since > EXPLAINED_FOR:
            raise _invalid("to", f"may be at most {days} days after from: {rfc3339(since + EXPLAINED_FOR)}")
        return cls(since, until)

    def begin(self, now: datetime) -> datetime:
        """Return the first time in the range."""
        return self.since or max((self.until or now) - USUAL_RANGE, now - EXPLAINED_FOR)

    def begin_of(self, found: Sequence[Candidate], now: datetime) -> datetime:
        """Return the time from which on `found` has every candidate."""
        return found[0].at if len(found) == MOST_SLOTS and self.since is None else self.begin(now)

    def end_of_past(self, now: datetime) -> datetime:
        """Return until when slots of the range may have runs."""
        return min(self.until - _BEFORE, now) if self.until else now

    def candidates(self, job: Job, project: Project, now: datetime) -> list[Candidate]:
        """Return the candidates in the range, as many as an answer may have.

        Raises:
            InvalidRequest: both ends were asked for, and there are more.
        """
        end = self.until - _BEFORE if self.until else self._usual_end(job, project, now)
        found = candidates(job, project, self.begin(now) - _BEFORE, end)
        return self.limited(found if self.since is None else islice(found, MOST_SLOTS + 1))

    def limited[S: (Candidate, ExplainedSlot)](self, slots: Iterable[S]) -> list[S]:
        """Return the newest of too many slots if no begin was asked for, else the oldest if no end was.

        Raises:
            InvalidRequest: both ends were asked for, and there are more.
        """
        if self.since is None:
            return list(deque(slots, maxlen=MOST_SLOTS))
        found = list(slots)
        if len(found) > MOST_SLOTS and self.until:
            last = _time_of(found[MOST_SLOTS - 1])
            raise _invalid("to", f"the range has more than {MOST_SLOTS:,} slots; so many end at {rfc3339(last)}")
        return found[:MOST_SLOTS]

    def _usual_end(self, job: Job, project: Project, now: datetime) -> datetime:
        """Return the time of the next slot that is to run, unless too many paused ones come before it."""
        after = max(now, self.begin(now) - _BEFORE)
        end = after
        for one in islice(candidates(job, project, after, EVER), MOST_AHEAD):
            end = one.at
            if one.outcome is SlotOutcome.UPCOMING:
                break
        return min(end, self.since + EXPLAINED_FOR) if self.since else end


def _time_of(slot: Candidate | ExplainedSlot) -> datetime:
    return slot.at if isinstance(slot, Candidate) else slot.scheduled_for


def too_many_runs(read_from: datetime) -> InvalidRequest:
    """Say that one request cannot read all runs of a range."""
    return _invalid("from", f"the job has too many runs for so long a range; ask from {rfc3339(read_from)} on")


def known_since(found: Sequence[Candidate], read_from: datetime) -> list[Candidate]:
    """Return the candidates whose runs were read."""
    return [one for one in found if one.at > read_from]


def _invalid(field: str, message: str) -> InvalidRequest:
    return InvalidRequest([Fault(field, message)])
