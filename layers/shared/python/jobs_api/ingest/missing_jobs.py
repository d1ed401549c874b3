"""Ends the open runs whose Job was not listed, once the cluster confirms that it is gone: deleted, or replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.cluster import Cluster, ObjectNotFound
from jobs_api.errors import NotFound
from jobs_api.ingest import unseen_end
from jobs_api.ingest.job_ingest import JobIngest
from jobs_api.ingest.log_storing import PodLogs
from jobs_api.ingest.pass_findings import PassFindings
from jobs_api.ingest.run_writing import RunWriter
from jobs_api.k8s import labels, run_identity
from jobs_api.k8s.observed import observe
from jobs_api.model.project import ConcurrencyPolicy
from jobs_api.model.run import Run
from jobs_api.model.run_limits import RunLimits


@dataclass(frozen=True)
class MissingJobs:
    """Looks for the Jobs that an organization's open runs should have, in one pass."""

    cluster: Cluster
    clock: Clock
    findings: PassFindings
    writer: RunWriter
    logs: PodLogs
    jobs: JobIngest
    # The limits of the jobs that have a run without its Job.
    _limits: dict[str, RunLimits | None] = field(default_factory=dict)

    def resolve(self, run: Run) -> bool:
        """End a run whose Job is gone; ingest the Job where it is there all the same."""
        gone = self._replaced_by_another(run) or unseen_end.gone(run, self.clock())
        if gone is None:
            return False
        try:
            job = self.cluster.get_job(run.namespace, run.job_name)
        except ObjectNotFound:
            job = None
        seen = observe(job) if job else None
        if job and seen and seen.is_of(run) and not labels.is_of_another(seen.labels):
            if run_identity.is_labelled_settled(job):
                self.findings.met_wrong_label = True
            return self.jobs.ingest(job, seen.with_pod(self.cluster.pod_of(job)), run)
        return self.writer.write(run, self.logs.last_words(run, gone))

    def _replaced_by_another(self, run: Run) -> Run | None:
        """Return how a run ends whose Job the controller deleted for the next slot, under the policy Replace."""
        if run.scheduled_for is None:
            return None
        newer: Mapping[datetime, datetime] = self.findings.jobs_made_at.get(run.job_id, {})
        was_followed = any(slot > run.scheduled_for for slot in newer)
        if not was_followed and unseen_end.gone(run, self.clock()) is None:
            return None
        limits = self._limits_of(run)
        if limits is None or limits.concurrency_policy is not ConcurrencyPolicy.REPLACE:
            return None
        if not was_followed:
            # The Job of the next slot may be settled by now, and then it was not listed.
            later = store.runs_of_job(run.organization_id, run.job_id, run.created_at, self.clock(), before=0)
            newer = {one.scheduled_for: one.created_at for one in later if one.job_uid and one.scheduled_for}
        return unseen_end.replaced(run, newer, limits.policy_of)

    def _limits_of(self, run: Run) -> RunLimits | None:
        """Return the limits of a run's job, read once in a pass; None where the job was deleted."""
        if run.job_id not in self._limits:
            try:
                project, job = store.get_job(run.organization_id, run.project_id, run.job_id)
                self._limits[run.job_id] = RunLimits.of(project.settings, job.settings)
            except NotFound:
                self._limits[run.job_id] = None
        return self._limits[run.job_id]
