"""Jobs whose slots must be checked: a sparse index lists them, so that jobs that are not due cost nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from pynamodb.exceptions import DeleteError, UpdateError
from pynamodb.expressions.condition import Condition

from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.store.conditions import was_refused
from jobs_api.store.job_items import job_of, slots_of
from jobs_api.store.project_rows import JOB, META, PAST_JOB, JobRow, PastJobRow, ProjectRow, ProjectsRow
from jobs_api.store.projects import partition_of, project_of

# A BatchGetItem takes 100 keys, and each job may need two: its own and its project's.
JOBS_PER_READ = 50


@dataclass(frozen=True)
class DueJob:
    """A job, or the rest of a deleted one, and its project as read at the same time."""

    project: Project
    job: Job
    deleted: bool


def due_jobs(
    organization_id: str, now: datetime, known: Mapping[str, tuple[Project, Job]] | None = None
) -> Iterator[DueJob]:
    """Yield the organization's due jobs, the longest due first. The index may lag by a moment.

    `known` has jobs by id that need not be read again.
    """
    for due_keys in batched(_due_keys(organization_id, now), JOBS_PER_READ, strict=False):
        keys = list[tuple[str, str]]()
        for partition, sort in due_keys:
            there = known.get(sort.removeprefix(JOB)) if known and sort.startswith(JOB) else None
            if there:
                yield DueJob(*there, deleted=False)
            else:
                keys.append((partition, sort))
        if not keys:
            continue
        wanted = dict.fromkeys([*keys, *((partition, META) for partition, _ in keys)])
        rows = {(row.partition, row.sort): row for row in ProjectsRow.batch_get(list(wanted), consistent_read=True)}
        for partition, sort in keys:
            row, project = rows.get((partition, sort)), rows.get((partition, META))
            # Either may have been deleted since the index was read.
            if isinstance(row, JobRow) and isinstance(project, ProjectRow):
                found = project_of(project, organization_id)
                yield DueJob(found, job_of(row, found), isinstance(row, PastJobRow))


def next_due(organization_id: str, after: datetime) -> datetime | None:
    """Return when the next slot comes of all the organization's jobs that have none due yet. One Query of one item."""
    rows = ProjectsRow.slots_due.query(organization_id, JobRow.due_at > after, limit=1)
    return next((row.due_at for row in rows), None)


def settle_job(due: DueJob, after: Job) -> bool:
    """Write that a job's slots are settled so far; remove the rest of a deleted job once all its slots are settled.

    Return False, and write nothing, if its owner has changed the job, or another process has settled it. One write.
    """
    kind, prefix = (PastJobRow, PAST_JOB) if due.deleted else (JobRow, JOB)
    row = kind(partition_of(due.job.organization_id, due.job.project_id), prefix + due.job.id)
    unchanged = (JobRow.version == due.job.version) & _as_read(due.job)
    try:
        if due.deleted and after.due_at is None:
            row.delete(condition=unchanged)
        else:
            row.update(actions=[*slots_of(after), JobRow.last_write.set("slots")], condition=unchanged)
    except (UpdateError, DeleteError) as error:
        if not was_refused(error):
            raise
        return False
    return True


def _as_read(job: Job) -> Condition:
    return JobRow.due_at == job.due_at if job.due_at else JobRow.due_at.does_not_exist()


def _due_keys(organization_id: str, now: datetime) -> Iterator[tuple[str, str]]:
    for row in ProjectsRow.slots_due.query(organization_id, JobRow.due_at <= now):
        yield row.partition, row.sort
