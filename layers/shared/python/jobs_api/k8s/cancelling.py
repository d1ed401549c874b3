"""Which object in the cluster is changed to end a cancelled run, and how, so that its log stays."""

from datetime import datetime
from enum import Enum, auto
from typing import Final

from jobs_api.k8s import labels
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import Observed
from jobs_api.model.document import rfc3339

# In seconds. A deadline of a Pod may only be set or lowered, and 0 is none.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/validation/validation.go (ValidatePodUpdate)
PASSED: Final = 1


class Ending(Enum):
    """Which object is to be changed."""

    POD = auto()
    JOB = auto()
    NOTHING = auto()


def ending_of(observed: Observed) -> Ending:
    """Tell what is to be changed, given a Job and its newest Pod, so that the run ends.

    A Pod that a node has taken is ended at a deadline of its own: the kubelet reads that at each sync, sends SIGTERM,
    waits for the grace period, and leaves Pod and log there. Where no node has the Pod, or somebody deletes it, the Job
    is stopped, so that no other Pod follows; that deletes a Pod, which has no log yet.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/active_deadline.go
    """
    pod = observed.pod
    if observed.finished or (pod and pod.is_terminal):
        return Ending.NOTHING
    if pod is None or pod.taken_at is None or pod.gone_by:
        return Ending.NOTHING if observed.stopped else Ending.JOB
    return Ending.NOTHING if pod.cancelled_at else Ending.POD


def pod_change(uid: str, now: datetime) -> Object:
    """Return the merge patch that lets the deadline of a Pod be over, and notes when that was asked."""
    metadata = {"uid": uid, "annotations": {labels.CANCELLED_AT: rfc3339(now)}}
    return {"metadata": metadata, "spec": {"activeDeadlineSeconds": PASSED}}
