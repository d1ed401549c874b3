"""Creates the Kubernetes Job of a triggered run once, however often it is tried."""

import re

from jobs_api.cluster import AlreadyExists, Cluster, Object, ObjectNotFound
from jobs_api.k8s import labels, pod_template
from jobs_api.model.run import Run
from jobs_api.sealing import environment

LONGEST_JOB_NAME = 63
_TIME = re.compile(r"-\d{8}-\d{6}$")


def launch(cluster: Cluster, run: Run) -> str:
    """Create the Job that waits in `run.launch`; return its name.

    If the Job exists already, that is a success: an earlier try died before it could record it. If another run of the
    same second, or another deployment, has the name, this run's name ends with characters of its id.

    Raises:
        ClusterUnavailable: the cluster does not answer, but may have created the Job.
        ClusterRejected: the cluster refuses; with status 422 it would refuse again.
        CannotOpen: KMS does not decrypt the secret values of its environment.
    """
    manifest: Object = pod_template.with_values(run.launch or {}, environment.opened_of(run))
    name: str = manifest["metadata"]["name"]
    try:
        return _create(cluster, manifest, run.id)
    except AlreadyExists:
        named = {**manifest["metadata"], "name": _other_name(name, run.id)}
        return _create(cluster, {**manifest, "metadata": named}, run.id)


def with_its_own_name(run: Run) -> Run:
    """Return a run that is not yet written, whose Job has a name that no other run of the same second gets.

    For a run that waits: it has its name long before it has its Job, and its user may ask for that Job by the name.
    """
    launch: Object = run.launch or {}
    name = _other_name(run.job_name, run.id)
    return run.model_copy(
        update={"job_name": name, "launch": {**launch, "metadata": {**launch["metadata"], "name": name}}}
    )


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
    # Two deployments have a run with the same id if the tables of one were copied from the other.
    return bool(found.get(labels.RUN_ID) == run_id and not labels.is_of_another(found))


def _other_name(name: str, run_id: str) -> str:
    """Return the name with the end of the run's id: always the same name, so that a second try finds the first."""
    time = _TIME.search(name)
    ending = (time.group() if time else "") + f"-{run_id[-6:]}"
    return _TIME.sub("", name)[: LONGEST_JOB_NAME - len(ending)].rstrip("-") + ending
