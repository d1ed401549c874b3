"""Which notifications the jobs of scheduled runs request, at the time when a run is first seen."""

import threading
from dataclasses import dataclass, field

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.model.alert_targets import RunAlerts
from jobs_api.model.run import Run
from jobs_api.notifications import channels


@dataclass
class Asked:
    """The notifications that jobs request; reads each job once, for one pass over an organization."""

    organization_id: str
    _known: dict[str, RunAlerts | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, run: Run) -> RunAlerts | None:
        """Return the targets of a new run's notifications; none where its job is gone."""
        with self._lock:
            if run.job_id in self._known:
                return self._known[run.job_id]
        try:
            project, job = store.get_job(self.organization_id, run.project_id, run.job_id)
            alerts = channels.alerts_of(project, job)
        except NotFound:
            alerts = None
        with self._lock:
            self._known[run.job_id] = alerts
        return alerts
