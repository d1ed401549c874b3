"""Launches the runs that still wait for a Job, once they may be: their time has come, and the runs they wait for ended.

A run that nobody may launch any more ends instead.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cancel import ending
from jobs_api.clock import Clock
from jobs_api.cluster import Cluster, ClusterRejected
from jobs_api.ingest import retrying, unseen_end
from jobs_api.ingest.pass_findings import PassFindings
from jobs_api.ingest.run_writing import RunWriter
from jobs_api.model.run import Run
from jobs_api.trigger import admission
from jobs_api.trigger.launch import launch
from jobs_api.trigger.waiting import launchable

# The API server's statuses for a manifest that it will never accept.
REFUSED_FOR_GOOD: Final = frozenset({400, 422})

logger = Logger()


@dataclass
class WaitingRuns:
    """Launches the waiting runs of an organization, in one pass."""

    cluster: Cluster
    clock: Clock
    findings: PassFindings
    writer: RunWriter
    # The runs that may not be launched yet, and when some of them may be.
    held_back: set[str] = field(default_factory=set)
    due: list[datetime] = field(default_factory=list)

    def holds_back(self, run: Run) -> bool:
        """Return whether a run waits for its time to be launched; note when that is."""
        others = self.findings.still_open(run.job_id) if run.waits else ()
        waits = launchable(run, self.clock(), others) if run.launch else None
        if waits is None or waits.now:
            return False
        self.held_back.add(run.id)
        self.due.extend([waits.again_at] if waits.again_at else [])
        return True

    def launch(self, run: Run) -> bool:
        """Create the Job of a run that has none yet. The run was listed a while ago, and may be cancelled since."""
        known = store.find_runs(run.organization_id, [run.id]).get(run.id)
        if known is None or known.launch is None:
            return False
        place = retrying.place_of(known, self.findings.still_open(run.job_id), self.clock())
        if ended := place.ended or unseen_end.not_launched(known, self.clock()):
            return self.writer.write(known, ended)
        if place.later or (known.waits and not self._admitted(known)):
            return False
        try:
            name = launch(self.cluster, run)
        except ClusterRejected as error:
            return self._refused(run, error)
        launched = store.run_launched(run, name, self.clock())
        if not launched:
            ending.end_if_cancelled(self.cluster, run, name, self.clock())
        return launched

    def _admitted(self, run: Run) -> bool:
        """Return whether a run that waits for others may be launched now."""
        going = admission.jobs_going(run, self.cluster)
        return admission.admit(run, going, self.clock(), self.findings.ended_of(run.job_id))

    def _refused(self, run: Run, error: ClusterRejected) -> bool:
        """End a run that the cluster will never accept."""
        logger.warning("a run was refused", run_id=run.id, status=error.status, error=str(error))
        if error.status not in REFUSED_FOR_GOOD:
            return False
        refused = unseen_end.not_launched(run, self.clock(), refused=str(error))
        return refused is not None and self.writer.write(run, refused)
