"""What the tables know of a project that objects in a cluster say they belong to."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProjectRecord:
    """What the tables hold of a project.

    Args:
        version: the project's, None where there is no such project.
        deployed: whether its jobs should have CronJobs.
        deleted: whether there was one, which was deleted.
        jobs: the versions of its jobs by their ids.
        deleted_jobs: ids of jobs that were deleted.

    Jobs that nobody asked for may be left out.
    """

    version: int | None = None
    deployed: bool = False
    deleted: bool = False
    jobs: Mapping[str, int] = field(default_factory=dict)
    deleted_jobs: AbstractSet[str] = frozenset()

    def knows_job(self, job_id: str) -> bool:
        """Tell whether there is or was such a job here."""
        return self.deleted or job_id in self.jobs or job_id in self.deleted_jobs
