"""Jobs in the table. The transaction of a job also writes locks on its slug and on its CronJob's name."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action as UpdateAction
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile, JobNotFound, NameTaken, ProjectNotFound
from jobs_api.model.audit import AuditAction, WrittenBy, entry
from jobs_api.model.chains import CountedEnd
from jobs_api.model.firing_history import FiringSpan, PauseHistory
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.job_sync import SyncedVersion
from jobs_api.model.project import Project
from jobs_api.model.sealed_webhook import SealedWebhook
from jobs_api.model.slots import SlotHistory
from jobs_api.redaction.masking import MASK
from jobs_api.store import audit, chain_edits, history, job_counts, sync_results
from jobs_api.store.chain_edits import NO_EDIT, ChainEdit
from jobs_api.store.conditions import was_refused
from jobs_api.store.older_names import held_by_older, kept_slug
from jobs_api.store.project_rows import (
    CRONJOB_LOCK,
    DELETED_JOB,
    JOB,
    META,
    NAME_LOCK,
    PAST_JOB,
    DeletedJobRow,
    JobRow,
    LockRow,
    PastJobRow,
    ProjectsRow,
)
from jobs_api.store.projects import ID, partition_of, project_of
from jobs_api.store.transactions import ConditionFailed, write_all

# A job is deleted once.
DELETED = "deleted"
# Not validated, because validation would compile rules that most functions never use.
NO_WEBHOOK = SealedWebhook.known(keys=[])
NO_PAUSES = PauseHistory[FiringSpan].known(past=[])
# How long a deleted job is recorded: longer than a cluster can be unreachable before its CronJob can be removed.
DELETED_FOR = timedelta(days=90)


def list_jobs(organization_id: str, project_id: str) -> tuple[Project, list[Job]]:
    """Return a project and its jobs, oldest first; raises ProjectNotFound. One Query."""
    partition = partition_of(organization_id, project_id)
    rows = list(ProjectsRow.query(partition, ProjectsRow.sort <= META, consistent_read=True))
    if not rows or rows[-1].sort != META:
        raise ProjectNotFound(project_id)
    project = project_of(rows.pop(), organization_id)
    jobs = [job_of(row, project) for row in rows]
    return project, sorted(jobs, key=lambda job: (job.created_at, job.id))


def get_job(organization_id: str, project_id: str, job_id: str) -> tuple[Project, Job]:
    """Return a project and one of its jobs; raises ProjectNotFound, JobNotFound. One BatchGetItem."""
    partition = partition_of(organization_id, project_id)
    keys = [(partition, META)] + ([(partition, JOB + job_id)] if ID.fullmatch(job_id) else [])
    rows = {row.sort: row for row in ProjectsRow.batch_get(keys, consistent_read=True)}
    if META not in rows:
        raise ProjectNotFound(project_id)
    if JOB + job_id not in rows:
        raise JobNotFound(job_id)
    project = project_of(rows[META], organization_id)
    return project, job_of(rows[JOB + job_id], project)


def find_jobs(organization_id: str, project_id: str, job_ids: Iterable[str]) -> dict[str, Job]:
    """Return those of a project's jobs that exist, by id; raises ProjectNotFound. One BatchGetItem per 100."""
    partition = partition_of(organization_id, project_id)
    keys = [(partition, META), *((partition, JOB + job_id) for job_id in job_ids if ID.fullmatch(job_id))]
    rows = {row.sort: row for row in ProjectsRow.batch_get(keys, consistent_read=True)}
    if META not in rows:
        raise ProjectNotFound(project_id)
    project = project_of(rows.pop(META), organization_id)
    return {job.id: job for job in (job_of(row, project) for row in rows.values())}


def cronjob_holders(organization_id: str, cronjob_names: Iterable[str]) -> dict[str, str]:
    """Return which job of an organization holds each of some CronJobs' names. One BatchGetItem per 100."""
    keys = [(organization_id, CRONJOB_LOCK + name) for name in cronjob_names]
    rows = ProjectsRow.batch_get(keys, consistent_read=True) if keys else ()
    return {row.sort.removeprefix(CRONJOB_LOCK): row.holder for row in rows if isinstance(row, LockRow)}


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
    _check_older_names(job)
    job = job.model_copy(update={"recorded_version": job.version if by else None})
    versions = history.rows_of_change(None, job, AuditAction.JOB_CREATE, by) if by else []

    def fill(transaction: TransactWrite) -> None:
        transaction.save(_row(job), condition=JobRow.partition.does_not_exist())
        for lock in _locks(job):
            transaction.save(lock, condition=LockRow.partition.does_not_exist())
        for version in versions:
            transaction.save(version)
        chain_edits.add_to(transaction, job, chain)

    at_chain = 1 + len(_locks(job)) + len(versions)
    try:
        job_counts.write_with_one_more(job.organization_id, job.project_id, fill)
    except ConditionFailed as error:
        if 0 in error.at:
            return get_job(job.organization_id, job.project_id, job.id)[1]
        if min(error.at) >= at_chain:
            raise _changed(job) from error
        raise _name_taken(job, error.at, first=1) from error
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
    row = _row(after)
    if after.slug != before.slug:
        _check_older_names(after)
    actions: list[UpdateAction] = [
        JobRow.settings.set(row.settings),
        JobRow.slug.set(row.slug),
        _set_or_removed(JobRow.webhook, row.webhook),
        _set_or_removed(JobRow.headers_for, row.headers_for),
        _set_or_removed(JobRow.sealed_environment, row.sealed_environment),
        JobRow.cronjob_name.set(row.cronjob_name),
        _set_or_removed(JobRow.pauses, row.pauses),
        JobRow.version.set(row.version),
        JobRow.updated_at.set(row.updated_at),
        *([JobRow.recorded_version.set(after.version)] if by else []),
        *slots_of(after),
    ]
    versions = history.rows_of_change(before, after, action, by) if by else []
    unchanged = (JobRow.version == before.version) & chain.own_condition
    old, new = ({lock.sort: lock for lock in _locks(job)} for job in (before, after))
    taken, freed = [new[key] for key in new.keys() - old.keys()], [old[key] for key in old.keys() - new.keys()]
    taken.sort(key=lambda lock: lock.sort, reverse=True)
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
            raise _name_taken(after, error.at, first=at_taken) from error
        raise _changed(after) from error


def delete_job(job: Job, now: datetime, remains: Job | None = None, by: WrittenBy | None = None) -> None:
    """Remove a job and the locks on its names; keep a record of the deletion, and of its slots that are not settled.

    One transaction; raises ChangedMeanwhile if the job was changed or deleted, or another job follows it since it was
    read. Without `by`, which is who asked for it, the deletion has no entry in the audit log.
    """
    partition = partition_of(job.organization_id, job.project_id)
    expires_at = int((now + DELETED_FOR).timestamp())
    record = DeletedJobRow(partition, DELETED_JOB + job.id, deleted_at=now, expires_at=expires_at)
    if job.settings.predecessors:
        record.created_at, record.counted_ends = job.created_at, _counted_ends(job)
        record.run_after = [one.model_dump(mode="json") for one in job.settings.predecessors]
    followers = JobRow.followers == set(job.followers) if job.followers else JobRow.followers.does_not_exist()
    deletion = by and entry(
        by, AuditAction.JOB_DELETE, job.organization_id, job.id, once=DELETED, project_id=job.project_id, job_id=job.id
    )

    def fill(transaction: TransactWrite) -> None:
        transaction.delete(_row(job), condition=(JobRow.version == job.version) & followers)
        transaction.save(record)
        if remains:
            transaction.save(_row(remains, PastJobRow, PAST_JOB))
        if deletion:
            transaction.save(audit.row_of(deletion))
        for lock in _locks(job):
            transaction.delete(lock)

    try:
        job_counts.write_with_one_less(job.organization_id, job.project_id, fill)
    except (ConditionFailed, ProjectNotFound) as error:
        raise _changed(job) from error


def record_sync(job: Job, synced: SyncedVersion) -> bool:
    """Record what a sync did about a job, and when its slots are due.

    Return False, and record nothing, if the job was changed or deleted.
    """
    row = _row(job)
    try:
        row.update(
            actions=[*sync_results.updates_of(synced), *due_of(job)],
            condition=JobRow.version == job.version,
        )
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def slots_of(job: Job) -> list[UpdateAction]:
    """Return the updates of a job's slot history, and of when its slots must next be checked."""
    return [JobRow.slots.set(job.slots.model_dump(mode="json")), *due_of(job)]


def due_of(job: Job) -> list[UpdateAction]:
    """Return the updates of when a job's slots must next be checked."""
    return [
        JobRow.due_in.set(job.organization_id) if job.due_at else JobRow.due_in.remove(),
        JobRow.due_at.set(job.due_at) if job.due_at else JobRow.due_at.remove(),
    ]


def _set_or_removed(attribute: Any, value: Any) -> UpdateAction:
    action: UpdateAction = attribute.set(value) if value else attribute.remove()
    return action


def _locks(job: Job) -> list[LockRow]:
    """Return the lock on the name within the project, then the lock on the CronJob's name within the namespace."""
    partition = partition_of(job.organization_id, job.project_id)
    return [
        LockRow(partition, NAME_LOCK + job.slug, holder=job.id),
        LockRow(job.organization_id, CRONJOB_LOCK + job.cronjob_name, holder=job.id),
    ]


def _check_older_names(job: Job) -> None:
    """Raise NameTaken if a job has this name under an older slug; for nearly all names this reads nothing."""
    partition = partition_of(job.organization_id, job.project_id)
    if held_by_older(partition, job.settings.name, job.id, lambda job_id: (partition, JOB + job_id)):
        raise NameTaken("This project has a job of this name already; choose another name")


def _name_taken(job: Job, at: frozenset[int], *, first: int) -> NameTaken:
    if first in at:
        return NameTaken(f"This project has a job with the slug {job.slug!r} already; choose another name")
    return NameTaken(f"Another project's job is the CronJob {job.cronjob_name!r} already; choose another name")


def _changed(job: Job) -> ChangedMeanwhile:
    return ChangedMeanwhile(f"Job {job.id!r} was changed by somebody else meanwhile; read it and try again")


def job_of(row: ProjectsRow, project: Project) -> Job:
    """Read a job, or the rest of a deleted one, from its row."""
    if not isinstance(row, JobRow):
        raise TypeError(f"{row.partition} {row.sort} is not a job")
    return Job.known(
        id=row.sort.partition("#")[2],
        organization_id=project.organization_id,
        project_id=project.id,
        settings=JobSettings.stored(row.settings),
        webhook=SealedWebhook.model_validate(row.webhook) if row.webhook else NO_WEBHOOK,
        headers_for=row.headers_for,
        sealed_environment=row.sealed_environment,
        kept_slug=kept_slug(row.slug, row.settings["name"]),
        cronjob_name=row.cronjob_name,
        version=int(row.version),
        created_at=row.created_at,
        updated_at=row.updated_at,
        synced=sync_results.result_of(row),
        slots=SlotHistory.model_validate(row.slots) if row.slots else SlotHistory(since=row.created_at),
        pauses=PauseHistory[FiringSpan].model_validate(row.pauses) if row.pauses else NO_PAUSES,
        due_at=row.due_at,
        recorded_version=None if row.recorded_version is None else int(row.recorded_version),
        followers=frozenset(row.followers or ()),
        counted_ends=counted_ends_of(row.counted_ends),
    )


def counted_ends_of(stored: dict[str, Any] | None) -> dict[str, CountedEnd]:
    """Read the ends of predecessors that were counted."""
    return {job_id: CountedEnd.model_validate(one) for job_id, one in (stored or {}).items()}


def _counted_ends(job: Job) -> dict[str, Any] | None:
    return {job_id: one.model_dump(mode="json") for job_id, one in job.counted_ends.items()} or None


def _row(job: Job, kind: type[JobRow] = JobRow, prefix: str = JOB) -> JobRow:
    settings = job.settings.model_dump(mode="json")
    if settings.get("webhook_headers"):
        # The headers' values are sealed in `webhook`; the settings never contain them, even if the caller forgot to
        # mask them.
        settings["webhook_headers"] = dict.fromkeys(settings["webhook_headers"], MASK)
    return kind(
        partition_of(job.organization_id, job.project_id),
        prefix + job.id,
        settings=settings,
        slug=job.slug,
        webhook=job.webhook.model_dump(mode="json") if job.webhook != NO_WEBHOOK else None,
        headers_for=job.headers_for,
        sealed_environment=job.sealed_environment,
        cronjob_name=job.cronjob_name,
        version=job.version,
        created_at=job.created_at,
        updated_at=job.updated_at,
        slots=job.slots.model_dump(mode="json"),
        pauses=job.pauses.model_dump(mode="json") or None,
        due_in=job.organization_id if job.due_at else None,
        due_at=job.due_at,
        recorded_version=job.recorded_version,
    )
