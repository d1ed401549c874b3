"""Chains: which jobs a job runs after, and when all of them have ended so. Facts in, decision out.

The job that `run_after` names is a predecessor; the job that has the `run_after` is its follower.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails

from jobs_api.model.document import Record, Timestamp

type EndStatus = Literal["success", "failed", "error"]

# Statuses are stored in this order, so that another order in a request is not a change. A cancelled run does not count
# as an end.
END_STATUSES: Final[tuple[str, ...]] = get_args(EndStatus.__value__)
MOST_PREDECESSORS: Final = 10
# How many jobs of a cycle an error names.
NAMED_IN_A_CYCLE: Final = 6


class Predecessor(Record):
    """A job that another one runs after, and the statuses with which its run must have ended."""

    job_id: Annotated[str, Field(strict=True, min_length=1, max_length=64)]
    on: Annotated[list[EndStatus], Field(strict=True, min_length=1)] = Field(default=["success"])

    @model_validator(mode="before")
    @classmethod
    def _drop_what_is_not_said(cls, document: Any) -> Any:
        """Drop `null`, which means the default."""
        if not isinstance(document, dict):
            return document
        return {name: value for name, value in document.items() if name != "on" or value is not None}

    @field_validator("on")
    @classmethod
    def _in_order(cls, statuses: list[EndStatus]) -> list[EndStatus]:
        return sorted(set(statuses), key=END_STATUSES.index)


def check_each_once(predecessors: list[Predecessor]) -> list[Predecessor]:
    """Raise a ValidationError that names each job that is there twice."""
    first: dict[str, int] = {}
    faults: list[InitErrorDetails] = []
    for at, one in enumerate(predecessors):
        if first.setdefault(one.job_id, at) != at:
            raised = ValueError(f"is there twice, also as run_after.{first[one.job_id]}; give its statuses in one `on`")
            faults.append(InitErrorDetails(type="value_error", loc=(at, "job_id"), input=None, ctx={"error": raised}))
    if faults:
        raise ValidationError.from_exception_data("run_after", faults)
    return predecessors


def cycle(job_id: str, predecessors: Mapping[str, Collection[str]], first: str) -> list[str] | None:
    """Return the shortest way from a job over its predecessor `first` back to itself; None where there is none.

    Args:
        job_id: the job.
        predecessors: of each job of the project, by id, as they would be.
        first: one of its predecessors.
    """
    came_from = {first: job_id}
    edge = [first]
    while edge:
        reached: list[str] = []
        for job, before in ((after, one) for after in edge for one in predecessors.get(after, ())):
            if before == job_id:
                return [*_path_from(job, came_from, job_id), job_id]
            if before not in came_from:
                came_from[before] = job
                reached.append(before)
        edge = reached
    return None


def _path_from(job: str, came_from: Mapping[str, str], start: str) -> list[str]:
    way = [job]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def cycle_in_words(names: Sequence[str]) -> str:
    """Say which jobs a cycle has; the last one is the first."""
    shown = [repr(name) for name in names]
    if len(shown) > NAMED_IN_A_CYCLE:
        shown = [*shown[: NAMED_IN_A_CYCLE - 2], f"{len(shown) - NAMED_IN_A_CYCLE + 1} more", *shown[-2:]]
    return f"makes a cycle, in which no job could be the first: {' runs after '.join(shown)}"


class CountedEnd(Record):
    """The last end of a predecessor that its follower waits to be joined by others: which run, and when it ended."""

    run_id: str
    at: Timestamp


type CountedEnds = Mapping[str, CountedEnd]


class SkipReason(StrEnum):
    """Why a follower did not run when all its predecessors had ended."""

    DELETED = "deleted"
    DISABLED = "disabled"
    NOT_DEPLOYED = "not_deployed"
    SUSPENDED = "suspended"
    PAUSED = "paused"


class SkippedFollower(Record):
    """A follower that a run would have started, and why it did not."""

    job_id: str
    reason: SkipReason


@dataclass(frozen=True)
class RunEnd:
    """The end of a run of a predecessor."""

    run_id: str
    job_id: str
    status: str
    at: datetime


@dataclass(frozen=True)
class Count:
    """A follower's ends after another one was counted; `complete` where all its predecessors have ended so."""

    ends: CountedEnds
    complete: bool


def count_with(run_after: Sequence[Predecessor], ends: CountedEnds, end: RunEnd, last_run: datetime | None) -> Count:
    """Count the end of a predecessor's run for a follower.

    What an end completes is used up: it counts for no other run of the follower.

    Args:
        run_after: the follower's, as it is now.
        ends: those that were counted before and not used up.
        end: the one to count.
        last_run: when the follower's last run before this end was made, other than by its predecessors; earlier ends
            are what that run had already. None where there was none.
    """
    asked = {one.job_id: one.on for one in run_after}
    if end.status not in asked.get(end.job_id, ()):
        return Count(ends, complete=False)
    fresh = {job_id: one for job_id, one in ends.items() if job_id in asked and _is_since(one.at, last_run)}
    known = fresh.get(end.job_id)
    if known is None or known.at <= end.at:
        fresh[end.job_id] = CountedEnd(run_id=end.run_id, at=end.at)
    complete = fresh.keys() == asked.keys()
    return Count({} if complete else fresh, complete)


def needs_last_run(run_after: Sequence[Predecessor], ends: CountedEnds, end: RunEnd) -> bool:
    """Return whether `count_with` depends on the follower's last run: only where earlier ends complete the set."""
    return len(run_after) > 1 and count_with(run_after, ends, end, None).complete


def _is_since(at: datetime, last_run: datetime | None) -> bool:
    # A cluster's times have whole seconds. If both happened within one second, the follower runs once more rather than
    # not at all.
    return last_run is None or at.replace(microsecond=0) >= last_run.replace(microsecond=0)


def ended_before(end: datetime, made_at: datetime) -> bool:
    """Return whether an end is from before a follower existed."""
    return not _is_since(end, made_at)
