"""Ingests one Job: reads what `decision` needs, and does what it decided with the run, its log, the Job and its Pod.

Everything here may be done twice or by two passes at once: logs replace themselves, writes are conditional.
"""

from dataclasses import dataclass
from datetime import datetime

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cancel import ending
from jobs_api.clock import Clock
from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound, Stale
from jobs_api.ingest import decision, run_log
from jobs_api.ingest.decision import Decision
from jobs_api.ingest.giving_up import wants_events_of
from jobs_api.ingest.log_storing import PodLogs
from jobs_api.ingest.pass_findings import PassFindings
from jobs_api.ingest.run_writing import RunWriter
from jobs_api.k8s import job_stop
from jobs_api.k8s.job_secrets import secrets_of
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.log_names import has_begun
from jobs_api.k8s.observed import Observed
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import Bundle, BundleKey
from jobs_api.model import run_events
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications.alert_lookup import Asked
from jobs_api.store import project_records

logger = Logger()


@dataclass(frozen=True)
class JobIngest:
    """Ingests the Jobs of an organization, in one pass."""

    organization_id: str
    cluster: Cluster
    clock: Clock
    findings: PassFindings
    writer: RunWriter
    logs: PodLogs
    asked: Asked

    def ingest(self, job: Object, seen: Observed, run: Run | None) -> bool:
        """Ingest one Job; return whether anything was written.

        Args:
            job: its JSON, which is sent back to stop it.
            seen: what it says.
            run: its run, as it was listed; None where there is none yet.
        """
        launched = False
        if run and run.launch and not run.status.ended:
            # The process that created the Job died before it recorded that; without it, a pass creates the Job again.
            launched = store.run_launched(run, seen.name, self.clock())
        now = self.clock()
        seen = self._with_warnings(seen, run, now)
        decided = decision.decide(seen, run, self.organization_id, now)
        if decided.too_new:
            self.findings.record_too_new(seen)
            return launched
        self._end_pod(seen.pod if decided.ends_pod else None)
        if decided.stop and not (self._may_stop(seen, run) and self._replaced(job_stop.stopped(job, decided.stop))):
            return launched
        if decided.run is None:
            self.logs.collect_log(run)
            return launched
        written = self._write(job, seen, run, decided, decided.run)
        if written and decided.ends_job and self._is_known(seen):
            # Where this process dies before, or the Job has changed, the next pass does it.
            self._replaced(job_stop.stopped(job, decision.stop_of(written)))
        return launched or written is not None

    def _write(self, job: Object, seen: Observed, run: Run | None, decided: Decision, after: Run) -> Run | None:
        """Write a run as it was decided, after its log; None where another pass has written it."""
        after = after if run else self.asked.of(after)
        stored: Bundle | None = None
        if decided.quotes and seen.pod:
            after = run_log.quoting(after, self.logs.end_of(seen.pod, decided.quotes))
        if decided.wants_log:
            # Not the run's end, which is now in each pass where Kubernetes has not finished the Job.
            ended_at = seen.ended_at or run.cancel_requested_at if run else None
            if run and seen.pod is None and self.logs.awaits_text(run, ended_at):
                return None  # the next pass writes it
            run = run or _begun(after)
            if run is None:
                return None
            stored = artifacts.stored_bundle(BundleKey.of(after)) if seen.stores_artifacts else None
            after = self._with_log(after, job, seen, stored)
        elif after.status is RunStatus.RUNNING and not has_begun(after.log_begins):
            after = after.model_copy(update={"log_begins": self.logs.begins(after)})
        if not self.writer.write(run, after.without_secrets(secrets_of(job)), stored):
            return None
        self.logs.collect_first_log(after)
        return after

    def _with_log(self, run: Run, job: Object, seen: Observed, stored: Bundle | None) -> Run:
        after = self.logs.stored(run, seen.pod, secrets_of(job), stored)
        return after.model_copy(update={"updated_at": self.clock()})

    def _may_stop(self, seen: Observed, run: Run | None) -> bool:
        """Return whether a Job may be stopped.

        Tables without the job may be empty or restored ones; they must not decide over its runs, unless somebody
        requested the cancellation of this very run.
        """
        return bool(run and run.cancel_requested_at) or self._is_known(seen)

    def _is_known(self, seen: Observed) -> bool:
        owner = (seen.project_id, seen.job_id)
        return owner in project_records.known_jobs(self.organization_id, [owner])

    def _end_pod(self, pod: ObservedPod | None) -> None:
        """End the pod of a run that is to be cancelled, if any; where the cluster refuses, each pass says so."""
        if pod is None:
            return
        try:
            ending.end_pod(self.cluster, pod, self.clock())
        except (ending.NotAllowed, ClusterRejected) as error:
            logger.warning("a run could not be cancelled", subject=pod.name, error=str(error))

    def _with_warnings(self, seen: Observed, run: Run | None, now: datetime) -> Observed:
        """Return what a Job says with its Events, where these decide what becomes of its run."""
        uid = wants_events_of(seen, run, now)
        return seen.with_warnings(self._warnings_of(uid)) if uid else seen

    def _warnings_of(self, uid: str) -> list[Object]:
        try:
            return self.cluster.warnings_of(self.logs.namespace, uid)
        except ClusterRejected as error:
            # The rights may be those of an earlier release. Then the Events are unknown, and the pass continues.
            logger.warning("Events could not be read", status=error.status, error=str(error))
            return []

    def _replaced(self, job: Object) -> bool:
        """Replace a Job; False where it has changed since it was listed: the next pass decides again."""
        try:
            self.cluster.replace_job(job)
        except (Stale, ObjectNotFound):
            return False
        return True


def _begun(run: Run) -> Run | None:
    """Write a run before its log is stored; None where it is written already.

    A run's id is its Job's. If the process died after storing the log, and the Job were gone by the next pass,
    nothing would say to which run the log belongs, and which slot that was.
    """
    begun = run_events.with_events(None, run_log.begun(run))
    return begun if store.create_run(begun) else None
