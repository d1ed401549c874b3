"""Writes of jobs, each in one transaction with its names, its version in the history, and who asked for it."""

from datetime import datetime, timedelta

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile, ProjectNotFound
from jobs_api.model.audit import AuditAction, WrittenBy, entry
from jobs_api.model.job import Job
from jobs_api.model.job_sync import SyncedVersion
from jobs_api.store import audit, chain_edits, history, job_counts, sync_results
from jobs_api.store.chain_edits import NO_EDIT, ChainEdit
from jobs_api.store.conditions import was_refused
from jobs_api.store.job_items import due_of, row_of_job, set_or_removed, slots_of, stored_counted_ends
from jobs_api.store.job_names import check_older_names, locks_of, name_taken
from jobs_api.store.jobs import get_job
from jobs_api.store.project_rows import (
    DELETED_JOB,
    PAST_JOB,
    DeletedJobRow,
    JobRow,
    LockRow,
    PastJobRow,
)
from jobs_api.store.projects import partition_of
from jobs_api.store.transactions import ConditionFailed, write_all

# A job is deleted once.
DELETED = "deleted"
# How long a deleted job is recorded: longer than a cluster can be unreachable before its CronJob can be removed.
DELETED_FOR = timedelta(days=90)


def create_job(job: Job, by: WrittenBy | None = None, chain: ChainEdit = NO_EDIT) -> Job:
    """Write a new job, the locks on its names, its first version and its `chain`, and return it. One transaction.

    Without `by`, which is who asked for it, the job has no entry in the audit log.

    If a job with this id exists, it is returned instead. An id comes twice only if a request with an Idempotency-Key is
    repeated; then the job is the one that the first try wrote before it died.

    Raises:
        NameTaken: the project has a job with the same slug, or the namespace a CronJob of the same name.
        ProjectNotFound: the project was deleted.
        TooManyJobs: the project has the greatest number of jobs.
        ChangedMeanwhile: a job that it runs after was deleted since.
    """
    check_older_names(job)
    job = job.model_copy(update={"recorded_version": job.version if by else None})
    versions = history.rows_of_change(None, job, AuditAction.JOB_CREATE, by) if by else []

    def fill(transaction: TransactWrite) -> None:
        transaction.save(row_of_job(job), condition=JobRow.partition.does_not_exist())
        for lock in locks_of(job):
            transaction.save(lock, condition=LockRow.partition.does_not_exist())
        for version in versions:
            transaction.save(version)
        chain_edits.add_to(transaction, job, chain)

    at_chain = 1 + len(locks_of(job)) + len(versions)
    try:
        job_counts.write_with_one_more(job.organization_id, job.project_id, fill)
    except ConditionFailed as error:
        if 0 in error.at:
            return get_job(job.organization_id, job.project_id, job.id)[1]
        if min(error.at) >= at_chain:
            raise _changed(job) from error
        raise name_taken(job, error.at, first=1) from error
    return job


def update_job(
    before: Job,
    after: Job,
    by: WrittenBy | None = None,
    action: AuditAction = AuditAction.JOB_UPDATE,
    chain: ChainEdit = NO_EDIT,
) -> None:
    """Replace a job by its next version, its locks if it was renamed, and its `chain`. One transaction.

    Without `by`, which is who asked for it, neither an entry nor a version is stored: the settings stay the same.

    Raises:
        ChangedMeanwhile: somebody changed or deleted it since `before` was read, or changed other chains.
        NameTaken: as in `create_job`.
    """
    if after.slug != before.slug:
        check_older_names(after)
    row, actions = row_of_job(after), _changes(after)
    actions += [JobRow.recorded_version.set(after.version)] if by else []
    versions = history.rows_of_change(before, after, action, by) if by else []
    unchanged = (JobRow.version == before.version) & chain.own_condition
    freed, taken = _moved_locks(before, after)
    # PynamoDB sends deletions first, then puts, then updates, whatever the order in which they were added.
    at_taken, at_job = len(freed), len(freed) + len(taken) + len(versions)

    def fill(transaction: TransactWrite) -> None:
        transaction.update(row, actions=actions, condition=unchanged)
        for lock in taken:
            transaction.save(lock, condition=LockRow.partition.does_not_exist())
        for version in versions:
            transaction.save(version)
        for lock in freed:
            transaction.delete(lock)
        chain_edits.add_to(transaction, after, chain)
        chain_edits.count_in(transaction, after, chain)

    try:
        write_all(fill)
    except ConditionFailed as error:
        if max(error.at) < at_job:
            raise name_taken(after, error.at, first=at_taken) from error
        raise _changed(after) from error


def _changes(job: Job) -> list[UpdateAction]:
    """Return the updates of all that an owner's change may change of a job's row."""
    row = row_of_job(job)
    return [
        JobRow.settings.set(row.settings),
        JobRow.slug.set(row.slug),
        set_or_removed(JobRow.webhook, row.webhook),
        set_or_removed(JobRow.headers_for, row.headers_for),
        set_or_removed(JobRow.sealed_environment, row.sealed_environment),
        JobRow.cronjob_name.set(row.cronjob_name),
        set_or_removed(JobRow.pauses, row.pauses),
        JobRow.version.set(row.version),
        JobRow.updated_at.set(row.updated_at),
        JobRow.last_write.remove(),
        *slots_of(job),
    ]


def _moved_locks(before: Job, after: Job) -> tuple[list[LockRow], list[LockRow]]:
    """Return the locks that a job gives up with a change, and those that it takes, the one on its name first."""
    old, new = ({lock.sort: lock for lock in locks_of(job)} for job in (before, after))
    taken = sorted((new[key] for key in new.keys() - old.keys()), key=lambda lock: lock.sort, reverse=True)
    return [old[key] for key in old.keys() - new.keys()], taken


def delete_job(job: Job, now: datetime, remains: Job | None = None, by: WrittenBy | None = None) -> None:
    """Remove a job and the locks on its names; keep a record of the deletion, and of its slots that are not settled.

    One transaction; raises ChangedMeanwhile if the job was changed or deleted, or another job follows it since it was
    read. Without `by`, which is who asked for it, the deletion has no entry in the audit log.
    """
    partition = partition_of(job.organization_id, job.project_id)
    expires_at = int((now + DELETED_FOR).timestamp())
    record = DeletedJobRow(partition, DELETED_JOB + job.id, deleted_at=now, expires_at=expires_at)
    if job.settings.predecessors:
        record.created_at, record.counted_ends = job.created_at, stored_counted_ends(job)
        record.run_after = [one.model_dump(mode="json") for one in job.settings.predecessors]
    followers = JobRow.followers == set(job.followers) if job.followers else JobRow.followers.does_not_exist()
    deletion = by and entry(
        by, AuditAction.JOB_DELETE, job.organization_id, job.id, once=DELETED, project_id=job.project_id, job_id=job.id
    )

    def fill(transaction: TransactWrite) -> None:
        transaction.delete(row_of_job(job), condition=(JobRow.version == job.version) & followers)
        transaction.save(record)
        if remains:
            transaction.save(row_of_job(remains, PastJobRow, PAST_JOB))
        if deletion:
            transaction.save(audit.row_of(deletion))
        for lock in locks_of(job):
            transaction.delete(lock)

    try:
        job_counts.write_with_one_less(job.organization_id, job.project_id, fill)
    except (ConditionFailed, ProjectNotFound) as error:
        raise _changed(job) from error


def record_sync(job: Job, synced: SyncedVersion) -> bool:
    """Record what a sync did about a job, and when its slots are due.

    Return False, and record nothing, if the job was changed or deleted.
    """
    row = row_of_job(job)
    try:
        row.update(
            actions=[*sync_results.updates_of(synced), *due_of(job), JobRow.last_write.set("sync")],
            condition=JobRow.version == job.version,
        )
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def _changed(job: Job) -> ChangedMeanwhile:
    return ChangedMeanwhile(f"Job {job.id!r} was changed by somebody else meanwhile; read it and try again")
