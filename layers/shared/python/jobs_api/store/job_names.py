"""The names of jobs, each locked by a row: of a job in its project, and of its CronJob in the namespace."""

from collections.abc import Iterable

from jobs_api.errors import NameTaken
from jobs_api.model.job import Job
from jobs_api.store.older_names import held_by_older
from jobs_api.store.project_rows import (
    CRONJOB_LOCK,
    JOB,
    NAME_LOCK,
    LockRow,
    ProjectsRow,
)
from jobs_api.store.projects import partition_of


def cronjob_holders(organization_id: str, cronjob_names: Iterable[str]) -> dict[str, str]:
    """Return which job of an organization holds each of some CronJobs' names. One BatchGetItem per 100."""
    keys = [(organization_id, CRONJOB_LOCK + name) for name in cronjob_names]
    rows = ProjectsRow.batch_get(keys, consistent_read=True) if keys else ()
    return {row.sort.removeprefix(CRONJOB_LOCK): row.holder for row in rows if isinstance(row, LockRow)}


def locks_of(job: Job) -> list[LockRow]:
    """Return the lock on the name within the project, then the lock on the CronJob's name within the namespace."""
    partition = partition_of(job.organization_id, job.project_id)
    return [
        LockRow(partition, NAME_LOCK + job.slug, holder=job.id),
        LockRow(job.organization_id, CRONJOB_LOCK + job.cronjob_name, holder=job.id),
    ]


def check_older_names(job: Job) -> None:
    """Raise NameTaken if a job has this name under an older slug; for nearly all names this reads nothing."""
    partition = partition_of(job.organization_id, job.project_id)
    if held_by_older(partition, job.settings.name, job.id, lambda job_id: (partition, JOB + job_id)):
        raise NameTaken("This project has a job of this name already; choose another name")


def name_taken(job: Job, at: frozenset[int], *, first: int) -> NameTaken:
    """Return the error of a transaction that failed `at` some of its locks; `first` is the place of the first one."""
    if first in at:
        return NameTaken(f"This project has a job with the slug {job.slug!r} already; choose another name")
    return NameTaken(f"Another project's job is the CronJob {job.cronjob_name!r} already; choose another name")
