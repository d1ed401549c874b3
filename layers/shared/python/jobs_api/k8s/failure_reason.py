"""Says why a Job failed: its command failed, or something prevented or ended the command; and what to do about it."""

from jobs_api.k8s import job_stop
from jobs_api.k8s.containers import Waiting
from jobs_api.k8s.failure_words import command_name, detail_of, spoken_span
from jobs_api.k8s.observed import Observed
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.k8s.pod_failures import OWN_RULES, POD_RULES, Cause, first_cause
from jobs_api.k8s.pod_status import DEADLINE
from jobs_api.model.run import RunStatus

POD_GONE = "PodGone"


def cause_of(job: Observed) -> Cause:
    """Say why a Job failed."""
    cause = _stopped(job) or _cancelled(job) or _deadline(job)
    if cause:
        return cause
    if job.pod is None:
        return _pod_gone(job)
    return first_cause(POD_RULES, job, job.pod) or _whatever_kubernetes_says(job)


def cause_of_own_end(job: Observed, pod: ObservedPod) -> Cause:
    """Say how a command ended that exited by itself with a code other than 0, whatever happened to its Pod later."""
    return first_cause(OWN_RULES, job, pod) or _whatever_kubernetes_says(job)


def cause_of_no_pod(waits: Waiting) -> Cause:
    """Say why ingest gives up a run for whose Job Kubernetes makes no Pod."""
    return Cause(
        waits.reason,
        f"The cluster made no pod for the run ({detail_of(waits.reason, waits.message)}); ask for less in resources, "
        "or raise the limits or the quota of the namespace, and run it again",
    )


def cause_of_no_sandbox(job: Observed, waits: Waiting) -> Cause:
    """Say why ingest gives up a run whose Pod its node cannot set up."""
    return Cause(
        waits.reason,
        f"The node could not set up the pod ({detail_of(waits.reason, waits.message)}), so {command_name(job)} never "
        "started; check the node's network and volumes, and run it again",
    )


def cause_of_nothing(job: Observed, waits: Waiting | None) -> Cause:
    """Say why a run reached its deadline before anything had started; `waits` is the last reason seen, if any."""
    waited = f" ({detail_of(waits.reason, waits.message)})" if waits else ""
    return Cause(
        waits.reason if waits else DEADLINE,
        f"{command_name(job)} did not start in time{waited}; correct what kept its pod from starting, and run it again",
    )


def _stopped(job: Observed) -> Cause | None:
    """Ingest gave up the run. It wrote the reason on the Job before it ended the Job by a deadline."""
    if not job.stopped:
        return None
    reason, _, message = job.stopped.partition(": ")
    status = RunStatus.CANCELLED if reason == job_stop.CANCELLED else RunStatus.ERROR
    return Cause(reason, message or reason, status)


def _cancelled(job: Observed) -> Cause | None:
    """The run's Pod was ended by the deadline that a cancel gave it."""
    if job.pod and job.pod.cancelled_at and job.pod.reason == DEADLINE:
        return Cause(job_stop.CANCELLED, "the run was cancelled", RunStatus.CANCELLED)
    return None


def _deadline(job: Observed) -> Cause | None:
    if job.failure[0] == DEADLINE:
        deadline = job.deadline
    elif job.pod and job.pod.reason == DEADLINE:
        deadline = job.pod.deadline
    else:
        return None
    after = f" of {spoken_span(int(deadline.total_seconds()))}" if deadline else ""
    return Cause(
        DEADLINE,
        f"The run was stopped at its deadline{after}; raise the deadline (timeout_seconds), or do less at once",
    )


def _pod_gone(job: Observed) -> Cause:
    reason, message = job.failure
    return Cause(
        POD_GONE,
        f"The pod was gone before the service saw how {command_name(job)} ended "
        f"({detail_of(reason or 'Failed', message)}); somebody deleted it or its node was lost; run it again",
    )


def _whatever_kubernetes_says(job: Observed) -> Cause:
    reason, message = job.failure
    return Cause(
        reason or "Failed", f"Kubernetes ended the run ({detail_of(reason or 'Failed', message)}); run it again"
    )
