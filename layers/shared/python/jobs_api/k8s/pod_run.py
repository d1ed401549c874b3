"""Which run a Pod belongs to, by its labels and its owner."""

from dataclasses import dataclass

from jobs_api.ids import derived_id
from jobs_api.k8s import labels
from jobs_api.k8s.json_fields import Object, mapping, members, text, texts


@dataclass(frozen=True)
class PodRun:
    """The run of a Pod, and the project and job that it belongs to."""

    run_id: str
    project_id: str
    job_id: str


def run_of_pod(pod: Object) -> PodRun | None:
    """Return the run of a Pod of this deployment; None for any other Pod.

    The run's id is the one that `run_identity` gives the Pod's Job: a label of both, or derived from the Job's UID.
    """
    metadata = mapping(pod.get("metadata"))
    ours = texts(metadata.get("labels"))
    if ours.get(labels.MANAGED_BY) != labels.MANAGED_BY_US or ours.get(labels.DEPLOYMENT) != labels.deployment():
        return None
    owners = [one for one in members(metadata.get("ownerReferences")) if one.get("controller") is True]
    job_uid = next((text(one.get("uid")) for one in owners if one.get("kind") == "Job"), "")
    project_id, job_id = ours.get(labels.PROJECT_ID, ""), ours.get(labels.JOB_ID, "")
    if not (job_uid and project_id and job_id):
        return None
    return PodRun(ours.get(labels.RUN_ID) or derived_id("run_", job_uid), project_id, job_id)
