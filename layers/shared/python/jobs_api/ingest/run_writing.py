"""Writes what a pass has found of runs, each with all that follows from it; then counts ends and queues notifications.

What follows from an end is written with it: the next attempt, the marks of the jobs that run after it, the artifacts.
"""

from dataclasses import dataclass, field

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.ingest import retrying
from jobs_api.ingest.pass_findings import PassFindings
from jobs_api.logs.artifacts import Bundle
from jobs_api.metrics import Metric
from jobs_api.model import lateness, run_events
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications import queue
from jobs_api.store import followers, latest_artifacts

METRIC_OF_END = {
    RunStatus.SUCCESS: Metric.RUNS_SUCCEEDED,
    RunStatus.FAILED: Metric.RUNS_FAILED,
    RunStatus.ERROR: Metric.RUNS_ERRORED,
    RunStatus.CANCELLED: Metric.RUNS_CANCELLED,
}

logger = Logger()


@dataclass
class RunWriter:
    """Writes the runs of a pass; several threads may write, and one sends the notifications."""

    clock: Clock
    findings: PassFindings
    # How many runs have ended, by status, and how long after an end it was seen at most.
    figures: dict[Metric, float] = field(default_factory=dict)
    _to_notify: list[Run] = field(default_factory=list)

    def write(self, before: Run | None, after: Run, stored: Bundle | None = None) -> bool:
        """Write a new run, or a run's move, with the artifacts that it stored; False if another process did that.

        `notify` sends its notifications.
        """
        # Its next attempt is for the same slot, and is not reported late again.
        after = lateness.found_late_at_end(before, after) if before else after
        after, attempt = retrying.with_next_attempt(after, self.clock())
        after = followers.with_followers(after)
        files = latest_artifacts.files_of(after, stored.paths if stored else [])
        if before:
            written = store.advance_run(before, after, next_attempt=attempt, files=files)
        else:
            written = store.create_run(after, next_attempt=attempt, files=files)
        if written:
            self._to_notify.append(run_events.with_events(before, after))
            self.findings.record_written(after)
        return written

    def was_written(self, run: Run) -> None:
        """Take over a run that was written with its events, so that `notify` sends these."""
        self._to_notify.append(run)

    def notify(self) -> None:
        """Count what was written since the last call, and queue its notifications."""
        written, self._to_notify = self._to_notify, []
        for run in written:
            if run.status.ended:
                self._count(run)
        # Where the queue did not take them, `notify` stays on the runs, and a later pass finds it.
        queue.try_to_publish(written)

    def _count(self, ended: Run) -> None:
        """Count a run that ended, and how long after its end that was seen; log it unless it succeeded.

        A line for each success would cost more than its count of the day.
        """
        if ended.status is not RunStatus.SUCCESS:
            logger.info(
                "run ended",
                organization_id=ended.organization_id,
                project_id=ended.project_id,
                job_id=ended.job_id,
                run_id=ended.id,
                status=ended.status,
            )
        metric = METRIC_OF_END[ended.status]
        self.figures[metric] = self.figures.get(metric, 0) + 1
        lag = (self.clock() - ended.end_time).total_seconds() if ended.end_time else 0
        self.figures[Metric.INGEST_LAG] = max(lag, self.figures.get(Metric.INGEST_LAG, 0))
