"""Which Jobs a pass reads: those whose run is open. It leaves out the ended Jobs that a namespace keeps.

A Job is settled when it has finished and its run has ended. A pass gives it a label, and lists the Jobs without that
label. So the Jobs that Kubernetes keeps for hours cost the next passes nothing, in any process.

The label is no proof. Where a pass dies before it writes the label, or somebody removes it, the next pass reads the Job
again and writes it. A labelled Job may have an open run or none (somebody wrote the label, or the tables were restored
to an earlier time). A check of all labelled Jobs finds that. It is made once a day, and in the pass after one that
found such a Job.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound, Stale
from jobs_api.errors import ClusterError
from jobs_api.ingest import decision
from jobs_api.ingest.finished_cache import Settled
from jobs_api.k8s import labels, run_identity
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import observe
from jobs_api.model.organization import Organization

# A cluster that refuses so many in one pass, by its rights or by a policy, refuses the others too.
REFUSALS_IN_A_PASS: Final = 3

logger = Logger()
# The Jobs that the cluster did not let this service label.
_unlabelled = Settled()


@dataclass
class SettledJobs:
    """The label on an organization's Jobs, during one pass."""

    organization: Organization
    cluster: Cluster
    _refusals: list[ClusterError] = field(default_factory=list)

    def open_jobs(self) -> Iterator[list[Object]]:
        """Yield the Jobs without the label, as they were up to some seconds ago.

        That is recent enough: a run only moves forward, a write to a Job states the version that was read, and a run
        whose Job is not listed ends only after the cluster has confirmed that the Job is gone.
        """
        selector = labels.unsettled_selector({labels.ORGANIZATION: self.organization.id})
        for page in self.cluster.list_jobs(self.organization.namespace, selector, cached=True):
            yield [job for job in page if run_identity.is_run(job)]

    def wrongly_labelled(self, pool: Executor, now: datetime) -> Iterator[list[Object]]:
        """Yield the Jobs with the label whose run is open or missing; reads the metadata of all labelled Jobs."""
        selector = labels.settled_selector({labels.ORGANIZATION: self.organization.id})
        for page in self.cluster.list_job_metadata(self.organization.namespace, selector, cached=True):
            jobs = [observe(job) for job in page if run_identity.is_run(job)]
            runs = store.find_runs(self.organization.id, {job.run_id for job in jobs}) if jobs else {}
            wrong = [
                job.name
                for job in jobs
                if not decision.is_accounted_for(job, runs.get(job.run_id), store.kept_for(), now)
            ]
            yield [job for job in pool.map(self._as_it_is, wrong) if job]

    def _as_it_is(self, name: str) -> Object | None:
        try:
            return self.cluster.get_job(self.organization.namespace, name)
        except ObjectNotFound:
            return None

    def parted(self, jobs: Iterable[Object], now: datetime) -> tuple[list[Object], list[Object]]:
        """Return the Jobs that an earlier pass found settled and could not label, and the others."""
        settled: list[Object] = []
        others: list[Object] = []
        for job in jobs:
            known = _unlabelled.holds(self.organization.id, job["metadata"]["uid"], now)
            (settled if known else others).append(job)
        return settled, others

    def relabel(self, pool: Executor, jobs: Iterable[tuple[Object, bool]]) -> None:
        """Correct the label of Jobs, given which of them are settled now; remember those that the cluster refuses."""
        wrong = [(job, now) for job, now in jobs if now is not run_identity.is_labelled_settled(job)]
        for job in self._relabelled(pool, (job for job, now in wrong if now), settled=True):
            _unlabelled.keep(self.organization.id, job["metadata"]["uid"])
        self._relabelled(pool, (job for job, now in wrong if not now), settled=False)

    def _relabelled(self, pool: Executor, jobs: Iterable[Object], *, settled: bool) -> list[Object]:
        """Write or remove the label on Jobs; return those that the cluster did not let this service change.

        A Job that has changed since it was listed is left for the next pass.
        """
        tried = pool.map(lambda job: (job, self._label(job, settled=settled)), jobs)
        return [job for job, done in tried if not done]

    def _label(self, job: Object, *, settled: bool) -> bool:
        if len(self._refusals) >= REFUSALS_IN_A_PASS:
            return False
        try:
            self.cluster.replace_job(run_identity.labelled(job, settled=settled))
        except (Stale, ObjectNotFound):
            return True
        except ClusterError as error:
            self._refusals.append(error)
            # If the calls of several threads are refused at once, one thread is the first.
            if self._refusals[0] is error:
                status = error.status if isinstance(error, ClusterRejected) else None
                logger.warning("ended Jobs were not labelled as settled", status=status, error=str(error))
            return False
        return True
