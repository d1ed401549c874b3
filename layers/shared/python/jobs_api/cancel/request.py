"""A request to cancel a run, and the end of a run that has no Job yet."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from jobs_api.model.actor import Actor
from jobs_api.model.audit import AuditAction, StoredEntry, WrittenBy, entry
from jobs_api.model.document import Absent, Document
from jobs_api.model.run import Run, RunStatus

REASON_CHARACTERS: Final = 255
UNLAUNCHED: Final = "Cancelled before it was launched"


class CancelRequest(Document):
    """Why a run is cancelled."""

    reason: Absent[Annotated[str, Field(strict=True, max_length=REASON_CHARACTERS)]] = None


class CancelAnswer(Document):
    """The answer: a run is cancelled, or will be."""

    run_id: str
    status: RunStatus
    message: str = "Run cancellation requested"


def with_request(run: Run, request: CancelRequest, actor: Actor, now: datetime) -> Run:
    """Return a run with a request to cancel it."""
    asked = {"cancel_requested_at": now, "cancel_reason": request.reason or None, "cancelled_by": actor}
    return run.model_copy(update={**asked, "updated_at": now})


def unlaunched(run: Run, now: datetime) -> Run:
    """Return a run that is cancelled before its Job was created: it is never launched."""
    ended = {"status": RunStatus.CANCELLED, "end_time": now, "message": UNLAUNCHED, "updated_at": now}
    return run.model_copy(update={**ended, "launch": None, "sealed_environment": None})


def cancel_entry(run: Run, by: WrittenBy) -> StoredEntry:
    """Return the entry of a cancellation in the audit log: one for each run, by the first requester."""
    return entry(
        by,
        AuditAction.RUN_CANCEL,
        run.organization_id,
        run.id,
        once=AuditAction.RUN_CANCEL,
        project_id=run.project_id,
        job_id=run.job_id,
        run_id=run.id,
    )
