"""Makes the run of a Job, and moves it to the state in which it was seen."""

from datetime import datetime

from jobs_api.k8s.job_status import Outcome, duration_seconds
from jobs_api.k8s.observed import Observed
from jobs_api.model import commands
from jobs_api.model.run import Run, RunStatus
from jobs_api.model.words import Unbalanced


def new_run(observed: Observed, organization_id: str, now: datetime) -> Run:
    """Return the run of a Job, before anything is known of its progress."""
    return Run(
        id=observed.run_id,
        organization_id=organization_id,
        project_id=observed.project_id,
        job_id=observed.job_id,
        job_name=observed.name,
        cronjob_name=observed.cronjob_name,
        namespace=observed.namespace,
        job_type=observed.job_type or _job_type(observed.command),
        status=RunStatus.PENDING,
        triggered_by=observed.triggered_by,
        command=observed.command,
        scheduled_for=observed.slot,
        created_at=observed.created_at or now,
        updated_at=now,
        job_uid=observed.uid,
        deadline_seconds=int(observed.deadline.total_seconds()) if observed.deadline else None,
    )


def moved(run: Run, seen: Outcome, observed: Observed, now: datetime) -> Run:
    """Return a run in the state in which it was seen."""
    return run.model_copy(
        update={
            "status": seen.status,
            "job_uid": observed.uid,
            "start_time": seen.start_time or run.start_time,
            "pod_name": seen.pod_name or run.pod_name,
            "updated_at": now,
        }
    )


def ended(run: Run, seen: Outcome, observed: Observed, now: datetime) -> Run:
    """Return a run that has ended, with the end that was seen."""
    start_time = seen.start_time if seen.has_run or run.start_time is None else run.start_time
    return moved(run, seen, observed, now).model_copy(
        update={
            "start_time": start_time,
            "end_time": seen.end_time,
            "duration_seconds": duration_seconds(start_time, seen.end_time) if start_time and seen.end_time else None,
            "exit_code": seen.exit_code,
            **_error_fields(seen),
        }
    )


def _error_fields(seen: Outcome) -> dict[str, str | None]:
    """Return the message of an end in its field: a cancellation is no error."""
    return {"message" if seen.status is RunStatus.CANCELLED else "error_message": seen.message}


def _job_type(command: str | None) -> str:
    """Return a command's type, for a Job without a known one: an older Job, or one that somebody edited."""
    try:
        return commands.job_type(command) if command else "run"
    except Unbalanced:
        return "run"
