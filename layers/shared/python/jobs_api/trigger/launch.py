"""Creates the Kubernetes Job of a manual run, once, however often it is tried."""

import re

from jobs_api.cluster import AlreadyExists, Cluster, Object, ObjectNotFound
from jobs_api.k8s import labels, manifests
from jobs_api.model.run import Run
from jobs_api.sealing import environment

LONGEST_JOB_NAME = 63
_TIME = re.compile(r"-\d{8}-\d{6}$")


def launch(cluster: Cluster, run: Run) -> str:
    """Create the Job that waits in `run.launch`; return its name.

    That it exists is success: an earlier try was cut off before it could say so. Another run of the same second has
    the name already, or another deployment; then this one's ends in letters of its id.

    Raises:
        ClusterUnavailable: the cluster cannot be asked; it may have created the Job all the same.
        ClusterRejected: it refuses; with status 422 it will refuse again.
        CannotOpen: KMS does not open what is secret of its environment.
    """
    manifest: Object = manifests.with_values(run.launch or {}, environment.opened_of(run))
    name: str = manifest["metadata"]["name"]
    try:
        return _create(cluster, manifest, run.id)
    except AlreadyExists:
        named = {**manifest["metadata"], "name": _other_name(name, run.id)}
        return _create(cluster, {**manifest, "metadata": named}, run.id)


def _create(cluster: Cluster, manifest: Object, run_id: str) -> str:
    name: str = manifest["metadata"]["name"]
    try:
        cluster.create_job(manifest)
    except AlreadyExists:
        if not _is_of_run(cluster, manifest, run_id):
            raise
    return name


def _is_of_run(cluster: Cluster, manifest: Object, run_id: str) -> bool:
    try:
        job = cluster.get_job(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
    except ObjectNotFound:
        return False
    found = job["metadata"].get("labels") or {}
    # Two deployments have a run of one id where the tables of one were copied from the other's.
    return bool(found.get(labels.RUN_ID) == run_id and not labels.is_of_another(found))


def _other_name(name: str, run_id: str) -> str:
    """Return the name with the end of the run's id: always the same one, so that a second try finds the first."""
    time = _TIME.search(name)
    ending = (time.group() if time else "") + f"-{run_id[-6:]}"
    return _TIME.sub("", name)[: LONGEST_JOB_NAME - len(ending)].rstrip("-") + ending
