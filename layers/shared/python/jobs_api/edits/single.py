"""Creates, changes and deletes one job: secrets are sealed, chains are checked, and a lost race is run again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs_api import store
from jobs_api.errors import ChangedMeanwhile, NotFound
from jobs_api.model.audit import AuditAction, WrittenBy
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.sealing import job as job_secrets
from jobs_api.sealing import webhook
from jobs_api.store import chain_checks
from jobs_api.store.chain_edits import ChainEdit

ATTEMPTS: Final = 3

type Edit = Callable[[Project, Job], tuple[Job, ChainEdit]]


@dataclass(frozen=True)
class Written:
    """A job as it is after a request, and its webhook's signing key if one was made, which is shown only now.

    `changed` is false where the request wanted nothing that the job was not already.
    """

    project: Project
    job: Job
    key: str | None = None
    changed: bool = True


def create_one_job(job: Job, project: Project, by: WrittenBy) -> Written:
    """Write a new job and the locks on its names in one transaction.

    If an earlier try of the same request wrote it, the job of that try is returned, with its signing key.

    Raises:
        InvalidRequest: it runs after something that is no job of the project.
        NameTaken, TooManyJobs, ProjectNotFound, ChangedMeanwhile: as `store.create_job`.
    """
    chain = chain_checks.of_new(job)
    job, key = job_secrets.with_sealed_secrets(None, job)
    written = store.create_job(job, by, chain)
    if key and written is not job:
        # The earlier try wrote the job with another signing secret.
        key = webhook.key_of(written, by.at)
    return Written(project, written, key)


def change_one_job(
    organization_id: str,
    project_id: str,
    job_id: str,
    edit: Edit,
    by: WrittenBy,
    action: AuditAction = AuditAction.JOB_UPDATE,
) -> Written:
    """Replace a job by what `edit` makes of it; if somebody else wrote first, `edit` gets their version.

    Args:
        organization_id: the organization of the caller.
        project_id: the project.
        job_id: the job.
        edit: returns the next version, and its change of the chain; the same job where nothing is to change.
        by: who asked for it.
        action: what the entry of the audit log says.

    Raises:
        ProjectNotFound, JobNotFound, NameTaken: as the store.
        ChangedMeanwhile: others came first in every try.
        Whatever `edit` raises.
    """
    for attempt in range(1, ATTEMPTS + 1):
        project, before = store.get_job(organization_id, project_id, job_id)
        after, chain = edit(project, before)
        if after is before:
            return Written(project, before, changed=False)
        after, key = job_secrets.with_sealed_secrets(before, after)
        try:
            store.update_job(before, after, by, action, chain)
        except ChangedMeanwhile:
            if attempt == ATTEMPTS:
                raise
        else:
            return Written(project, after, key)
    raise AssertionError("the last attempt returns or raises")


def delete_one_job(organization_id: str, project_id: str, job_id: str, now: datetime, by: WrittenBy) -> None:
    """Delete a job that no other job runs after.

    Raises:
        ProjectNotFound, JobNotFound: there was no such job at the first attempt.
        JobHasFollowers: other jobs run after it.
        ChangedMeanwhile: others came first in every try.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            project, job = store.get_job(organization_id, project_id, job_id)
            chain_checks.check_unfollowed(job)
            store.delete_job(job, now, remains=job.removed(project, now), by=by)
        except ChangedMeanwhile:
            if attempt == ATTEMPTS:
                raise
        except NotFound:
            if attempt == 1:
                raise
            # The job existed a moment ago: somebody else deleted it, or an earlier try of this request did and lost the
            # answer.
            return
        else:
            return
