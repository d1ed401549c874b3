"""A cheap check before a sync: which projects of an organization have anything to do; mostly there is none."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain

from jobs_api import store
from jobs_api.cluster import Cluster, Object
from jobs_api.errors import NotFound
from jobs_api.k8s import labels
from jobs_api.model.job import wanted_version
from jobs_api.model.job_sync import JobVersion
from jobs_api.model.project import Project
from jobs_api.sync import runner_config
from jobs_api.sync.desired import Scope
from jobs_api.sync.fingerprint import NO_CRONJOB, fingerprint


def unsettled(scope: Scope, cluster: Cluster, now: datetime) -> list[Scope]:
    """Return the scopes that need a sync: none where everything is as it was when it was last found right.

    Only a whole organization is checked; any other scope is returned as it is. Lists the metadata in the cluster, which
    may be some seconds old: the sync reads again what differs, and the next check finds what does not differ yet. Reads
    the versions of the jobs, not the jobs. It also sees to the ConfigMap with the runner, which is in no job's state.
    """
    if scope.project_id:
        return [scope]
    if _has_held(scope.organization_id):
        return [scope]  # only a sync of the whole can say whether they are still there
    projects = {project.id: project for project in store.list_projects(scope.organization_id)}
    if any(project.settings.deployed and project.settings.artifacts for project in projects.values()):
        runner_config.keep(cluster, scope.organization_id)
    wanted = {
        job.cronjob_name: (project, job)
        for project in projects.values()
        if project.settings.deployed
        for job in store.list_job_versions(scope.organization_id, project.id)
    }
    pages = cluster.list_cronjob_metadata(scope.organization_id, scope.selector, cached=True)
    suspect = set(_suspects(chain.from_iterable(pages), wanted, now))
    if not suspect <= projects.keys():
        return [scope]  # a CronJob belongs to no existing project
    return [scope.model_copy(update={"project_id": project_id}) for project_id in sorted(suspect)]


def _suspects(
    cronjobs: Iterable[Object], wanted: dict[str, tuple[Project, JobVersion]], now: datetime
) -> Iterator[str]:
    """Yield the projects, perhaps repeatedly, of CronJobs that no job wants, and of jobs that are not as recorded.

    `wanted` has the jobs by the names of their CronJobs; each that is listed is taken out of it.
    """
    for cronjob in cronjobs:
        if found := wanted.pop(cronjob["metadata"]["name"], None):
            project, job = found
            if not _is_as_recorded(project, job, fingerprint(cronjob)) or job.is_over(now):
                yield project.id
        else:
            yield str(cronjob["metadata"]["labels"].get(labels.PROJECT_ID))
    yield from (project.id for project, job in wanted.values() if not _is_as_recorded(project, job, NO_CRONJOB))


def _is_as_recorded(project: Project, job: JobVersion, seen: str) -> bool:
    """Return whether a job was found right in these versions, with the CronJob of this fingerprint."""
    return job.synced_as == wanted_version(project, job) and job.fingerprint == seen


def _has_held(organization_id: str) -> bool:
    """Return whether some CronJobs wait for an operator's confirmation; the answer may be a minute old."""
    try:
        return store.recent_organization(organization_id).held_removals is not None
    except NotFound:
        return True
