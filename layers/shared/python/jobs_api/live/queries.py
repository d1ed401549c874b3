"""Reads from the cluster what `GET /jobs` and the other live calls return."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound
from jobs_api.errors import ClusterUnavailable, LiveJobNotFound, NotFound
from jobs_api.k8s import pod_status
from jobs_api.k8s.job_status import Outcome
from jobs_api.k8s.observed import Observed, observe
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.live import documents
from jobs_api.live.documents import LiveJob, LiveJobDetail, LiveJobList, LiveLogs, LiveStatus
from jobs_api.logs import archive, log_end
from jobs_api.model import names
from jobs_api.model.answer_size import end_that_fits
from jobs_api.model.organization import Organization
from jobs_api.model.run import Run, RunStatus

logger = Logger()
# The number of pages, of 500 Jobs each. A namespace should have no more; reading these takes some seconds, and an
# answer may take 25.
MOST_PAGES: Final = 40


def list_live_jobs(
    cluster: Cluster, organization: Organization, status: LiveStatus | None, project: str | None, limit: int
) -> LiveJobList:
    """Return the organization's Jobs of a status and of the project with this name, None being any.

    1. The cluster gives the Jobs, page by page; only as many as are shown are kept.
    2. A Job alone does not always say its status. Where one is requested, the runs of Jobs that may have it are read,
       and the Pods of those whose runs have not ended.
    3. These also say when the Jobs that are shown have started.
    """
    shown: list[Observed] = []
    outcomes: dict[str, Outcome] = {}
    total = 0
    with _reading():
        pages = cluster.list_jobs(organization.namespace, documents.jobs_selector(organization.id, project))
        for page in islice(pages, MOST_PAGES):
            ours = (job for raw in page if documents.is_of_organization(job := observe(raw), organization.id))
            jobs = [job for job in ours if documents.may_be(job, status)]
            if status:
                unsure = [job for job in jobs if not job.complete]
                outcomes |= _standings(cluster, organization, unsure)
                jobs = [
                    job for job in jobs if job.uid not in outcomes or LiveStatus.of(outcomes[job.uid].status) is status
                ]
            total += len(jobs)
            shown = documents.newest_jobs([*shown, *jobs], limit)
            outcomes = {job.uid: outcomes[job.uid] for job in shown if job.uid in outcomes}
        truncated = next(pages, None) is not None
        outcomes |= _standings(cluster, organization, [job for job in shown if job.uid not in outcomes])
    live_jobs = [LiveJob.of(job, outcomes[job.uid]) for job in shown]
    return LiveJobList(jobs=live_jobs, total=total, truncated=truncated or None)


def _standings(cluster: Cluster, organization: Organization, jobs: list[Observed]) -> dict[str, Outcome]:
    """Return the state of Jobs by their UIDs: from their runs where these have ended, else from their Pods."""
    runs = _runs_of(organization, [job for job in jobs if documents.may_have_ended(job)])
    going = [job.uid for job in jobs if not documents.has_record(job, runs.get(job.uid))]
    found = cluster.pods_of(organization.namespace, going)
    now = datetime.now(UTC)
    return {job.uid: documents.outcome_of(job.with_pod(found.get(job.uid)), runs.get(job.uid), now) for job in jobs}


def _runs_of(organization: Organization, jobs: list[Observed]) -> dict[str, Run]:
    """Return the runs of Jobs that have one, by the Job's UID."""
    runs = store.find_runs(organization.id, {job.run_id for job in jobs}) if jobs else {}
    found = ((job.uid, runs.get(job.run_id)) for job in jobs)
    return {uid: run for uid, run in found if run}


def get_live_job(cluster: Cluster, organization: Organization, name: str) -> LiveJobDetail:
    """Return one of the organization's Jobs in detail; raises LiveJobNotFound."""
    with _reading():
        job = _find(cluster, organization, name)
        run = _runs_of(organization, [job]).get(job.uid)
        return LiveJobDetail.of(job, _outcome_with_events(cluster, job, run))


def _outcome_with_events(cluster: Cluster, job: Observed, run: Run | None) -> Outcome:
    """Return the state of one Job; where it has no Pod, or one that is not set up, only Events say why."""
    now = datetime.now(UTC)
    seen = documents.outcome_of(job, run, now)
    if seen.status is not RunStatus.PENDING or (job.pod and not pod_status.has_no_sandbox(job.pod)):
        return seen
    try:
        warnings = cluster.warnings_of(job.namespace, (job.pod or job).uid)
    except ClusterRejected as error:
        # With the rights of an earlier release, everything else is still shown.
        logger.warning("Events could not be read", status=error.status, error=str(error))
        return seen
    return documents.outcome_of(job.with_warnings(warnings), run, now)


def get_logs(cluster: Cluster, organization: Organization, name: str, tail: int) -> LiveLogs:
    """Return the last lines of a Job's log, up to 1 MiB and to the size of an answer; without its Pod, from its run.

    Raises LiveJobNotFound.
    """
    with _reading():
        job = _find(cluster, organization, name)
        run = _runs_of(organization, [job]).get(job.uid)
        pod = job.pod
        if pod and pod.has_run:
            try:
                text = _read(cluster, pod, tail)
            except ClusterRejected:
                # The Pod or its node was removed since: only the stored log of its run is left.
                job = job.with_pod(None)
            else:
                return documents.read_logs(job, pod, documents.outcome_of(job, run, datetime.now(UTC)), text, tail)
        stored = None if job.pod else _stored(job, run, tail)
        return stored or documents.without_logs(job, _outcome_with_events(cluster, job, run), tail)


def _find(cluster: Cluster, organization: Organization, name: str) -> Observed:
    """Return a Job with its newest pod."""
    if not names.is_dns_label(name):
        raise LiveJobNotFound(name)
    try:
        raw = cluster.get_job(organization.namespace, name)
    except ObjectNotFound as error:
        raise LiveJobNotFound(name) from error
    job = observe(raw)
    if not documents.is_of_organization(job, organization.id):
        raise LiveJobNotFound(name)
    return job.with_pod(cluster.pod_of(raw))


def _read(cluster: Cluster, pod: ObservedPod, tail: int) -> str:
    """Return the end of a Pod's log; 10,000 lines may be more than a function's memory."""
    end = log_end.LogEnd()
    for chunk in cluster.stream_log(pod.namespace, pod.name, tail=tail):
        end.add(chunk)
    return end_that_fits(end.last(log_end.INLINE_BYTES))


def _stored(job: Observed, run: Run | None, tail: int) -> LiveLogs | None:
    if run is None or run.log is None or not job.is_of(run):
        return None
    try:
        end = archive.read_log_end(run.log)
    except NotFound:
        return None
    return documents.stored_logs(run, end_that_fits(log_end.last_lines(end, tail)), tail)


@contextmanager
def _reading() -> Iterator[None]:
    """Turn errors of the cluster into answers without its own words, which name roles and hosts."""
    try:
        yield
    except ClusterRejected as error:
        logger.exception("the cluster refused to be read", status=error.status)
        raise ClusterUnavailable("The cluster does not let this service read; its operator must allow it") from error
    except ClusterUnavailable as error:
        logger.warning("the cluster could not be read", error=str(error))
        raise ClusterUnavailable("The cluster cannot be read at the moment; try again in a while") from error
