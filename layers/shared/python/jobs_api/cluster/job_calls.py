"""The calls of this service about Jobs."""

from collections.abc import Iterator

from jobs_api.cluster.calls import BATCH, Calls, path_of
from jobs_api.cluster.lists import METADATA, Object


class JobCalls(Calls):
    """The calls of this service about Jobs."""

    def list_jobs(self, namespace: str, selector: str, *, cached: bool = False) -> Iterator[list[Object]]:
        """Yield the Jobs that a label selector matches, page by page, each object once; `cached` as above."""
        return self._lists.pages(path_of(BATCH, namespace, "jobs"), selector, cached=cached)

    def list_job_metadata(self, namespace: str, selector: str, *, cached: bool = False) -> Iterator[list[Object]]:
        """Yield only the `metadata` of the same."""
        return self._lists.pages(path_of(BATCH, namespace, "jobs"), selector, cached=cached, accept=METADATA)

    def create_job(self, job: Object) -> Object:
        """Create a Job and return it as stored; raises AlreadyExists, and ObjectNotFound without its namespace."""
        return self._create(BATCH, "jobs", job)

    def get_job(self, namespace: str, name: str) -> Object:
        """Return a Job; raises ObjectNotFound."""
        return self._get(path_of(BATCH, namespace, "jobs", name))

    def replace_job(self, job: Object) -> Object:
        """Replace a Job, if `metadata.uid` and `metadata.resourceVersion` are still its own; return it.

        Raises:
            Stale: it has changed.
            ObjectNotFound: it is gone.
        """
        return self._replace(BATCH, "jobs", job)
