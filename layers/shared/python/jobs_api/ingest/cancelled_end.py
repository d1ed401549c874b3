"""Decides whether a run that is to be cancelled ended because of that, or by itself."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from jobs_api.ingest import giving_up
from jobs_api.k8s import pod_status
from jobs_api.k8s.job_status import Outcome
from jobs_api.k8s.observed import Observed
from jobs_api.model.run import Run, RunStatus

# How long after its grace period a node may take to report the end of a Pod.
CONFIRMED_WITHIN: Final = timedelta(minutes=5)
NOT_STARTED: Final = "Cancelled before its command was started"
SILENT: Final = "Its node has not reported that the command ended; it may be lost, and the command may still run there"


def judged(seen: Outcome, run: Run) -> Outcome:
    """Return the state of a run: if it ended after the request and not by its own command, it was cancelled.

    A command that ends by itself first is a success or a failure. An eviction, a lost node or the deadline is
    no reason for an alert where somebody had already requested the end.
    """
    asked_at = run.cancel_requested_at
    if seen.status is RunStatus.ERROR and asked_at:
        if seen.end_time and seen.end_time < asked_at - pod_status.CLOCKS_DIFFER:
            return seen
    elif seen.status is not RunStatus.CANCELLED:
        return seen
    # Its log says what a command was doing.
    return replace(seen, status=RunStatus.CANCELLED, message=None if seen.has_run else NOT_STARTED)


def awaits_end(observed: Observed, now: datetime) -> bool:
    """Return whether there is a Pod to wait for: it will say how the command ended, and its log stays."""
    pod = observed.pod
    if pod is None or (pod.taken_at is None and not observed.stopped):
        return False
    # The log of a deleted Pod can be read until the Pod has ended.
    return pod.gone_by is None or pod_status.own_end(pod, now) is not None


def silent_since(observed: Observed, now: datetime) -> datetime | None:
    """Return when a node should have ended a Pod, where it has not reported that for too long; else None."""
    pod = observed.pod
    if pod is None or pod.is_terminal:
        return None
    if pod.cancelled_at and now >= pod.cancelled_at + pod.grace + CONFIRMED_WITHIN:
        return pod.cancelled_at + pod.grace
    # This service may not have the right to end Pods; then the deadline of the Job should have ended the run.
    return now - giving_up.OVERDUE_AFTER if giving_up.has_outlived(observed, now) else None
