"""One pass over an organization: lists its Jobs, has each ingested, then handles the runs and slots without one.

Everything here may be done twice or by two passes at once: logs replace themselves, writes are conditional.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched, chain

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.cluster import Cluster
from jobs_api.collecting.carried import Carried
from jobs_api.ingest import decision, following, late_runs
from jobs_api.ingest.job_ingest import JobIngest
from jobs_api.ingest.log_collecting import NO_FOLLOWERS, Followers
from jobs_api.ingest.log_storing import PodLogs
from jobs_api.ingest.missing_jobs import MissingJobs
from jobs_api.ingest.out_of_reach import record_reached
from jobs_api.ingest.pass_findings import PassFindings
from jobs_api.ingest.run_work import RunWork, RunWorkers
from jobs_api.ingest.run_writing import RunWriter
from jobs_api.ingest.settled_jobs import SettledJobs
from jobs_api.ingest.slot_accounting import Accounting
from jobs_api.ingest.unlabelled_jobs import adopted_jobs
from jobs_api.ingest.waiting_runs import WaitingRuns
from jobs_api.k8s import run_identity
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import Observed, observe
from jobs_api.metrics import Metric
from jobs_api.model import lateness
from jobs_api.model.organization import Organization
from jobs_api.model.run import Run
from jobs_api.model.slots import AwaitedSlot
from jobs_api.notifications.alert_lookup import Asked

# Reading and storing logs is mostly waiting, so many at once cost little; the clients' pools have the same size.
WORKERS = 16
PAGE = 500


class Incomplete(Exception):
    """Some runs could not be ingested; the pass is to be repeated."""


@dataclass
class Pass:
    """A pass over an organization; `clock` gives aware times."""

    organization: Organization
    cluster: Cluster
    clock: Clock
    # Follow the logs of running commands that a kubelet may rotate before the next pass.
    log_followers: Followers = NO_FOLLOWERS
    # The log texts that the pass before has read, and those that this one leaves to the next.
    carried: Carried = field(default_factory=lambda: Carried(""))
    jobs: int = 0
    missed: int = 0
    # Slots that are due without a Job, and how many jobs had slots settled.
    awaited: list[AwaitedSlot] = field(default_factory=list)
    settled: int = 0
    # Whether a pause has ended, so that a sync is to resume CronJobs.
    pause_ended: bool = False
    # When runs and slots will be late.
    _late_from: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without any knowledge of the cluster."""
        self._know([], self.clock())

    def _know(self, unfinished: Iterable[Run], began_at: datetime) -> None:
        """Begin with the runs that are open, or whose end is to be counted."""
        self._findings = findings = PassFindings.of(unfinished, began_at)
        self._writer = writer = RunWriter(self.clock, findings)
        organization_id, cluster, clock = self.organization.id, self.cluster, self.clock
        logs = PodLogs(cluster, self.organization.namespace, clock, self.carried, self.log_followers)
        self._asked = Asked(organization_id)
        self._workers = RunWorkers(organization_id, findings, writer)
        self._job_ingest = JobIngest(organization_id, cluster, clock, findings, writer, logs, self._asked)
        self._missing_jobs = MissingJobs(cluster, clock, findings, writer, logs, self._job_ingest)
        self._waiting_runs = WaitingRuns(cluster, clock, findings, writer)
        self._settled_jobs = SettledJobs(self.organization, cluster)

    @property
    def written(self) -> int:
        """For how many runs something was written."""
        return self._workers.written

    @property
    def failed(self) -> int:
        """For how many runs and jobs something failed."""
        return self._workers.failed

    @property
    def figures(self) -> dict[Metric, float]:
        """The metrics of the runs that ended."""
        return self._writer.figures

    @property
    def due(self) -> list[datetime]:
        """When runs may be launched that may not be yet, and when runs and slots will be late."""
        return self._waiting_runs.due + self._late_from

    @property
    def has_moving(self) -> bool:
        """Whether runs were open when the pass began, other than those that only wait for their time, or begin now."""
        findings = self._findings
        return findings.met_new or bool(findings.open.keys() - self._waiting_runs.held_back or findings.followed)

    def run(self) -> None:
        """Update every run to what the cluster shows.

        Raises:
            ClusterUnavailable: the Jobs could not be listed.
            Incomplete: some runs failed; the others are done.
        """
        began_at = self.clock()
        self._know(store.unfinished_runs(self.organization.id), began_at)
        self.carried.forget_ended(self._findings.open)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="ingest") as pool:
            for page in chain(self._settled_jobs.open_jobs(), self._unlabelled()):
                self._page(pool, page)
            self._check_settled_jobs(pool)
            self._runs_without_job(pool)
            self._note_late(pool)
            self._count_ends(pool)
            self.organization = record_reached(self.organization, self._findings.began_at, reached=True)
            self._account(pool)
        if self.failed:
            raise Incomplete(f"{self.failed} runs of {self.organization.id} could not be ingested")

    def _unlabelled(self) -> Iterator[list[Object]]:
        if self.organization.may_have_unlabelled(self.clock()):
            yield from adopted_jobs(self.organization, self.cluster)

    def _page(self, pool: ThreadPoolExecutor, jobs: list[Object]) -> None:
        """Ingest a page of Jobs; only their ids stay in memory."""
        self.jobs += len(jobs)
        settled, others = self._settled_jobs.parted(jobs, self.clock())
        runs = self._runs_of(others)
        read = ((job, observe(job)) for job in others)
        known = ((job, seen, runs.get(seen.run_id)) for job, seen in read)
        own = [(job, seen, run) for job, seen, run in known if self._is_own(seen, run)]
        for job in (*settled, *(job for job, _, _ in own)):
            self._findings.record_job(job, self.clock())
        wanted = [seen.uid for _, seen, run in own if decision.wants_pod(seen, run, self.clock())]
        pods = self.cluster.pods_of(self.organization.namespace, wanted)
        ingest = self._job_ingest.ingest
        with_pods = [(job, seen.with_pod(pods.get(seen.uid)), run) for job, seen, run in own]
        self._read_jobs_of_new_runs([seen for _, seen, run in with_pods if run is None])
        self._workers.do(pool, [RunWork.for_job(ingest, job, seen, run) for job, seen, run in with_pods])
        self._settled_jobs.relabel(pool, [(job, self._findings.is_settled(seen, run)) for job, seen, run in own])

    def _read_jobs_of_new_runs(self, new: list[Observed]) -> None:
        """Read together what the jobs request of runs that will be written for the first time."""
        now, organization_id = self.clock(), self.organization.id
        # Decided within `read_ahead`: if that fails for one run, the others are ingested all the same.
        written = (seen for seen in new if decision.decide(seen, None, organization_id, now).run)
        self._asked.read_ahead((seen.project_id, seen.job_id) for seen in written)

    def _runs_of(self, jobs: list[Object]) -> dict[str, Run]:
        """Return the runs of Jobs by id, where they exist; both reads may show a run as it was a moment ago.

        A write that is decided on an older state fails, since each has the state that was read as its condition.
        """
        ids, listed = {run_identity.run_id_of(job) for job in jobs}, self._findings.open
        unknown = ids - listed.keys()
        found = store.find_runs(self.organization.id, unknown, consistent=False) if unknown else {}
        return found | {run_id: listed[run_id] for run_id in ids & listed.keys()}

    def _is_own(self, seen: Observed, run: Run | None) -> bool:
        if run is None:
            return not decision.is_forgotten(seen, store.kept_for(), self.clock())
        return seen.is_of(run)

    def _check_settled_jobs(self, pool: ThreadPoolExecutor) -> None:
        """Check the Jobs with the label `settled`, where such a check is due."""
        began_at = self._findings.began_at
        if not self.organization.wants_settled_jobs_checked(began_at):
            return
        failed, found = self.failed, 0
        for page in self._settled_jobs.wrongly_labelled(pool, began_at):
            found += len(page)
            self._page(pool, page)
        if not found or self.failed == failed:
            store.record_settled_jobs_checked(self.organization.id, began_at)

    def _runs_without_job(self, pool: ThreadPoolExecutor) -> None:
        """Launch the runs that still wait for a Job and may be launched, and end the runs whose Job is gone."""
        waiting, findings = self._waiting_runs, self._findings
        left = (
            run for run in findings.open.values() if run.id not in findings.with_job and not waiting.holds_back(run)
        )
        for runs in batched(left, PAGE, strict=False):
            works = [RunWork.for_run(waiting.launch if run.launch else self._missing_jobs.resolve, run) for run in runs]
            self._workers.do(pool, works)

    def _note_late(self, pool: ThreadPoolExecutor) -> None:
        """Find which open runs are late or take long, now that the pass has seen which of them have ended."""
        # A run that could not be ingested may have ended in time.
        findings = self._findings
        going = [
            run for run in findings.open.values() if run.id not in findings.ended and run.job_id not in findings.unsure
        ]
        self._late_from += [due for run in going for due in lateness.next_found(run, self.clock())]
        late = [run for run in going if lateness.found_late(run, self.clock()) is not run]
        self._workers.do(pool, [RunWork.for_run(self._found_late, run) for run in late])

    def _found_late(self, run: Run) -> bool:
        found = late_runs.record_late(run, self.clock())
        if found:
            self._writer.was_written(found)
        return found is not None

    def _count_ends(self, pool: ThreadPoolExecutor) -> None:
        """Count the ends of runs for the jobs that run after theirs, and launch what starts."""
        started, failed = following.count_ends(pool, self._findings.followed, self.clock)
        self._workers.failed += failed
        launched = [run for run in started if not self._waiting_runs.holds_back(run)]
        self._workers.do(pool, [RunWork.for_run(self._waiting_runs.launch, run) for run in launched])

    def _account(self, pool: ThreadPoolExecutor) -> None:
        """Settle the slots that are due."""
        findings = self._findings
        accounting = Accounting(
            self.organization,
            self.cluster,
            findings.began_at,
            findings.jobs_made_at,
            findings.unsure,
            self._asked.known,
        )
        accounting.run(pool)
        if findings.met_wrong_label or accounting.met_unknown_job:
            store.record_settled_jobs_checked(self.organization.id, None)
        self._workers.failed += accounting.failed
        self.missed, self.awaited, self.settled = accounting.missed, accounting.awaited, accounting.settled
        self.pause_ended = accounting.pause_ended
        self._late_from += accounting.late_from
