"""The entries of an organization's audit log: who wrote what, when and in which request."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from jobs_api.model.actor import Actor
from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record, Timestamp

# How long an entry and the version of a job in it are kept.
AUDIT_KEPT_FOR: Final = timedelta(days=400)


class AuditAction(StrEnum):
    """The action of a write; its first word is the kind of the target."""

    JOB_CREATE = "job.create"
    JOB_UPDATE = "job.update"
    JOB_ROLLBACK = "job.rollback"
    JOB_DELETE = "job.delete"
    JOB_ROTATE_SECRET = "job.rotate_secret"  # noqa: S105 - no secret
    JOB_TRIGGER = "job.trigger"
    JOB_TEST_NOTIFICATIONS = "job.test_notifications"
    RUN_CANCEL = "run.cancel"
    RUN_RETRY = "run.retry"
    DELIVERY_REDELIVER = "delivery.redeliver"
    PROJECT_CREATE = "project.create"
    PROJECT_UPDATE = "project.update"
    PROJECT_DELETE = "project.delete"
    PROJECT_INDEX_RUNS = "project.index_runs"
    TOKEN_CREATE = "token.create"  # noqa: S105
    TOKEN_EXPIRE = "token.expire"  # noqa: S105
    TOKEN_REVOKE = "token.revoke"  # noqa: S105
    ORGANIZATION_CREATE = "organization.create"
    ORGANIZATION_LIMIT = "organization.limit"
    ORGANIZATION_SEAL = "organization.seal"
    ORGANIZATION_SLACK_TOKEN = "organization.slack_token"  # noqa: S105
    ORGANIZATION_CONFIRM_REMOVALS = "organization.confirm_removals"
    ORGANIZATION_CHECK_RUNS = "organization.check_runs"
    ORGANIZATION_MOVE = "organization.move"
    ORGANIZATION_DELETE = "organization.delete"


class WrittenBy(Record):
    """The origin of a write: the actor, the time of the request, and the request's id."""

    actor: Actor
    at: datetime
    request_id: str


class AuditEntry(Document):
    """One write. `target` is the id of what was written; the other ids say where that belongs.

    `action` is one of `AuditAction`, or of what a later release has beside these.
    """

    model_config = COMPILED_LATE

    at: Timestamp
    actor: Actor
    action: str
    target: str
    project_id: Absent[str] = None
    job_id: Absent[str] = None
    run_id: Absent[str] = None
    request_id: str


class AuditLog(Document):
    """A page of entries, newest first; `next_cursor` is there while more match."""

    model_config = COMPILED_LATE

    entries: list[AuditEntry]
    next_cursor: Absent[str] = None


class StoredEntry(AuditEntry):
    """An entry as it is stored.

    `once` tells one write on the target from another. A write that is repeated has the same `once`, and so stays one
    entry.
    """

    organization_id: str
    once: str


def entry(
    by: WrittenBy,
    action: AuditAction,
    organization_id: str,
    target: str,
    *,
    once: str | None = None,
    project_id: str | None = None,
    job_id: str | None = None,
    run_id: str | None = None,
) -> StoredEntry:
    """Make the entry of a write; without `once`, a request makes one entry for each action on a target."""
    return StoredEntry(
        at=by.at,
        actor=by.actor,
        action=action,
        target=target,
        project_id=project_id,
        job_id=job_id,
        run_id=run_id,
        request_id=by.request_id,
        organization_id=organization_id,
        once=once or f"{action}#{by.request_id}",
    )
