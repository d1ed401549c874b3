"""Makes a job's CronJob what it should be, and records how that went.

Where somebody else has written the CronJob meanwhile, it is compared again, with the tables as they are by then.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cluster import AlreadyExists, Cluster, ClusterRejected, Object, ObjectNotFound, Stale
from jobs_api.errors import NotFound
from jobs_api.k8s import labels
from jobs_api.sync import reconcile, sync_messages
from jobs_api.sync.changes import Create, Delete, Leave, Reason, Replace
from jobs_api.sync.desired import Manifests, Wanted
from jobs_api.sync.fingerprint import fingerprint
from jobs_api.sync.orphan_deletion import OrphanDeletion
from jobs_api.sync.progress import SyncProgress
from jobs_api.sync.recording import Recorder, had_error, was_synced
from jobs_api.sync.removals import Standing
from jobs_api.sync.removing import Removals

FORBIDDEN: Final = 403

logger = Logger()


@dataclass(frozen=True)
class CronJobWriter:
    """Writes the CronJobs of one comparison."""

    cluster: Cluster
    now: datetime
    progress: SyncProgress
    recorder: Recorder
    removals: Removals
    deletion: OrphanDeletion

    def bring(self, change: Create | Replace | Leave, wanted: Wanted) -> None:
        """Make a job's CronJob what it should be, and record how that went."""
        try:
            match change:
                case Create():
                    live = self.cluster.create_cronjob(change.manifest)
                case Replace():
                    live = self.cluster.replace_cronjob(self._dated(change))
                case Leave():
                    self._record_left_alone(change, wanted)
                    return
        except AlreadyExists:
            self._compare_again(wanted)
        except Stale:
            # Another sync was faster, or the controller, which writes to the status when it fires.
            self.progress.outdated = True
        except ClusterRejected as error:
            self._rejected(change, wanted, error)
        else:
            self._record_written(change, wanted, live)

    def _record_written(self, change: Create | Replace, wanted: Wanted, live: Object) -> None:
        self.progress.count("created" if isinstance(change, Create) else "replaced")
        self.progress.count("repaired", was_synced(wanted, self.now))
        if change.name in self.progress.unlabelled:
            self.progress.unlabelled.discard(change.name)
            self.progress.count("adopted")
        resumed = isinstance(change, Replace) and change.resumes
        self.recorder.in_place(wanted, fingerprint(live), resumed=resumed, tried=change.manifest)

    def _rejected(self, change: Create | Replace | Leave, wanted: Wanted, error: ClusterRejected) -> None:
        if isinstance(change, Replace) and isinstance(error, ObjectNotFound):
            self.progress.outdated = True
            return
        project, job = wanted
        logger.warning("The cluster rejects CronJob %s: %s", change.name, error, job_id=job.id, project_id=project.id)
        self.recorder.error(wanted, sync_messages.of_rejected_cronjob(error))

    def _dated(self, change: Replace) -> Object:
        """Let the cluster leave out the slots from before the change; return the manifest to write after that.

        The status is written first: with a new schedule and an old status, a CronJob may start a slot of the past.
        """
        if change.dated is None:
            return change.manifest
        try:
            live = self.cluster.replace_cronjob_status(change.dated)
        except ClusterRejected as error:
            if error.status != FORBIDDEN:
                raise
            # The manifest of an earlier release does not allow it; the job's other changes must not wait for that.
            logger.warning("CronJob %s may start a slot from before its change: %s", change.name, error)
            return change.manifest
        version = {"resourceVersion": live["metadata"]["resourceVersion"]}
        return {**change.manifest, "metadata": {**change.manifest["metadata"], **version}}

    def _record_left_alone(self, change: Leave, wanted: Wanted) -> None:
        match change.reason:
            case Reason.FOREIGN:
                self.recorder.error(wanted, sync_messages.FOREIGN.format(change.name))
            case Reason.ANOTHERS:
                whose = reconcile.cronjob_labels(change.live)[labels.DEPLOYMENT]
                self.recorder.error(wanted, sync_messages.ANOTHERS.format(change.name, whose))
            case Reason.GOING:
                self.progress.outdated = True
            case Reason.NEWER:
                self._compare_again(wanted)
            case _:
                assert_never(change.reason)

    def _compare_again(self, wanted: Wanted) -> None:
        """Compare one CronJob again; read the cluster first and then the tables, which are then at least as new."""
        project, job = wanted
        try:
            live = self.cluster.get_cronjob(project.organization_id, job.cronjob_name)
            project, job = store.get_job(project.organization_id, project.id, job.id)
        except (ObjectNotFound, NotFound):
            self.progress.outdated = True
            return
        if not project.settings.deployed or not job.has_cronjob or job.cronjob_name != live["metadata"]["name"]:
            self.progress.outdated = True
            return
        if labels.is_unlabelled(reconcile.cronjob_labels(live)):
            self.progress.unlabelled.add(job.cronjob_name)
        self._compare((project, job), live)

    def _compare(self, wanted: Wanted, live: Object) -> None:
        """Act on the difference between a job and its CronJob, both just read."""
        name = wanted[1].cronjob_name
        desired = Manifests({name: wanted}, self.now)
        if desired.unopened:
            self.recorder.error(wanted, sync_messages.UNOPENED)
            return
        change = reconcile.compare(desired[name], live, latest=True)
        if isinstance(change, Delete):
            self._make_way(change, wanted)
        elif change:
            self.bring(change, wanted)
        else:
            self.recorder.in_place(wanted, fingerprint(live), tried=desired[name] if had_error(wanted) else None)

    def _make_way(self, orphan: Delete, wanted: Wanted) -> None:
        """Remove a CronJob that was not listed and has a job's name, unless an operator has to decide that."""
        match self.removals.standing(orphan):
            case Standing.KNOWN:
                self.deletion.delete(orphan)
                self.progress.outdated = True
            case Standing.STRANGER:
                self.progress.unlabelled.discard(orphan.name)
                self.recorder.error(wanted, sync_messages.FOREIGN.format(orphan.name))
            case Standing.UNKNOWN if self.removals.is_whole:
                # It was created after the list; the next list contains it.
                self.progress.outdated = True
            case Standing.UNKNOWN:
                self.progress.needs_whole = True
