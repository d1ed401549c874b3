"""Reads what the jobs of scheduled runs request when a run is first seen: notifications, and by when it ends."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.model import lateness
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications import channels

logger = Logger()


@dataclass
class Asked:
    """The requests of jobs for their runs; reads each job once, for one pass over an organization."""

    organization_id: str
    # By the ids of jobs, as they were read in this pass.
    known: dict[str, tuple[Project, Job]] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)

    def read(self, jobs: Iterable[tuple[str, str]]) -> None:
        """Read jobs, each named by its project's id and its own, that were not read yet."""
        wanted = {(project_id, job_id) for project_id, job_id in jobs if job_id not in self._read}
        if wanted:
            self.known |= store.jobs_with_projects(self.organization_id, wanted)
        self._read |= {job_id for _, job_id in wanted}

    def read_ahead(self, jobs: Iterable[tuple[str, str]]) -> None:
        """Read jobs together; where that fails, each is read by itself, so that one fails alone."""
        try:
            self.read(jobs)
        except Exception:
            logger.warning("jobs were not read together", organization_id=self.organization_id, exc_info=True)

    def of(self, run: Run) -> Run:
        """Return a new run with what its job requests, or as it is where its job is gone."""
        self.read([(run.project_id, run.job_id)])
        found = self.known.get(run.job_id)
        if found is None:
            return run
        project, job = found
        expected = lateness.expected_of(job, run.scheduled_for)
        return run.model_copy(update={"alerts": channels.alerts_of(project, job), **expected})
