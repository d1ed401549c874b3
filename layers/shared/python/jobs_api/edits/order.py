"""An order in which changes can be written one by one, each of them allowed by then."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter

from jobs_api.edits.document import PlanAction
from jobs_api.edits.plan import JobChange
from jobs_api.errors import Fault, InvalidRequest
from jobs_api.model.job import Job


def ordered(changes: Sequence[JobChange], jobs: Mapping[str, Job], most_jobs: int) -> list[JobChange]:
    """Return changes in an order in which each can be written: a name is free, a predecessor exists, no cycle closes.

    Args:
        changes: what is to be written.
        jobs: the project's jobs as they are, by id.
        most_jobs: how many a project may have.

    Raises:
        InvalidRequest: there is no such order, as where two jobs trade their names.
    """
    state = _State(jobs, most_jobs)
    order_found: list[JobChange] = []
    remaining = _sorted(changes)
    while remaining:
        later = []
        for change in remaining:
            if state.allows(change):
                state.write(change)
                order_found.append(change)
            else:
                later.append(change)
        if len(later) == len(remaining):
            raise InvalidRequest([_blocked(change, state) for change in remaining])
        remaining = later
    return order_found


def _sorted(changes: Sequence[JobChange]) -> list[JobChange]:
    """Return deletions first, followers before what they follow, then the others, the other way round.

    So nearly all are allowed when they are tried first.
    """
    deleted = {change.job.id: change for change in changes if change.action is PlanAction.DELETE}
    others = {change.job.id: change for change in changes if change.job.id not in deleted}
    last_first = reversed(_first_to_last(deleted))
    return [*(deleted[one] for one in last_first), *(others[one] for one in _first_to_last(others))]


def _first_to_last(changes: Mapping[str, JobChange]) -> list[str]:
    """Return the ids of jobs, those that others run after before these."""
    graph = {job_id: change.job.predecessor_ids for job_id, change in changes.items()}
    return [one for one in TopologicalSorter(graph).static_order() if one in changes]


class _State:
    """The names, the chains and the number of a project's jobs after the changes so far."""

    def __init__(self, jobs: Mapping[str, Job], most_jobs: int) -> None:
        self.most_jobs = most_jobs
        self.holders = {job.slug: job.id for job in jobs.values()}
        self.predecessors = {job.id: job.predecessor_ids for job in jobs.values()}
        self.followers: dict[str, set[str]] = {}
        for job_id, before in self.predecessors.items():
            self._follow(job_id, before)

    def allows(self, change: JobChange) -> bool:
        """Return whether a change can be written now."""
        job = change.job
        if change.action is PlanAction.DELETE:
            return not self.followers.get(job.id)
        if self.holders.get(job.slug, job.id) != job.id:
            return False
        wanted = job.predecessor_ids
        if not all(one in self.predecessors for one in wanted):
            return False
        if change.action is PlanAction.CREATE:
            return len(self.predecessors) < self.most_jobs
        return not (self.followers.get(job.id) and self._closes_a_cycle(job.id, wanted))

    def write(self, change: JobChange) -> None:
        """Note that a change is written."""
        job = change.job
        for one in self.predecessors.pop(job.id, ()):
            self.followers.get(one, set()).discard(job.id)
        if change.before:
            self.holders.pop(change.before.slug, None)
        if change.action is not PlanAction.DELETE:
            self.holders[job.slug] = job.id
            self.predecessors[job.id] = job.predecessor_ids
            self._follow(job.id, self.predecessors[job.id])

    def _follow(self, job_id: str, before: Iterable[str]) -> None:
        for one in before:
            self.followers.setdefault(one, set()).add(job_id)

    def _closes_a_cycle(self, job_id: str, wanted: Sequence[str]) -> bool:
        reached = {one for one in wanted if one not in self.predecessors[job_id]}
        remaining = list(reached)
        while remaining:
            new = {before for before in self.predecessors[remaining.pop()] if before not in reached}
            if job_id in new:
                return True
            reached |= new
            remaining += new
        return False


def _blocked(change: JobChange, state: _State) -> Fault:
    place = f"jobs[{change.at}]" if change.at is not None else "prune"
    if change.at is not None and state.holders.get(change.job.slug, change.job.id) != change.job.id:
        said = "swaps names with another job, which is not possible one by one: first give one of them a free name"
        return Fault(f"{place}.name", f"{said}, and this name in a second apply")
    said = "depends on changes that depend on this one; change run_after in two applies, first without the new jobs"
    return Fault(f"{place}.run_after" if change.at is not None else place, said)
