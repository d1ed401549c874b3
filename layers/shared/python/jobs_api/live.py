"""Asks the cluster what `GET /jobs` and its kin want to know."""

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger

from jobs_api import ingest, live_jobs, logs, names, pods, store
from jobs_api.answer_size import end_that_fits
from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound
from jobs_api.errors import ClusterUnavailable, LiveJobNotFound, NotFound
from jobs_api.live_jobs import LiveJob, LiveJobDetail, LiveJobList, LiveLogs
from jobs_api.organizations import Organization
from jobs_api.pods import Object
from jobs_api.runs import RunStatus

logger = Logger()


def list_jobs(
    cluster: Cluster, organization: Organization, status: RunStatus | None, project: str | None, limit: int
) -> LiveJobList:
    """Return the organization's Jobs of a status and of the project with this name, None being any.

    1. The cluster gives the Jobs, page by page; only as many as are shown are kept.
    2. A Job alone does not always tell its status. Where one is asked for, the pods of those that may have it do.
    3. The pods of those that are shown tell when they started.
    """
    shown: list[Object] = []
    known: dict[str, Object] = {}
    total = 0
    with _reading():
        for page in cluster.list_jobs(organization.namespace, live_jobs.selector(organization.id, project)):
            jobs = [job for job in page if live_jobs.is_ours(job, organization.id) and live_jobs.may_be(job, status)]
            if status and status is not RunStatus.SUCCESS:
                known |= cluster.pods_of(organization.namespace, jobs)
                jobs = [job for job in jobs if LiveJob.of(job, known.get(_uid(job))).status is status]
            total += len(jobs)
            shown = live_jobs.newest([*shown, *jobs], limit)
            known = {_uid(job): known[_uid(job)] for job in shown if _uid(job) in known}
        known |= cluster.pods_of(organization.namespace, [job for job in shown if _uid(job) not in known])
    return LiveJobList(jobs=[LiveJob.of(job, known.get(_uid(job))) for job in shown], total=total)


def get_job(cluster: Cluster, organization: Organization, name: str) -> LiveJobDetail:
    """Return one of the organization's Jobs in detail; raises LiveJobNotFound."""
    with _reading():
        job = _find(cluster, organization, name)
        return LiveJobDetail.of(job, cluster.pod_of(job))


def get_logs(cluster: Cluster, organization: Organization, name: str, tail: int) -> LiveLogs:
    """Return the last lines of a Job's log, up to 1 MiB and to what an answer holds; where the pod is gone, its run's.

    Raises LiveJobNotFound.
    """
    with _reading():
        job = _find(cluster, organization, name)
        pod = cluster.pod_of(job)
        if pod and pods.has_run(pod):
            try:
                text = _read(cluster, pod, tail)
            except ClusterRejected:
                # Removed since, or its node was: all that is left is what its run has kept.
                pod = None
            else:
                seen = LiveJob.of(job, pod)
                return LiveLogs(
                    job_name=name, pod_name=pod["metadata"]["name"], logs=text, tail=tail, status=seen.status
                )
    stored = None if pod else _stored(job, organization, tail)
    return stored or live_jobs.without_logs(job, pod, tail)


def _find(cluster: Cluster, organization: Organization, name: str) -> Object:
    if not names.is_dns_label(name):
        raise LiveJobNotFound(name)
    try:
        job = cluster.get_job(organization.namespace, name)
    except ObjectNotFound as error:
        raise LiveJobNotFound(name) from error
    if not live_jobs.is_ours(job, organization.id):
        raise LiveJobNotFound(name)
    return job


def _read(cluster: Cluster, pod: Object, tail: int) -> str:
    """Return the end of a pod's log; 10,000 lines may be more than a function can hold."""
    end = logs.LogEnd()
    container = pod["spec"]["containers"][0]["name"]
    for chunk in cluster.stream_log(
        pod["metadata"]["namespace"], pod["metadata"]["name"], container=container, tail=tail
    ):
        end.add(chunk)
    return end_that_fits(end.last(logs.INLINE_BYTES))


def _stored(job: Object, organization: Organization, tail: int) -> LiveLogs | None:
    run_id = ingest.run_id_of(job)
    run = store.find_runs(organization.id, [run_id]).get(run_id)
    if run is None or run.log is None or not ingest.accounts_for(job, run):
        return None
    try:
        end = logs.read_end(run.log)
    except NotFound:
        return None
    return live_jobs.stored_logs(run, end_that_fits(logs.last_lines(end, tail)), tail)


@contextmanager
def _reading() -> Iterator[None]:
    """Tell who asks that the cluster cannot be read, but not in its own words: they name roles and hosts."""
    try:
        yield
    except ClusterRejected as error:
        logger.exception("the cluster refused to be read", status=error.status)
        raise ClusterUnavailable("The cluster does not let this service read; its operator must allow it") from error
    except ClusterUnavailable as error:
        logger.warning("the cluster could not be read", error=str(error))
        raise ClusterUnavailable("The cluster cannot be read at the moment; try again in a while") from error


def _uid(job: Object) -> str:
    return str(job["metadata"]["uid"])
