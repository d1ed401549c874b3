"""How a run ends whose Job is not in the cluster: deleted, replaced, never launched, or out of reach."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from jobs_api.ingest.giving_up import OVERDUE_AFTER
from jobs_api.k8s import pod_template
from jobs_api.k8s.job_status import duration_seconds
from jobs_api.model.document import rfc3339
from jobs_api.model.run import Run, RunStatus
from jobs_api.trigger.waiting import LAUNCH_FOR, allowed_since

# How long a run's Job must be missing before the run ends.
GONE_AFTER: Final = timedelta(minutes=2)
UNSCHEDULED: Final = timedelta(seconds=pod_template.UNSCHEDULED_SECONDS)


def gone(run: Run, now: datetime) -> Run | None:
    """Return how a run ends whose Job is not in the cluster; None while it is too early to say."""
    if run.status.ended or now - run.updated_at < GONE_AFTER:
        return None
    return _failed(
        run,
        f"The Kubernetes Job {run.job_name} disappeared before the service saw how it ended: somebody deleted it or "
        "its namespace. Run it again",
        now,
    )


def replaced(run: Run, newer: Mapping[datetime, datetime], policy_of: str = "project") -> Run | None:
    """Return how a run ends whose Job was replaced by the Job of a later slot; None where there is no such Job.

    Under the policy Replace the CronJob controller deletes the running Job, and then makes the next one.

    Args:
        run: as stored; its Job is not in the cluster.
        newer: for each slot of the job that has a Job, when that Job was made.
        policy_of: whether the job or its project has the policy Replace.
    """
    if run.status.ended or run.scheduled_for is None:
        return None
    later = sorted((slot, made_at) for slot, made_at in newer.items() if slot > run.scheduled_for)
    if not later:
        return None
    slot, made_at = later[0]
    message = (
        f"The run of {rfc3339(slot)} took its place while it was still running, as far as is known: the {policy_of}'s "
        "concurrency policy is Replace; make the command faster, or run it less often"
    )
    return _failed(run, message, made_at).model_copy(update={"updated_at": max(run.updated_at, made_at)})


def not_launched(run: Run, now: datetime, *, refused: str | None = None) -> Run | None:
    """Return how a run ends that the cluster refused, or did not accept for an hour; None while it can be tried again.

    Args:
        run: as stored, not launched yet.
        now: aware.
        refused: the cluster's message where it will never accept the run.
    """
    if refused:
        return _failed(run, f"The cluster refused the run, so it could not be launched: {refused}", now)
    if now - allowed_since(run) < LAUNCH_FOR:
        return None
    if run.waits:
        waited = "It waited for an hour for the job's other runs to end, and was not started; trigger it again"
        return _failed(run, waited, now)
    return _failed(
        run, "The cluster did not take the run for an hour, so it could not be launched; trigger it again", now
    )


def not_started(run: Run, reason: str, now: datetime) -> Run:
    """Return how a run ends that is not started: an attempt, one that waited for others, or any other."""
    if run.waits:
        return _failed(run, f"It waited for the job's other runs to end, and was not started, because {reason}", now)
    if run.attempt is None:
        return _failed(run, f"It was not started, because {reason}", now)
    return _failed(run, f"Attempt {run.attempt} was not started, because {reason}; the attempt before it failed", now)


def timeout_of(run: Run) -> timedelta | None:
    """Return how long a run may take: its Job's deadline without the time for finding a node; None if not known."""
    return run.deadline - UNSCHEDULED if run.deadline else None


def overdue(run: Run, deadline: timedelta | None, now: datetime) -> Run | None:
    """Return how a run ends whose cluster cannot be reached; None while the cluster may still come back in time.

    Args:
        run: as stored, not ended.
        deadline: how long its project lets a run take, None where the project is gone.
        now: aware.
    """
    if run.launch:
        return not_launched(run, now)
    if now - allowed_since(run) < (deadline or timedelta()) + UNSCHEDULED + OVERDUE_AFTER + LAUNCH_FOR:
        return None
    return _failed(
        run,
        "The cluster could not be reached until long after the run's deadline, so its end is unknown; run it again "
        "once the cluster can be reached",
        now,
    )


def _failed(run: Run, message: str, now: datetime) -> Run:
    """End a run whose Job the cluster does not have; it is unknown when it really ended.

    A run that somebody wants cancelled is cancelled then.
    """
    cancelled = run.is_to_be_cancelled
    return run.model_copy(
        update={
            "status": RunStatus.CANCELLED if cancelled else RunStatus.ERROR,
            "end_time": now,
            "duration_seconds": duration_seconds(run.start_time, now) if run.start_time else None,
            "message" if cancelled else "error_message": message,
            "updated_at": now,
        }
    )
