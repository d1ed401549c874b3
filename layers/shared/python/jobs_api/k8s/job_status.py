"""How a run stands, as its Kubernetes Job and Pod tell it: what ingest records, and what the live calls show."""

import json
from dataclasses import dataclass
from datetime import datetime

from jobs_api.k8s import failure_reason, labels, pod_status
from jobs_api.k8s.pod_status import Object, Waiting
from jobs_api.model.document import rfc3339
from jobs_api.model.run import Run, RunStatus


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


def outcome(job: Object, pod: Object | None, seen: Waiting | None = None, *, now: datetime | None = None) -> Outcome:
    """Tell how a run stands.

    Its end is that of its command, however long a sidecar stays, and however one ends. Where nothing but the command
    was in the Pod, the Job knows of its end as soon as it looks, and is waited for.

    Args:
        job: as the cluster shows it.
        pod: the newest of its Pods, None where there is none (any more).
        seen: what Events say of a run that has not started.
        now: aware; without it a killed command is not taken for ended while something else in its Pod goes on, and no
            command whose node does not tell that the Pod has ended.
    """
    if pod_status.is_true(job.get("status", {}), "Complete"):
        return _ended(job, pod, RunStatus.SUCCESS)
    pod = _remembered(job, pod) or pod
    own = pod_status.own_end(pod, now) if pod else None
    if pod and own and (finished(job) or labels.COMMAND_END in _annotations(job) or pod_status.stays(pod, now)):
        return _ended_by_itself(job, pod, int(own["exitCode"]))
    if pod_status.is_true(job.get("status", {}), "Failed"):
        cause = failure_reason.cause_of(job, pod)
        return _ended(job, pod, cause.status, cause.reason, cause.message)
    return _going(job, pod, seen)


def finished(job: Object) -> bool:
    """Tell whether Kubernetes is done with a Job."""
    status = job.get("status", {})
    return pod_status.is_true(status, "Complete") or pod_status.is_true(status, "Failed")


def is_ready(job: Object) -> bool:
    """Tell whether the Job itself says that its container runs; without probes, running is being ready."""
    return bool(job.get("status", {}).get("ready"))


def end_of(run: Run) -> str | None:
    """Return what a Job is told of its run's end, for when its Pod is gone; None where its command never ran."""
    if run.exit_code is None or run.end_time is None:
        return None
    times = {"startedAt": rfc3339(run.start_time) if run.start_time else None, "finishedAt": rfc3339(run.end_time)}
    return json.dumps({"exitCode": run.exit_code, **times})


def _remembered(job: Object, pod: Object | None) -> Object | None:
    """Return a Pod that shows how the command ended, as its Job was told when that was seen."""
    told = _annotations(job).get(labels.COMMAND_END)
    if not told:
        return None
    try:
        state = {"terminated": {key: json.loads(told).get(key) for key in ("exitCode", "startedAt", "finishedAt")}}
    except (ValueError, AttributeError):
        return None  # somebody wrote over it
    if not isinstance(state["terminated"]["exitCode"], int):
        return None
    spec = job["spec"]["template"]["spec"]
    name = pod_status.container_of({"spec": spec})["name"]
    return {
        "metadata": {"name": pod["metadata"]["name"] if pod else None},
        "spec": {"containers": spec["containers"]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": name, "state": state}]},
    }


def _ended_by_itself(job: Object, pod: Object, exit_code: int) -> Outcome:
    if exit_code == 0:
        return _ended(job, pod, RunStatus.SUCCESS)
    cause = failure_reason.cause_of_own_end(job, pod)
    return _ended(job, pod, cause.status, cause.reason, cause.message)


def _going(job: Object, pod: Object | None, seen: Waiting | None) -> Outcome:
    if pod is None:
        suspended = pod_status.is_true(job.get("status", {}), "Suspended")
        waits = pod_status.Waiting("Suspended" if suspended else "Pending", "the Job has no pod yet")
        waits = waits if seen is None or suspended else seen
        status = RunStatus.RUNNING if is_ready(job) else RunStatus.PENDING
        told = waits if status is RunStatus.PENDING else None
    else:
        told = pod_status.waiting(pod)
        told = seen if told and seen else told
        status = RunStatus.PENDING if told else RunStatus.RUNNING
    return Outcome(
        status,
        has_run=pod is not None and pod_status.has_run(pod),
        start_time=pod_status.started_at(pod) if pod else None,
        reason=told.reason if told else None,
        message=told.message or None if told else None,
        pod_name=pod["metadata"]["name"] if pod else None,
    )


def _ended(
    job: Object, pod: Object | None, status: RunStatus, reason: str | None = None, message: str | None = None
) -> Outcome:
    has_run = pod is not None and pod_status.has_run(pod)
    # What never ran may have an exit code too, the container runtime's.
    exit_code = (pod_status.terminated(pod) or {}).get("exitCode") if pod and has_run else None
    return Outcome(
        status,
        has_run=has_run,
        start_time=(pod and pod_status.started_at(pod)) or pod_status.moment(job.get("status", {}).get("startTime")),
        end_time=(pod and pod_status.finished_at(pod)) or _ended_at(job),
        exit_code=0 if status is RunStatus.SUCCESS else exit_code,
        reason=reason,
        message=message,
        pod_name=pod["metadata"]["name"] if pod else None,
    )


def _annotations(job: Object) -> dict[str, str]:
    found: dict[str, str] = job["metadata"].get("annotations") or {}
    return found


def _ended_at(job: Object) -> datetime | None:
    """Return when Kubernetes was done with the Job; only one that is complete has a completionTime."""
    status = job["status"]
    failed = pod_status.condition(status, "Failed") or {}
    return pod_status.moment(status.get("completionTime") or failed.get("lastTransitionTime"))
