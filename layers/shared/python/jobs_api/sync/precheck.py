"""A cheap check before a sync: which projects of an organization have anything to do; mostly there is none."""

from datetime import datetime

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.errors import NotFound
from jobs_api.k8s import labels
from jobs_api.model.job import wanted_version
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
    suspect: set[str] = set()
    for page in cluster.list_cronjob_metadata(scope.organization_id, scope.selector, cached=True):
        for cronjob in page:
            project, job = wanted.pop(cronjob["metadata"]["name"], (None, None))
            if project is None or job is None:
                suspect.add(str(cronjob["metadata"]["labels"].get(labels.PROJECT_ID)))
            elif (
                job.synced_as != wanted_version(project, job)
                or job.fingerprint != fingerprint(cronjob)
                or job.is_over(now)
            ):
                suspect.add(project.id)
    suspect.update(
        project.id
        for project, job in wanted.values()
        if job.synced_as != wanted_version(project, job) or job.fingerprint != NO_CRONJOB
    )
    if not suspect <= projects.keys():
        return [scope]  # a CronJob belongs to no existing project
    return [scope.model_copy(update={"project_id": project_id}) for project_id in sorted(suspect)]


def _has_held(organization_id: str) -> bool:
    """Return whether some CronJobs wait for an operator's confirmation; the answer may be a minute old."""
    try:
        return store.recent_organization(organization_id).held_removals is not None
    except NotFound:
        return True
