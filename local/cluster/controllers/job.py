"""Decides what to do for a Job at a given time, as Kubernetes' Job controller does, without I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from local.cluster.clock import parse_timestamp, timestamp
from local.cluster.controllers.job_pods import Tally, pod_for, restarts, retry_at, tally
from local.cluster.controllers.objects import TRACKING_FINALIZER, Object, condition, finished, has_condition, time_in
from local.cluster.controllers.recorder import Note

# The most Pods that one decision starts; the rest follow as soon as these are stored.
_BATCH = 500


@dataclass(frozen=True)
class Decision:
    """The steps, in this order: delete and create Pods, write the status, release counted Pods, delete the Job."""

    status: Object
    create: tuple[Object, ...] = ()
    delete: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    remove: bool = False
    wake_at: datetime | None = None


def decide(job: Object, pods: Sequence[Object], now: datetime) -> Decision:
    """Decide for a Job and every Pod that it controls."""
    status = job.get("status", {})
    if job["metadata"].get("deletionTimestamp"):
        return Decision(status, release=_tracked(pods))
    if finished(job):
        return _after_the_end(job, pods, now)
    counts = tally(job, pods)
    status, notes = _suspended_or_resumed(job, _counted(status, counts, now), now)
    job = {**job, "status": status}
    decision = Decision(status, release=_names([*counts.succeeded, *counts.failed]), notes=notes)
    if failure := _failure(job, counts, now):
        return _failed(decision, counts, failure, now)
    if _is_complete(job, counts):
        return _completed(decision, now)
    if job["spec"].get("suspend"):
        return _deleting(decision, counts.active)
    return _with_pods_for(job, counts, pods, decision, now)


def _after_the_end(job: Object, pods: Sequence[Object], now: datetime) -> Decision:
    """Release the Pods, and delete the Job once ttlSecondsAfterFinished is over."""
    ended = condition(job, finished(job) or "")
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    release = _tracked(pods)
    if seconds is None or ended is None:
        return Decision(job["status"], release=release)
    expires_at = parse_timestamp(ended["lastTransitionTime"]) + timedelta(seconds=seconds)
    due = expires_at <= now
    return Decision(job["status"], release=release, remove=due, wake_at=None if due else expires_at)


def _counted(status: Object, counts: Tally, now: datetime) -> Object:
    """Count the Pods that ended since the last decision, and those that exist."""
    new = {
        **status,
        "startTime": status.get("startTime") or timestamp(now),
        "active": len(counts.active),
        "succeeded": status.get("succeeded", 0) + len(counts.succeeded),
        "failed": status.get("failed", 0) + counts.counted_failures,
    }
    # Go omits zeros in these three fields, and writes them in the two pointers below.
    new = {key: value for key, value in new.items() if value or key not in {"active", "succeeded", "failed"}}
    pointers = {"ready": counts.ready, "terminating": len(counts.terminating), "uncountedTerminatedPods": {}}
    return {**new, **pointers}


def _suspended_or_resumed(job: Object, status: Object, now: datetime) -> tuple[Object, tuple[Note, ...]]:
    """Set the Suspended condition; a suspended Job has no startTime, and gets a new one when it is resumed."""
    was, wanted = has_condition(job, "Suspended"), bool(job["spec"].get("suspend"))
    if wanted:
        status = {key: value for key, value in status.items() if key != "startTime"}
    if was == wanted:
        return status, ()
    if wanted:
        note = Note("Normal", "Suspended", "Job suspended")
        return _with_condition(status, now, "Suspended", "JobSuspended", note.message), (note,)
    resumed = _with_condition(status, now, "Suspended", "JobResumed", "Job resumed", is_true=False)
    return {**resumed, "startTime": timestamp(now)}, (Note("Normal", "Resumed", "Job resumed"),)


@dataclass(frozen=True)
class _Failure:
    reason: str
    message: str


def _failure(job: Object, counts: Tally, now: datetime) -> _Failure | None:
    """Return why the Job has failed, if it has; the first reason stays."""
    if known := condition(job, "FailureTarget"):
        return _Failure(known["reason"], known["message"])
    if counts.fatal:
        return _Failure("PodFailurePolicy", counts.fatal)
    if job["status"].get("failed", 0) > _backoff_limit(job) or _restarted_too_often(job, counts):
        return _Failure("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = _deadline(job)
    if deadline and deadline <= now:
        return _Failure("DeadlineExceeded", "Job was active longer than specified deadline")
    return None


def _backoff_limit(job: Object) -> int:
    return int(job["spec"].get("backoffLimit", 6))


def _restarted_too_often(job: Object, counts: Tally) -> bool:
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    return restarts(counts.active) >= max(_backoff_limit(job), 1)


def _deadline(job: Object) -> datetime | None:
    seconds, start = job["spec"].get("activeDeadlineSeconds"), time_in(job["status"], "startTime")
    if seconds is None or start is None or job["spec"].get("suspend"):
        return None
    return start + timedelta(seconds=seconds)


def _failed(decision: Decision, counts: Tally, failure: _Failure, now: datetime) -> Decision:
    """Delete running Pods; the Job is FailureTarget until the last of them has ended, and then Failed."""
    status = _with_condition(decision.status, now, "FailureTarget", failure.reason, failure.message)
    decision = _deleting(replace(decision, status=status), counts.active)
    if counts.active or counts.terminating:
        return decision
    status = _with_condition(decision.status, now, "Failed", failure.reason, failure.message)
    return replace(decision, status=status, notes=(*decision.notes, Note("Warning", failure.reason, failure.message)))


def _is_complete(job: Object, counts: Tally) -> bool:
    succeeded, wanted = job["status"].get("succeeded", 0), job["spec"].get("completions")
    if counts.active or counts.terminating:
        return False
    # Without completions the Pods share one task, which the first success completes.
    return bool(succeeded >= (1 if wanted is None else wanted))


def _completed(decision: Decision, now: datetime) -> Decision:
    status = {**decision.status, "completionTime": timestamp(now)}
    for kind in ("SuccessCriteriaMet", "Complete"):
        status = _with_condition(status, now, kind, "CompletionsReached", "Reached expected number of succeeded pods")
    return replace(decision, status=status, notes=(*decision.notes, Note("Normal", "Completed", "Job completed")))


def _with_pods_for(job: Object, counts: Tally, pods: Sequence[Object], decision: Decision, now: datetime) -> Decision:
    """Start or delete Pods until their number is right; after failures a start is delayed (manageJob)."""
    missing = _wanted(job, counts) - len(counts.active) - _blocking(job, counts)
    if missing < 0:
        return replace(_deleting(decision, counts.active[missing:]), wake_at=_deadline(job))
    retry = retry_at(pods)
    waits = [at for at in (_deadline(job), retry if missing else None) if at and at > now]
    wake_at = min(waits, default=None)
    if missing == 0 or (retry and retry > now):
        return replace(decision, wake_at=wake_at)
    create = (pod_for(job),) * min(missing, _BATCH)
    status = {**decision.status, "active": len(counts.active) + len(create)}
    return replace(decision, status=status, create=create, wake_at=wake_at)


def _wanted(job: Object, counts: Tally) -> int:
    parallelism, completions = job["spec"].get("parallelism", 1), job["spec"].get("completions")
    succeeded = int(job["status"].get("succeeded", 0))
    if completions is None:
        return len(counts.active) if succeeded else int(parallelism)
    return int(min(parallelism, max(completions - succeeded, 0)))


def _blocking(job: Object, counts: Tally) -> int:
    """Count the Pods that are being deleted and must end before others replace them."""
    return len(counts.terminating) if "podFailurePolicy" in job["spec"] else 0


def _deleting(decision: Decision, pods: Sequence[Object]) -> Decision:
    return replace(decision, delete=_names(pods))


def _tracked(pods: Sequence[Object]) -> tuple[str, ...]:
    return _names([pod for pod in pods if TRACKING_FINALIZER in pod["metadata"].get("finalizers", [])])


def _names(pods: Sequence[Object]) -> tuple[str, ...]:
    return tuple(pod["metadata"]["name"] for pod in pods)


def _with_condition(
    status: Object, now: datetime, kind: str, reason: str, message: str, *, is_true: bool = True
) -> Object:
    """Set a condition; an equal one keeps its times."""
    conditions = status.get("conditions", [])
    known = next((one for one in conditions if one["type"] == kind), None)
    wanted = "True" if is_true else "False"
    if known and known["status"] == wanted:
        return status
    at = timestamp(now)
    stated = {"type": kind, "status": wanted, "lastProbeTime": at, "lastTransitionTime": at}
    others = [one for one in conditions if one["type"] != kind]
    return {**status, "conditions": [*others, {**stated, "reason": reason, "message": message}]}
