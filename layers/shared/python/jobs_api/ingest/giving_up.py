"""When to give up a run that its cluster does not start or does not end: by what it waits for, and how long."""

from datetime import datetime, timedelta
from typing import Final

from jobs_api.k8s import failure_reason, pod_status, warnings
from jobs_api.k8s.containers import Waiting
from jobs_api.k8s.job_status import Outcome, outcome
from jobs_api.k8s.observed import Observed
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.k8s.pod_failures import Cause
from jobs_api.model.run import Run, RunStatus

# How long an image or a secret may be missing after the first failure. The kubelet tries again 10, 30 and 70 seconds
# later, so a short failure of a registry ends no run, and nobody waits a day for an image that does not exist.
STUCK_AFTER: Final = timedelta(seconds=60)
# How long a node may try to set up a Pod, and how long the cluster may refuse to create one, if Events give the reason.
NOTHING_AFTER: Final = timedelta(minutes=5)
# How long a Job may have no Pod for an unknown reason, as while its controller is down.
SILENT_AFTER: Final = timedelta(minutes=15)
# How long before its Job's deadline a run that has not started is given up: time enough for several passes.
LAST_LOOK: Final = timedelta(minutes=2)
# How long a Job may be unfinished after its deadline, as when its node is lost and nothing confirms the end.
OVERDUE_AFTER: Final = timedelta(minutes=10)


def why_hopeless(observed: Observed, run: Run, now: datetime) -> Cause | None:
    """Say why a run will not start, where it has waited long enough; else None."""
    if observed.pod:
        return _why_its_pod_waits(observed, observed.pod, now)
    if _is_without_pod(observed, run, SILENT_AFTER, now):
        unsaid = Waiting("NoPod", "the Job controller has made none, and does not say why")
        return failure_reason.cause_of_no_pod(warnings.latest(observed.warnings, since=run.start_time) or unsaid)
    refused = warnings.latest(observed.warnings, reason="FailedCreate", since=run.start_time)
    if refused and _is_without_pod(observed, run, NOTHING_AFTER, now):
        return failure_reason.cause_of_no_pod(refused)
    return None


def why_never_ran(observed: Observed) -> Cause:
    """Say why a run reached its deadline before its command had started."""
    waits = pod_status.waited_for(observed.pod) if observed.pod else None
    return failure_reason.cause_of_nothing(observed, warnings.latest(observed.warnings) or waits)


def never_ran(seen: Outcome, run: Run) -> bool:
    """Return whether a run reached its deadline before its command had started."""
    pending = run.status is RunStatus.PENDING and not seen.has_run
    return pending and seen.status is RunStatus.ERROR and seen.reason == pod_status.DEADLINE


def has_outlived(observed: Observed, now: datetime) -> bool:
    """Return whether a Job is unfinished long after its deadline, other than one that somebody suspended."""
    deadline, since = observed.deadline, observed.going_since
    if observed.finished or deadline is None or since is None:
        return False
    return now >= since + deadline + OVERDUE_AFTER


def wants_events_of(observed: Observed, run: Run | None, now: datetime) -> str | None:
    """Return the UID of the object whose Events say why nothing runs, once that has lasted for too long; else None.

    So Events are read only when a run is about to be given up, and mostly once.
    """
    if run and run.status.ended:
        return None
    if observed.pod:
        stuck = _is_stuck(observed.pod, now) or _is_without_sandbox(observed.pod, now)
        return observed.pod.uid if stuck else None
    if run and run.status is not RunStatus.PENDING:
        return None
    silent = _is_without_pod(observed, run, NOTHING_AFTER, now) or outcome(observed).reason == pod_status.DEADLINE
    return observed.uid if silent else None


def _why_its_pod_waits(observed: Observed, pod: ObservedPod, now: datetime) -> Cause | None:
    waits = pod_status.waiting(pod)
    if _is_stuck(pod, now):
        # A large image may be pulled for minutes before the first failure; only Events have its time.
        failed_at = warnings.first_failure(observed.warnings)
        if failed_at is None or now - failed_at >= STUCK_AFTER:
            return failure_reason.cause_of(observed)
    if _is_without_sandbox(pod, now):
        unsaid = Waiting("PodNotReadyToStartContainers", "its sandbox, network or volumes are not there")
        return failure_reason.cause_of_no_sandbox(observed, warnings.latest(observed.warnings) or unsaid)
    if waits and not pod.is_terminal and _is_nearly_over(observed, now):
        return failure_reason.cause_of_nothing(observed, waits)
    return None


def _is_stuck(pod: ObservedPod, now: datetime) -> bool:
    """Return whether a Pod that a node took a while ago has an image or a Secret that the node cannot get now."""
    waits = pod_status.waiting(pod)
    return bool(waits and waits.hopeless and pod.taken_at and now - pod.taken_at >= STUCK_AFTER)


def _is_without_sandbox(pod: ObservedPod, now: datetime) -> bool:
    """Return whether a node has tried for too long to set up a Pod."""
    return bool(pod.taken_at and pod_status.has_no_sandbox(pod) and now - pod.taken_at >= NOTHING_AFTER)


def _is_nearly_over(observed: Observed, now: datetime) -> bool:
    """Return whether a Job's deadline is near. At the deadline the Pod is deleted that says why nothing has started."""
    deadline, since = observed.deadline, observed.started_at
    return bool(deadline and since and now >= since + deadline - LAST_LOOK)


def _is_without_pod(observed: Observed, run: Run | None, after: timedelta, now: datetime) -> bool:
    """Return whether a Job has had no Pod for that long, as far as the Job says.

    Where a Pod ran, was removed and cannot be replaced, it is unknown since when the Job has none: such a Job ends at
    its deadline.
    """
    waits = not observed.finished and not observed.active and not observed.suspended
    never = run is None or (run.status is RunStatus.PENDING and run.pod_name is None)
    return bool(waits and never and observed.going_since and now - observed.going_since >= after)
