"""Makes a project's jobs match a list: reads and plans them at once, then writes job by job.

Each write is an ordinary create, change or deletion, in a transaction of its own with its entry of the audit log. A
process that dies in between has written some of them; the next request with the same list plans and writes the others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from jobs_api import store
from jobs_api.edits.document import ApplyAnswer, ApplyRequest, PlanAction, PlannedChange
from jobs_api.edits.listing import Present, changes_of
from jobs_api.edits.order import ordered
from jobs_api.edits.plan import JobChange, Plan
from jobs_api.errors import Conflict, Fault, InvalidRequest, StalePlan, TooManyJobs
from jobs_api.model.audit import WrittenBy
from jobs_api.model.job import Job
from jobs_api.model.project import MOST_JOBS
from jobs_api.sealing import environment, webhook
from jobs_api.sealing import job as job_secrets
from jobs_api.store.chain_edits import ChainEdit

NAMED_IN_ERROR: Final = 5


@dataclass
class Progress:
    """The changes that are written so far.

    `written` are the changes of the present plan: the ids of jobs, with the signing key of a webhook if one was made.
    `earlier` are those of plans that were given up because somebody else wrote meanwhile, by the job's id.
    """

    written: dict[str, str | None] = field(default_factory=dict)
    earlier: dict[str, PlannedChange] = field(default_factory=dict)

    def give_up(self, plan: Plan) -> None:
        """Keep what was written of a plan, before another plan is made."""
        if not self.written:
            return
        changes, _ = plan.documents(applied=self.written)
        done = {change.job_id: _with_key(change, self.earlier) for change in changes if change.applied}
        self.earlier |= {job_id: change for job_id, change in done.items() if job_id is not None}
        self.written = {}


def make_plan(
    organization_id: str, project_id: str, document: Mapping[str, Any], by: WrittenBy
) -> tuple[Plan, list[JobChange]]:
    """Return the plan of a list, and its changes in the order in which they can be written. A GetItem and a Query.

    New and renamed jobs are a BatchGetItem per 100 more.

    Args:
        organization_id: the organization of the caller.
        project_id: the project.
        document: an ApplyRequest as it was sent, which is checked here: whether there is the project is known first.
        by: who asks, and when.

    Raises:
        ProjectNotFound: the organization has no such project.
        InvalidRequest: with the faults of all jobs.
        TooManyJobs: the project would have more jobs than it may have.
        StalePlan: the request names another plan.
    """
    # Read before the jobs, so that a change of chains between the two reads is noticed when chains are written.
    edit_count = store.get_project(organization_id, project_id).chain_edits
    project, jobs = store.list_jobs(organization_id, project_id)
    present = Present(project, jobs, by.at, webhook.headers_of, environment.values_of)
    request = _read(document, present)
    changes = changes_of(request.jobs, present, prune=request.prune)
    plan = Plan(project, {job.id: job for job in jobs}, changes, by.at, edit_count)
    count = len(jobs) + sum({PlanAction.CREATE: 1, PlanAction.DELETE: -1}.get(one.action, 0) for one in plan.open)
    if count > MOST_JOBS:
        raise TooManyJobs(f"The project would have {count:,} jobs, and may have {MOST_JOBS:,}")
    _check_cronjob_names(plan)
    order = ordered(plan.open, plan.jobs, MOST_JOBS)
    if request.plan_id is not None and request.plan_id != plan.plan_id(plan.open):
        raise StalePlan("The plan is no longer what it was: the jobs or the list have changed; plan again")
    return plan, order


def _read(document: Mapping[str, Any], present: Present) -> ApplyRequest:
    """Read a request; raises InvalidRequest, with the faults of its jobs too where it has a list of objects."""
    try:
        return ApplyRequest.of(document)
    except InvalidRequest as invalid:
        if any(fault.field.startswith("jobs") for fault in invalid.faults):
            raise
        try:
            changes_of(document["jobs"], present, prune=document.get("prune") is True)
        except InvalidRequest as of_jobs:
            raise InvalidRequest([*invalid.faults, *of_jobs.faults]) from invalid
        raise


def carry_out(
    plan: Plan, order: list[JobChange], by: WrittenBy, progress: Progress, has_time: Callable[[], bool]
) -> None:
    """Write changes, as many as there is time for, at least one; `progress` also knows those before an error.

    Raises:
        ChangedMeanwhile: somebody else changed one of the jobs, or the chains of the project, since they were read.
        NameTaken, TooManyJobs, ProjectNotFound: as the writes of one job.
    """
    writing = _Writing(plan, by)
    for at, change in enumerate(order):
        if at and not has_time():
            return
        progress.written[change.job.id] = writing.write(change)


def apply_answer(plan: Plan, progress: Progress | None) -> ApplyAnswer:
    """Return a plan, or with `progress` what was done of it."""
    done: Mapping[str, str | None] = progress.written if progress else {}
    remaining = [change for change in plan.open if change.job.id not in done]
    changes, uncounted = plan.documents(applied=None if progress is None else done)
    if progress and progress.earlier:
        changes = _with_earlier(changes, progress.earlier)
    return ApplyAnswer(
        plan_id=plan.plan_id(remaining),
        remaining=len(remaining),
        unlisted=len(plan.jobs) - sum(change.before is not None for change in plan.changes) or None,
        slots_uncounted=uncounted or None,
        changes=changes,
    )


def _with_earlier(changes: Iterable[PlannedChange], earlier: Mapping[str, PlannedChange]) -> list[PlannedChange]:
    """Return a plan's changes and what was written of plans before it; of a job that is written twice, the last."""
    shown = [
        earlier.get(one.job_id or "", one) if one.action is PlanAction.NONE else _with_key(one, earlier)
        for one in changes
    ]
    named = {one.job_id for one in shown}
    return shown + [change for job_id, change in earlier.items() if job_id not in named]


def _with_key(change: PlannedChange, earlier: Mapping[str, PlannedChange]) -> PlannedChange:
    """Return a change with the signing key that an earlier write of the same job made: an answer shows it only once."""
    before = earlier.get(change.job_id or "")
    if before is None or before.webhook_secret is None or change.webhook_secret is not None:
        return change
    return change.model_copy(update={"webhook_secret": before.webhook_secret})


def with_what_was_done(error: Conflict, progress: Progress) -> Conflict:
    """Return an error that also says which changes of plans that were given up were written before it."""
    done = [f"{change.action} {change.name!r}" for change in progress.earlier.values()]
    if not done:
        return error
    more = f" and {len(done) - NAMED_IN_ERROR:,} more" if len(done) > NAMED_IN_ERROR else ""
    changes = "1 change is" if len(done) == 1 else f"{len(done):,} changes are"
    named = ", ".join(done[:NAMED_IN_ERROR])
    return type(error)(f"{error} ({changes} written: {named}{more}; the same request again continues with the others)")


class _Writing:
    """Writes one change after the other; knows the chains as they are after each."""

    def __init__(self, plan: Plan, by: WrittenBy) -> None:
        self.project = plan.project
        self.by = by
        self.jobs = dict(plan.jobs)
        self.edit_count = plan.edit_count

    def write(self, change: JobChange) -> str | None:
        """Write a change; returns the signing key of its webhook if one was made."""
        match change.action:
            case PlanAction.CREATE:
                return self._create(change.job)
            case PlanAction.DELETE:
                self._delete(self.jobs[change.job.id])
                return None
            case _:
                return self._update(self.jobs[change.job.id], change.job)

    def _create(self, job: Job) -> str | None:
        chain = ChainEdit(added=job.predecessor_ids)
        job, key = job_secrets.with_sealed_secrets(None, job)
        self.jobs[job.id] = store.create_job(job, self.by, chain)
        self._note_followed(job.id, chain)
        return key

    def _update(self, before: Job, after: Job) -> str | None:
        after = after.model_copy(update={"followers": before.followers})
        chain = ChainEdit.between(before, after, self.jobs, self.edit_count)
        after, key = job_secrets.with_sealed_secrets(before, after)
        store.update_job(before, after, self.by, chain=chain)
        self.jobs[after.id] = after
        self._note_followed(after.id, chain)
        self.edit_count += bool(chain.added)
        return key

    def _delete(self, job: Job) -> None:
        store.delete_job(job, self.by.at, remains=job.removed(self.project, self.by.at), by=self.by)
        del self.jobs[job.id]

    def _note_followed(self, follower: str, chain: ChainEdit) -> None:
        """Note what the write did to the rows of the predecessors: their later writes require it."""
        for one in chain.added:
            self._set_followers(one, self.jobs[one].followers | {follower})
        for one in chain.removed:
            self._set_followers(one, self.jobs[one].followers - {follower})

    def _set_followers(self, job_id: str, followers: frozenset[str]) -> None:
        self.jobs[job_id] = self.jobs[job_id].model_copy(update={"followers": followers})


def _check_cronjob_names(plan: Plan) -> None:
    """Raise InvalidRequest for each new or renamed job whose CronJob would have the name of another project's."""
    wanted = {
        change.job.cronjob_name: change
        for change in plan.open
        if change.after and (change.before is None or change.before.cronjob_name != change.after.cronjob_name)
    }
    holders = store.cronjob_holders(plan.project.organization_id, wanted)
    own = {*plan.jobs, *(change.job.id for change in wanted.values())}
    taken = [name for name, holder in holders.items() if holder not in own]
    if taken:
        # Another apply may have created these jobs in this project since its jobs were read.
        own |= {job.id for job in store.list_jobs(plan.project.organization_id, plan.project.id)[1]}
    faults = [
        Fault(
            f"jobs[{wanted[name].at}].name",
            f"another project's job is the CronJob {name!r} already; choose another name",
        )
        for name in taken
        if holders[name] not in own
    ]
    if faults:
        raise InvalidRequest(faults)
