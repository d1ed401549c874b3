"""Deletes CronJobs that no job wants, unless one does by now: it may have been created since the tables were read."""

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound, Stale
from jobs_api.errors import NotFound
from jobs_api.model.project import Project
from jobs_api.sync.changes import Delete
from jobs_api.sync.progress import SyncProgress

logger = Logger()


class OrphanDeletion:
    """The deletions of one comparison, in an organization's namespace."""

    def __init__(self, organization_id: str, cluster: Cluster, progress: SyncProgress) -> None:
        self._organization_id = organization_id
        self._cluster = cluster
        self._progress = progress
        self._projects: dict[str, Project | None] = {}

    def delete(self, orphan: Delete) -> None:
        """Delete a CronJob that no job wants, if that is still so."""
        progress = self._progress
        progress.kept[orphan.name] = orphan.job_id
        if self._is_wanted(orphan):
            progress.outdated = True
            return
        try:
            self._cluster.delete_cronjob(self._organization_id, orphan.name, orphan.uid, orphan.resource_version)
        except ObjectNotFound:
            progress.kept.pop(orphan.name)
        except Stale:
            progress.outdated = True
        except ClusterRejected as error:
            logger.warning(
                "The cluster does not let CronJob %s be deleted: %s", orphan.name, error, job_id=orphan.job_id
            )
            progress.failure = error
        else:
            progress.kept.pop(orphan.name)
            progress.unlabelled.discard(orphan.name)
            progress.count("deleted")

    def _is_wanted(self, orphan: Delete) -> bool:
        project = self._project(orphan.project_id)
        if project is None or not project.settings.deployed:
            return False
        try:
            project, job = store.get_job(self._organization_id, orphan.project_id, orphan.job_id)
        except NotFound:
            return False
        return project.settings.deployed and job.has_cronjob and job.cronjob_name == orphan.name

    def _project(self, project_id: str) -> Project | None:
        """Return a project, read once in a comparison; None where it was deleted."""
        if project_id not in self._projects:
            try:
                self._projects[project_id] = store.get_project(self._organization_id, project_id)
            except NotFound:
                self._projects[project_id] = None
        return self._projects[project_id]
