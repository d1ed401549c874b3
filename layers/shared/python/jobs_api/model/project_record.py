"""The record in the tables of a project that is named by the labels of objects in a cluster."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProjectRecord:
    """The record of a project in the tables.

    Args:
        version: the project's, None where there is no such project.
        deployed: whether its jobs should have CronJobs.
        deleted: whether there was one, which was deleted.
        jobs: the versions of its jobs by their ids.
        deleted_jobs: ids of jobs that were deleted.

    Jobs that were not asked for may be left out.
    """

    version: int | None = None
    deployed: bool = False
    deleted: bool = False
    jobs: Mapping[str, int] = field(default_factory=dict)
    deleted_jobs: AbstractSet[str] = frozenset()

    def knows_job(self, job_id: str) -> bool:
        """Return whether the project has or had this job."""
        return self.deleted or job_id in self.jobs or job_id in self.deleted_jobs
