"""The calls of this service about CronJobs."""

from collections.abc import Iterator

from jobs_api.cluster.calls import BATCH, Calls, path_of
from jobs_api.cluster.lists import METADATA, Object


class CronJobCalls(Calls):
    """The calls of this service about CronJobs."""

    def list_cronjobs(self, namespace: str, selector: str) -> Iterator[list[Object]]:
        """Yield the CronJobs that a label selector matches, page by page, each object once."""
        return self._lists.pages(path_of(BATCH, namespace, "cronjobs"), selector)

    def list_cronjob_metadata(self, namespace: str, selector: str, *, cached: bool = False) -> Iterator[list[Object]]:
        """Yield only the `metadata` of the same; with `cached`, they may be old, see `Lists.pages`."""
        return self._lists.pages(path_of(BATCH, namespace, "cronjobs"), selector, cached=cached, accept=METADATA)

    def get_cronjob(self, namespace: str, name: str) -> Object:
        """Return a CronJob; raises ObjectNotFound."""
        return self._get(path_of(BATCH, namespace, "cronjobs", name))

    def create_cronjob(self, cronjob: Object) -> Object:
        """Create a CronJob and return it as stored.

        Raises:
            AlreadyExists: its name is taken.
            ObjectNotFound: the namespace does not exist.
        """
        return self._create(BATCH, "cronjobs", cronjob)

    def replace_cronjob(self, cronjob: Object) -> Object:
        """Replace a CronJob, if `metadata.uid` and `metadata.resourceVersion` are still its own; return it.

        Raises:
            Stale: it has changed.
            ObjectNotFound: it is gone.
        """
        return self._replace(BATCH, "cronjobs", cronjob)

    def replace_cronjob_status(self, cronjob: Object) -> Object:
        """Replace a CronJob's status alone, under the conditions of `replace_cronjob`; return it.

        `cronjob` must have the labels and annotations of the live one: the API server writes them too.
        """
        return self._replace(BATCH, "cronjobs", cronjob, "/status")

    def delete_cronjob(self, namespace: str, name: str, uid: str, resource_version: str) -> None:
        """Delete a CronJob, if it still has this UID and version; its Jobs run to their end.

        Raises:
            Stale: it has changed.
            ObjectNotFound: it is gone.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Orphan",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        self._connection.write("DELETE", path_of(BATCH, namespace, "cronjobs", name), options)
