"""How a run stands, as its Kubernetes Job and Pod tell it: what ingest records, and what the live calls show."""

from dataclasses import dataclass
from datetime import datetime

from jobs_api import causes, pods
from jobs_api.pods import Object
from jobs_api.runs import RunStatus


@dataclass(frozen=True)
class Outcome:
    """What Kubernetes knows of a run now.

    `has_run` tells whether the command was started, `start_time` and `end_time` are its own where that is known and
    else the Job's. `reason` is Kubernetes' word; `message` its own text while a run waits, ours once it has failed.
    """

    status: RunStatus
    has_run: bool = False
    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    pod_name: str | None = None

    @property
    def duration_seconds(self) -> float | None:
        """How long it took, with one decimal; None while it goes on."""
        if self.start_time is None or self.end_time is None:
            return None
        return duration_seconds(self.start_time, self.end_time)


def duration_seconds(start_time: datetime, end_time: datetime) -> float:
    """Return the time between, with one decimal; clocks of two machines may not agree, and none is below zero."""
    return max(0.0, round((end_time - start_time).total_seconds(), 1))


def outcome(job: Object, pod: Object | None) -> Outcome:
    """Tell how a run stands by its Job and the newest of its Pods, None where there is none (any more)."""
    if pods.is_true(job.get("status", {}), "Complete"):
        return _ended(job, pod, RunStatus.SUCCESS)
    if pods.is_true(job.get("status", {}), "Failed"):
        cause = causes.cause_of(job, pod)
        return _ended(job, pod, cause.status, cause.reason, cause.message)
    return _going(job, pod)


def finished(job: Object) -> bool:
    """Tell whether Kubernetes is done with a Job."""
    status = job.get("status", {})
    return pods.is_true(status, "Complete") or pods.is_true(status, "Failed")


def is_ready(job: Object) -> bool:
    """Tell whether the Job itself says that its container runs; without probes, running is being ready."""
    return bool(job.get("status", {}).get("ready"))


def _going(job: Object, pod: Object | None) -> Outcome:
    if pod is None:
        suspended = pods.is_true(job.get("status", {}), "Suspended")
        waits = pods.Waiting("Suspended" if suspended else "Pending", "the Job has no pod yet")
        status = RunStatus.RUNNING if is_ready(job) else RunStatus.PENDING
        told = waits if status is RunStatus.PENDING else None
    else:
        told = pods.waiting(pod)
        status = RunStatus.PENDING if told else RunStatus.RUNNING
    return Outcome(
        status,
        has_run=pod is not None and pods.has_run(pod),
        start_time=pods.started_at(pod) if pod else None,
        reason=told.reason if told else None,
        message=told.message or None if told else None,
        pod_name=pod["metadata"]["name"] if pod else None,
    )


def _ended(
    job: Object, pod: Object | None, status: RunStatus, reason: str | None = None, message: str | None = None
) -> Outcome:
    has_run = pod is not None and pods.has_run(pod)
    # What never ran may have an exit code too, the container runtime's.
    exit_code = (pods.terminated(pod) or {}).get("exitCode") if pod and has_run else None
    return Outcome(
        status,
        has_run=has_run,
        start_time=(pod and pods.started_at(pod)) or pods.moment(job.get("status", {}).get("startTime")),
        end_time=(pod and pods.finished_at(pod)) or _ended_at(job),
        exit_code=0 if status is RunStatus.SUCCESS else exit_code,
        reason=reason,
        message=message,
        pod_name=pod["metadata"]["name"] if pod else None,
    )


def _ended_at(job: Object) -> datetime | None:
    """Return when Kubernetes was done with the Job; only one that is complete has a completionTime."""
    status = job["status"]
    failed = pods.condition(status, "Failed") or {}
    return pods.moment(status.get("completionTime") or failed.get("lastTransitionTime"))
