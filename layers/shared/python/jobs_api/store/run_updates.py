"""The updates that move a run on, and the conditions under which they may."""

from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from jobs_api.model.run import ENDED_STATUSES, Run, RunStatus
from jobs_api.store.run_items import run_expiry, stored_counts
from jobs_api.store.run_rows import RunRow, ended_in

OPEN = [status.value for status in RunStatus if status not in ENDED_STATUSES]


def progress_updates(run: Run) -> list[Action]:
    """Return the updates of everything that may change while a run is open; fields without a value do not change."""
    values: list[tuple[Any, Any]] = [
        (RunRow.status, run.status.value),
        (RunRow.updated_at, run.updated_at),
        (RunRow.job_uid, run.job_uid),
        (RunRow.start_time, run.start_time),
        (RunRow.end_time, run.end_time),
        (RunRow.duration_seconds, run.duration_seconds),
        (RunRow.exit_code, run.exit_code),
        (RunRow.error_message, run.error_message),
        (RunRow.message, run.message),
        (RunRow.failure_cause, run.failure_cause),
        (RunRow.pod_name, run.pod_name),
        (RunRow.log_begins, run.log_begins),
        (RunRow.log_note, run.log_note),
        (RunRow.results, stored_counts(run)),
        (RunRow.log, run.log.model_dump(mode="json", exclude_none=True) if run.log else None),
        *found_values(run),
        *notify_values(run),
    ]
    return [attribute.set(value) for attribute, value in values if value is not None]


def found_values(run: Run) -> list[tuple[Any, Any]]:
    """Return each attribute that says that a run was found late or long, with its value."""
    status = run.late_status.value if run.late_status else None
    return [(RunRow.late_at, run.late_at), (RunRow.late_status, status), (RunRow.long_at, run.long_at)]


def found_as(run: Run) -> Condition:
    """Return the condition that nobody has found a run late or long since it was read."""
    late: Condition = RunRow.late_at.exists() if run.late_at else RunRow.late_at.does_not_exist()
    long: Condition = RunRow.long_at.exists() if run.long_at else RunRow.long_at.does_not_exist()
    both: Condition = late & long
    return both


def notify_values(run: Run) -> list[tuple[Any, Any]]:
    """Return the attributes with the events to send, with their values."""
    return [
        (RunRow.notify, run.notify or None),
        (RunRow.notify_in, run.organization_id if run.notify else None),
    ]


def cancel_request_updates(run: Run) -> list[Action]:
    """Return the updates that record who requested a cancellation, and why."""
    values: list[tuple[Any, Any]] = [
        (RunRow.cancel_requested_at, run.cancel_requested_at),
        (RunRow.cancel_reason, run.cancel_reason),
        (RunRow.cancelled_by, run.cancelled_by.model_dump(mode="json") if run.cancelled_by else None),
    ]
    return [attribute.set(value) for attribute, value in values if value is not None]


def end_updates(run: Run) -> list[Action]:
    """Return the updates of what only the end of a run changes."""
    ended = RunRow.ended_in.set(ended_in(run.project_id, run.status))
    retried = [RunRow.retried_as.set(run.retried_as)] if run.retried_as else []
    marks = [RunRow.followers_left.set(set(run.followers_left))] if run.followers_left else [RunRow.open_in.remove()]
    return [*marks, ended, RunRow.expires_at.set(run_expiry(run)), *retried]
