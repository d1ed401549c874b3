"""A glance before a look: which projects of an organization have anything to do at all, mostly none."""

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.k8s import labels
from jobs_api.model.job import wanted_version
from jobs_api.sync.desired import Scope
from jobs_api.sync.seen_cache import Memory, fingerprint


def unsettled(scope: Scope, cluster: Cluster, memory: Memory) -> list[Scope]:
    """Return what in scope needs a look: nothing where all is as it was when it was last found right.

    Only a whole organization is worth a glance, and only one that was looked at before; anything else is returned as it
    is. Lists the cluster once, and reads the versions of the jobs, not the jobs.
    """
    if scope.project_id or not memory.knows(scope.organization_id):
        return [scope]
    projects = {project.id: project for project in store.list_projects(scope.organization_id)}
    wanted = {
        job.cronjob_name: (project, job)
        for project in projects.values()
        if project.settings.deployed
        for job in store.list_job_versions(scope.organization_id, project.id)
    }
    suspect: set[str] = set()
    for page in cluster.list_cronjobs(scope.organization_id, scope.selector):
        for cronjob in page:
            project, job = wanted.pop(cronjob["metadata"]["name"], (None, None))
            if project is None or job is None:
                suspect.add(str(cronjob["metadata"]["labels"].get(labels.PROJECT_ID)))
                continue
            version = wanted_version(project, job)
            if job.synced_as != version or not memory.holds(fingerprint(cronjob), job.id, version):
                suspect.add(project.id)
    suspect.update(project.id for project, _ in wanted.values())
    if not suspect <= projects.keys():
        return [scope]  # something there belongs to no project that exists
    return [scope.model_copy(update={"project_id": project_id}) for project_id in sorted(suspect)]
