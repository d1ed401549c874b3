"""Which object in the cluster to change, and how, to end a cancelled run and keep its log."""

from datetime import datetime
from enum import Enum, auto
from typing import Final

from jobs_api.k8s import labels
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import Observed
from jobs_api.model.document import rfc3339

# In seconds. The deadline of a Pod may only be set or lowered, and 0 means none.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/validation/validation.go (ValidatePodUpdate)
PASSED: Final = 1


class Ending(Enum):
    """Which object is to be changed."""

    POD = auto()
    JOB = auto()
    NOTHING = auto()


def ending_of(observed: Observed) -> Ending:
    """Return what to change so that a run ends, by its Job and its newest Pod.

    A Pod on a node gets a deadline: the kubelet reads it at each sync, sends SIGTERM, waits for the grace period, and
    keeps the Pod and its log. Where no node has the Pod, or somebody deletes it, the Job is stopped, so that no other
    Pod follows; Kubernetes then deletes the Pod, which has no log yet.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/active_deadline.go
    """
    pod = observed.pod
    if observed.finished or (pod and pod.is_terminal):
        return Ending.NOTHING
    if pod is None or pod.taken_at is None or pod.gone_by:
        return Ending.NOTHING if observed.stopped else Ending.JOB
    return Ending.NOTHING if pod.cancelled_at else Ending.POD


def pod_change(uid: str, now: datetime) -> Object:
    """Return the merge patch that gives a Pod a deadline that has passed, and records when that was requested."""
    metadata = {"uid": uid, "annotations": {labels.CANCELLED_AT: rfc3339(now)}}
    return {"metadata": metadata, "spec": {"activeDeadlineSeconds": PASSED}}
