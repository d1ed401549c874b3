"""Checks which jobs a job runs after, in the jobs of its project as they are now."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from jobs_api.errors import Fault, InvalidRequest, JobHasFollowers
from jobs_api.model.chains import MOST_PREDECESSORS, cycle, cycle_in_words
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.store.chain_edits import NO_EDIT, ChainEdit
from jobs_api.store.jobs import find_jobs, list_jobs

# How many followers an error names.
NAMED_FOLLOWERS: Final = 5


def of_new(job: Job) -> ChainEdit:
    """Check the predecessors of a new job, which nobody follows yet. One BatchGetItem; none without `run_after`.

    Raises:
        InvalidRequest: one of them is not a job of the project.
    """
    wanted = job.predecessor_ids
    if not wanted:
        return NO_EDIT
    _refuse(_unknown(job, wanted, find_jobs(job.organization_id, job.project_id, wanted)))
    return ChainEdit(added=wanted)


def of_change(before: Job, after: Job, project: Project) -> ChainEdit:
    """Check the predecessors of a job that changes. One Query of the project's jobs; none where they stay the same.

    Args:
        before: the job as it is stored.
        after: as it is to be.
        project: as it was read, before this reads the jobs.

    Raises:
        InvalidRequest: one of them is the job itself, no job of the project, or runs after the job over others.
    """
    wanted = after.predecessor_ids
    if set(before.predecessor_ids) == set(wanted):
        return NO_EDIT
    jobs = {job.id: job for job in list_jobs(before.organization_id, before.project_id)[1]} | {after.id: after}
    _refuse([*_unknown(after, wanted, jobs), *_cycles(after, wanted, jobs)])
    return ChainEdit.between(before, after, jobs, project.chain_edits)


@contextmanager
def all_faults_of(project: Project, sent: Mapping[str, Any], job_id: str | None = None) -> Iterator[None]:
    """Let the error of a body that is refused also name what of its `run_after` is no job of the project.

    So a client learns of all faults at once. One BatchGetItem where a body with a `run_after` is refused.
    """
    try:
        yield
    except InvalidRequest as invalid:
        listed = sent.get("run_after")
        predecessors = listed if isinstance(listed, list) and len(listed) <= MOST_PREDECESSORS else []
        wanted = [one.get("job_id") if isinstance(one, dict) else None for one in predecessors]
        texts = {one for one in wanted if isinstance(one, str)}
        if not texts:
            raise
        known = find_jobs(project.organization_id, project.id, texts).keys() | {job_id}
        named = {fault.field for fault in invalid.faults}
        unknown = [_unknown_at(at) for at, one in enumerate(wanted) if one in texts and one not in known]
        raise InvalidRequest([*invalid.faults, *(one for one in unknown if one.field not in named)]) from invalid


def _unknown(job: Job, wanted: Iterable[str], known: Mapping[str, Job]) -> list[Fault]:
    return [_unknown_at(at) for at, one in enumerate(wanted) if one not in known and one != job.id]


def _unknown_at(at: int) -> Fault:
    return Fault(f"run_after.{at}.job_id", "is not a job of this project; a job runs after jobs of its own project")


def _cycles(job: Job, wanted: Iterable[str], jobs: Mapping[str, Job]) -> list[Fault]:
    predecessors = {one.id: one.predecessor_ids for one in jobs.values()}
    faults: list[Fault] = []
    for at, one in enumerate(wanted):
        field = f"run_after.{at}.job_id"
        if one == job.id:
            faults.append(Fault(field, "is this job itself, which cannot run after itself"))
        elif way := cycle(job.id, predecessors, one):
            faults.append(Fault(field, cycle_in_words([jobs[step].settings.name for step in way])))
    return faults


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise InvalidRequest(faults)


def check_unfollowed(job: Job) -> None:
    """Raise JobHasFollowers where other jobs run after a job. One BatchGetItem per 100; none where nobody did."""
    if not job.followers:
        return
    known = find_jobs(job.organization_id, job.project_id, sorted(job.followers)).values()
    names = sorted(one.settings.name for one in known if job.id in one.predecessor_ids)
    if names:
        more = f" and {len(names) - NAMED_FOLLOWERS} more" if len(names) > NAMED_FOLLOWERS else ""
        told = ", ".join(repr(name) for name in names[:NAMED_FOLLOWERS]) + more
        raise JobHasFollowers(f"These jobs run after this one: {told}; take it out of their run_after, or delete them")
