"""Makes and counts the Pods of a Job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.cluster.clock import parse_timestamp
from local.cluster.controllers.failure_policy import Verdict, judge
from local.cluster.controllers.objects import (
    TRACKING_FINALIZER,
    Object,
    controller_reference,
    has_condition,
)

_BACKOFF = timedelta(seconds=10)
_LONGEST_BACKOFF = timedelta(minutes=10)


def pod_for(job: Object) -> Object:
    """Build a Pod from the Job's template."""
    metadata, template = job["metadata"], job["spec"]["template"]
    wanted = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": {**(wanted.get("labels") or {}), **tracking_labels(job)},
            **({"annotations": wanted["annotations"]} if wanted.get("annotations") else {}),
            # The finalizer stays until the Job has counted the Pod, so that a deletion cannot hide a failure.
            "finalizers": [TRACKING_FINALIZER],
            "ownerReferences": [controller_reference(job, "batch/v1", "Job")],
        },
        "spec": template["spec"],
    }


def tracking_labels(job: Object) -> dict[str, str]:
    """Return the labels of a Job's Pods, in both spellings that Kubernetes sets."""
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    return {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }


@dataclass(frozen=True)
class Tally:
    """The Pods of a Job by state: active, being deleted, and ended since the last count."""

    active: tuple[Object, ...]
    terminating: tuple[Object, ...]
    succeeded: tuple[Object, ...]
    failed: tuple[Object, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def ready(self) -> int:
        """Count the active Pods that are ready."""
        return sum(has_condition(pod, "Ready") for pod in self.active)

    @property
    def counted_failures(self) -> int:
        """Count the new failures that the podFailurePolicy does not ignore."""
        return sum(verdict.action != "Ignore" for verdict in self.verdicts)

    @property
    def fatal(self) -> str:
        """Return why the podFailurePolicy fails the Job, or ""."""
        return next((verdict.message for verdict in self.verdicts if verdict.action == "FailJob"), "")


def tally(job: Object, pods: Sequence[Object]) -> Tally:
    """Sort a Job's Pods by state. A Pod without the tracking finalizer has been counted before."""
    only_failed = _replaces_only_failed(job)
    tracked = [pod for pod in pods if TRACKING_FINALIZER in pod["metadata"].get("finalizers", [])]
    failed = tuple(pod for pod in tracked if _has_failed(pod, only_failed=only_failed))
    return Tally(
        active=tuple(pod for pod in pods if not _ended(pod) and not _deleted(pod)),
        terminating=tuple(pod for pod in pods if not _ended(pod) and _deleted(pod)),
        succeeded=tuple(pod for pod in tracked if _phase(pod) == "Succeeded"),
        failed=failed,
        verdicts=tuple(judge(job, pod) for pod in failed),
    )


def restarts(pods: Sequence[Object]) -> int:
    """Count restarts of containers; with restartPolicy OnFailure they count against the backoffLimit."""
    statuses = [pod.get("status", {}) for pod in pods]
    fields = ("initContainerStatuses", "containerStatuses")
    return sum(one.get("restartCount", 0) for status in statuses for kind in fields for one in status.get(kind, []))


def retry_at(pods: Sequence[Object]) -> datetime | None:
    """Return when the next Pod may start: 10 s after the last failure, doubled for each since the last success."""
    ended = sorted((_ended_at(pod), _phase(pod) == "Succeeded") for pod in pods if _ended(pod) or _deleted(pod))
    failures = 0
    for _, succeeded in ended:
        failures = 0 if succeeded else failures + 1
    if not failures:
        return None
    # The exponent is capped first, since a timedelta cannot hold 2**1000 seconds.
    delay = min(_BACKOFF * float(2 ** min(failures - 1, 10)), _LONGEST_BACKOFF)
    return ended[-1][0] + delay


def _replaces_only_failed(job: Object) -> bool:
    """Return whether a Pod that is being deleted counts only after it failed, as with a podFailurePolicy."""
    return "podFailurePolicy" in job["spec"] or job["spec"].get("podReplacementPolicy") == "Failed"


def _has_failed(pod: Object, *, only_failed: bool) -> bool:
    return _phase(pod) == "Failed" or (not only_failed and _deleted(pod) and _phase(pod) != "Succeeded")


def _phase(pod: Object) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def _ended(pod: Object) -> bool:
    return _phase(pod) in {"Succeeded", "Failed"}


def _deleted(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _ended_at(pod: Object) -> datetime:
    """Return when the Pod's last container ended, or else when the Pod was deleted or created."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    times = [one.get("state", {}).get("terminated", {}).get("finishedAt") for one in statuses]
    metadata = pod["metadata"]
    known = [at for at in times if at] or [metadata.get("deletionTimestamp") or metadata["creationTimestamp"]]
    return parse_timestamp(max(known))
