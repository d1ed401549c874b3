"""Which CronJobs a cluster has in a scope; does not read the specs of those that are known to be right."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from datetime import datetime
from typing import Final

from jobs_api.cluster import Cluster, Object, ObjectNotFound
from jobs_api.k8s import labels
from jobs_api.model.job import wanted_version
from jobs_api.model.job_sync import SyncState
from jobs_api.sync.desired import Scope, Wanted
from jobs_api.sync.fingerprint import fingerprint
from jobs_api.sync.reconcile import cronjob_labels

# Up to this many CronJobs are read one by one; if more differ, as after a deployment, lists need fewer calls.
READ_ALONE: Final = 64


class LiveCronJobs:
    """The CronJobs in a cluster as they are now, never from a cache: removals are decided from them.

    `right` names the CronJobs that have not changed since they were last found right. `there` counts all of this
    deployment's, and `unlabelled` names those without a deployment label.
    """

    def __init__(
        self, cluster: Cluster, scope: Scope, jobs: Mapping[str, Wanted], now: datetime, *, with_unlabelled: bool
    ) -> None:
        """List their metadata, and for a single job its CronJobs; `jobs` are by the names of their CronJobs."""
        self._now = now
        self.right: set[str] = set()
        self.there = 0
        self.unlabelled: set[str] = set()
        self._cluster = cluster
        self._namespace = scope.organization_id
        self._selectors = [scope.selector]
        if with_unlabelled:
            self._selectors.append(labels.unlabelled_selector({labels.ORGANIZATION: scope.organization_id}))
        self._orphans: list[Object] = []
        self._differing: list[str] = []
        self._whole: list[Object] = []
        listed = cluster.list_cronjobs if scope.job_id else cluster.list_cronjob_metadata
        for selector in self._selectors:
            for page in listed(self._namespace, selector):
                for cronjob in page:
                    self._add(cronjob, jobs.get(cronjob["metadata"]["name"]))

    def _add(self, cronjob: Object, wanted: Wanted | None) -> None:
        metadata = cronjob["metadata"]
        if labels.is_ours(cronjob_labels(cronjob)):
            self.there += 1
        elif "deletionTimestamp" not in metadata:
            self.unlabelled.add(metadata["name"])
        if wanted is None:
            kept = {key: value for key, value in metadata.items() if key != "managedFields"}
            self._orphans.append({"metadata": kept})
        elif is_right(cronjob, wanted, self._now):
            self.right.add(metadata["name"])
        elif "spec" in cronjob:
            self._whole.append(cronjob)
        else:
            self._differing.append(metadata["name"])

    def others(self, pool: Executor) -> Iterator[Object]:
        """Yield those that are not known to be right: whole where a job wants them, else their metadata alone."""
        yield from self._orphans
        yield from self._whole
        if len(self._differing) <= READ_ALONE:
            yield from (cronjob for cronjob in pool.map(self._read, self._differing) if cronjob)
            return
        names = set(self._differing)
        for selector in self._selectors:
            for page in self._cluster.list_cronjobs(self._namespace, selector):
                yield from (cronjob for cronjob in page if cronjob["metadata"]["name"] in names)

    def _read(self, name: str) -> Object | None:
        try:
            return self._cluster.get_cronjob(self._namespace, name)
        except ObjectNotFound:
            return None  # deleted since; it is created again


def is_right(cronjob: Object, wanted: Wanted, now: datetime) -> bool:
    """Return whether a CronJob was found right for these versions of project and job, by its metadata.

    At the end of a pause it is not right any more, though no version changes.
    """
    project, job = wanted
    synced = job.synced
    if synced is None or synced.state is not SyncState.SYNCED or synced.version != wanted_version(project, job):
        return False
    if synced.is_over(now):
        return False
    return synced.fingerprint is not None and synced.fingerprint == fingerprint(cronjob)
