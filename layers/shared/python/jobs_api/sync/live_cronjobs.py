"""What a cluster has of the CronJobs in a scope, without reading the specs of those that are known to be right."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from typing import Final

from jobs_api.cluster import Cluster, Object, ObjectNotFound
from jobs_api.k8s import labels
from jobs_api.model.job import SyncState, wanted_version
from jobs_api.sync.desired import Scope, Wanted
from jobs_api.sync.fingerprint import fingerprint
from jobs_api.sync.reconcile import cronjob_labels

# As many are read one by one; where more differ, as after a deployment, their lists are fewer calls.
READ_ALONE: Final = 64


class LiveCronJobs:
    """One look at a cluster, as it is now: never out of a cache, since what is removed is decided from this.

    `right` names the CronJobs that are as they were when they were last found right. `there` counts all that are this
    deployment's, and `unmarked` names those without its mark.
    """

    def __init__(self, cluster: Cluster, scope: Scope, jobs: Mapping[str, Wanted], *, with_unmarked: bool) -> None:
        """List the metadata of what is there, of one job all; `jobs` are by the names of their CronJobs."""
        self.right: set[str] = set()
        self.there = 0
        self.unmarked: set[str] = set()
        self._cluster = cluster
        self._namespace = scope.organization_id
        self._selectors = [scope.selector]
        if with_unmarked:
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
            self.unmarked.add(metadata["name"])
        if wanted is None:
            kept = {key: value for key, value in metadata.items() if key != "managedFields"}
            self._orphans.append({"metadata": kept})
        elif is_right(cronjob, wanted):
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
            return None  # it went since, and is made anew


def is_right(cronjob: Object, wanted: Wanted) -> bool:
    """Tell by its metadata whether a CronJob was found right for these versions of project and job."""
    project, job = wanted
    synced = job.synced
    if synced is None or synced.state is not SyncState.SYNCED or synced.version != wanted_version(project, job):
        return False
    return synced.fingerprint is not None and synced.fingerprint == fingerprint(cronjob)
