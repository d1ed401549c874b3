"""The versions of jobs in the audit table: each is part of the entry of the write that made it."""

from datetime import datetime
from typing import Any, Final

from jobs_api.model.actor import Actor
from jobs_api.model.audit import AUDIT_KEPT_FOR, AuditAction, WrittenBy, entry
from jobs_api.model.job import Job
from jobs_api.model.job_history import HIGHEST_VERSION, HistoryVersion, StoredVersion
from jobs_api.store.attributes import time_text
from jobs_api.store.audit import actor_of, attributes_of_entry, expiry_of, partition_of_target
from jobs_api.store.audit_rows import AuditRow, JobVersionRow

VERSION_KEY: Final = "version#"


def rows_of_change(before: Job | None, after: Job, action: AuditAction, by: WrittenBy) -> list[JobVersionRow]:
    """Return the rows to write in the transaction that makes a version of a job.

    It is one row. It is a second one for the version that is replaced, where that has none or an expired one.
    """
    made = entry(
        by,
        action,
        after.organization_id,
        after.id,
        once=_sort_of(after.version),
        project_id=after.project_id,
        job_id=after.id,
    )
    rows = [_row(after, StoredVersion.of_change(before, after), attributes_of_entry(made))]
    if before and (before.recorded_version != before.version or before.updated_at + AUDIT_KEPT_FOR <= by.at):
        rows.append(_row(before, StoredVersion.of_job(before), _values_without_entry(before, by.at)))
    return rows


def list_versions(job: Job, now: datetime, *, limit: int, before: int | None) -> tuple[list[HistoryVersion], bool]:
    """Return up to `limit` of a job's versions, newest first, and whether more may follow.

    The present version of a job has no row where no release that stores versions made it. One Query of at most 1 MB.

    Args:
        job: the job.
        now: aware; versions that expired before are left out.
        limit: at least 1.
        before: the last version of the page before.
    """
    newest = HIGHEST_VERSION if before is None else before - 1
    found = JobVersionRow.query(
        partition_of_target(job.organization_id, job.id),
        range_key_condition=JobVersionRow.sort.between(_sort_of(0), _sort_of(newest)),
        scan_index_forward=False,
        consistent_read=True,
        page_size=limit + 1,
    )
    page = next(found.page_iter)
    rows = [JobVersionRow.from_raw_data(item) for item in page["Items"]]
    versions = [_document_of(row) for row in rows if row.expires_at > now.timestamp()]
    if before is None and not (versions and versions[0].version >= job.version):
        versions.insert(0, StoredVersion.of_job(job).document(None, None))
    more = len(versions) > limit or "LastEvaluatedKey" in page
    return versions[:limit], more


def get_version(job: Job, version: int, now: datetime) -> StoredVersion | None:
    """Return a version of a job, None where it is not kept. One GetItem, none for the present version."""
    if version == job.version:
        return StoredVersion.of_job(job)
    try:
        row = AuditRow.get(partition_of_target(job.organization_id, job.id), _sort_of(version), consistent_read=True)
    except AuditRow.DoesNotExist:
        return None
    return _version_of(row) if isinstance(row, JobVersionRow) and row.expires_at > now.timestamp() else None


def _sort_of(version: int) -> str:
    return f"{VERSION_KEY}{version:09d}"


def _row(job: Job, version: StoredVersion, values: dict[str, Any]) -> JobVersionRow:
    return JobVersionRow(
        partition_of_target(job.organization_id, job.id),
        _sort_of(version.version),
        **values,
        version=version.version,
        settings=version.settings,
        before=version.before,
        changed=version.changed,
    )


def _values_without_entry(job: Job, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": job.organization_id,
        "position": f"{time_text(now)}#{job.id}#{_sort_of(job.version)}",
        "at": job.updated_at,
        "target": job.id,
        "expires_at": expiry_of(now),
    }


def _version_of(row: JobVersionRow) -> StoredVersion:
    return StoredVersion(
        version=int(row.version), made_at=row.at, settings=row.settings, before=row.before, changed=row.changed
    )


def _document_of(row: JobVersionRow) -> HistoryVersion:
    changed_by: Actor | None = actor_of(row)
    return _version_of(row).document(changed_by, row.action)
