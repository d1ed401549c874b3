"""Ends the Job or Pod of a cancelled run. A second call changes nothing more."""

from datetime import datetime
from http import HTTPStatus
from typing import Final

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected, Object, ObjectNotFound, Stale
from jobs_api.k8s import labels
from jobs_api.k8s.cancelling import Ending, ending_of, pod_change
from jobs_api.k8s.job_stop import cancelled, stopped
from jobs_api.k8s.observed import Observed, observe
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.model.run import Run, RunStatus

# A Job's status changes a few times while its Pod starts.
READS_OF_A_JOB: Final = 3
CANNOT_PATCH_PODS: Final = (
    "Run cancellation requested, but the cluster does not let this service end pods (patch pods), so the command goes "
    "on until an operator applies deploy/kubernetes/jobs-api.yaml to the cluster; then the run is cancelled by itself"
)


class NotAllowed(Exception):
    """The cluster's rights are from a release that could not cancel runs; the text says what to do."""

    def __init__(self) -> None:
        super().__init__(CANNOT_PATCH_PODS)


def end(cluster: Cluster, run: Run, job_name: str, now: datetime) -> None:
    """End the Job or the Pod of a run, as `k8s.cancelling` says; do nothing where the run has none any more.

    Raises:
        ClusterUnavailable: the cluster does not answer; it may have done it nevertheless.
        NotAllowed: its rights are too old.
        ClusterRejected: it refuses for another reason.
    """
    for _ in range(READS_OF_A_JOB):
        try:
            job = cluster.get_job(run.namespace, job_name)
            seen = observe(job)
            if seen.is_of(run) and not labels.is_of_another(seen.labels):
                _end(cluster, job, seen.with_pod(cluster.pod_of(job)), now)
        except ObjectNotFound:
            return
        except Stale:
            continue
        return


def end_pod(cluster: Cluster, pod: ObservedPod, now: datetime) -> None:
    """Set a Pod's deadline to a time that has passed; a deleted Pod needs none. Raises as `end`."""
    try:
        cluster.patch_pod(pod.namespace, pod.name, pod_change(pod.uid, now))
    except ObjectNotFound:
        return
    except ClusterRejected as error:
        if error.status == HTTPStatus.FORBIDDEN:
            raise NotAllowed from error
        raise


def end_if_cancelled(cluster: Cluster, run: Run, job_name: str, now: datetime) -> None:
    """End a Job that was created while its run was cancelled. Raises as `end`, and RunNotFound."""
    if store.get_run(run.organization_id, run.id).status is RunStatus.CANCELLED:
        end(cluster, run, job_name, now)


def _end(cluster: Cluster, job: Object, seen: Observed, now: datetime) -> None:
    ending = ending_of(seen)
    if ending is Ending.POD and seen.pod:
        end_pod(cluster, seen.pod, now)
    elif ending is Ending.JOB:
        cluster.replace_job(stopped(job, cancelled()))
