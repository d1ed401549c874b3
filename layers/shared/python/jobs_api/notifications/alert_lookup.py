"""What the jobs of scheduled runs request, at the time when a run is first seen: notifications, and when it ends."""

import threading
from dataclasses import dataclass, field

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.model import lateness
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications import channels


@dataclass
class Asked:
    """What jobs request of their runs; reads each job once, for one pass over an organization."""

    organization_id: str
    _known: dict[str, tuple[Project, Job] | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, run: Run) -> Run:
        """Return a new run with what its job requests, or as it is where its job is gone."""
        found = self._job_of(run)
        if found is None:
            return run
        project, job = found
        expected = lateness.expected_of(job, run.scheduled_for)
        return run.model_copy(update={"alerts": channels.alerts_of(project, job), **expected})

    def _job_of(self, run: Run) -> tuple[Project, Job] | None:
        with self._lock:
            if run.job_id in self._known:
                return self._known[run.job_id]
        try:
            found = store.get_job(self.organization_id, run.project_id, run.job_id)
        except NotFound:
            found = None
        with self._lock:
            self._known[run.job_id] = found
        return found
