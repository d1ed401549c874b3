"""One pass over an organization's Jobs: asks the cluster and the tables, lets `decision` decide, and acts on that.

Everything here may be done twice or by two passes at once: logs replace themselves, writes are conditional.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched, chain

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cancel import ending
from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound, Stale
from jobs_api.collecting.collector import Collector
from jobs_api.errors import NotFound
from jobs_api.ingest import decision, following, late_runs, retrying, run_log, unseen_end
from jobs_api.ingest.finished_cache import Settled
from jobs_api.ingest.giving_up import wants_events_of
from jobs_api.ingest.log_storing import PodLogs, not_followed, with_what_is_left
from jobs_api.ingest.settled_jobs import SettledJobs
from jobs_api.ingest.slot_accounting import Accounting
from jobs_api.k8s import job_stop, labels, run_identity
from jobs_api.k8s.job_secrets import secrets_of
from jobs_api.k8s.json_fields import Object, moment
from jobs_api.k8s.observed import Observed, observe
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import RunKey
from jobs_api.metrics import Metric
from jobs_api.model import lateness, run_events
from jobs_api.model.artifacts import Artifact
from jobs_api.model.organization import Organization
from jobs_api.model.project import ConcurrencyPolicy
from jobs_api.model.run import Run, RunStatus
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.slots import AwaitedSlot
from jobs_api.notifications import queue
from jobs_api.notifications.alert_lookup import Asked
from jobs_api.store import followers, latest_artifacts, project_records
from jobs_api.trigger import admission
from jobs_api.trigger.launch import launch
from jobs_api.trigger.waiting import launchable

# Reading and storing logs is mostly waiting, so many at once cost little; the clients' pools have the same size.
WORKERS = 16
PAGE = 500
# The API server's statuses for a manifest that it will never accept.
REFUSED_FOR_GOOD = frozenset({400, 422})

METRIC_OF_END = {
    RunStatus.SUCCESS: Metric.RUNS_SUCCEEDED,
    RunStatus.FAILED: Metric.RUNS_FAILED,
    RunStatus.ERROR: Metric.RUNS_ERRORED,
    RunStatus.CANCELLED: Metric.RUNS_CANCELLED,
}

logger = Logger()
_settled = Settled()

type Clock = Callable[[], datetime]


class Incomplete(Exception):
    """Some runs could not be ingested; the pass is to be repeated."""


@dataclass
class Pass:
    """A pass over an organization; `clock` gives aware times."""

    organization: Organization
    cluster: Cluster
    clock: Clock
    # Follows the log of a running command that a kubelet may rotate before the next pass.
    follow: Callable[[Collector], object] = not_followed
    jobs: int = 0
    written: int = 0
    failed: int = 0
    missed: int = 0
    # Slots that are due without a Job, and how many jobs had slots settled.
    awaited: list[AwaitedSlot] = field(default_factory=list)
    settled: int = 0
    # When runs may be launched that may not be yet, and when runs and slots will be late.
    due: list[datetime] = field(default_factory=list)
    # Whether a pause has ended, so that a sync is to resume CronJobs.
    pause_ended: bool = False
    figures: dict[Metric, float] = field(default_factory=dict)
    # The runs that were open before the Jobs were listed, as an index has them: their Jobs are not read one by one.
    _open: dict[str, Run] = field(default_factory=dict)
    _of_job: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    _accounted: set[str] = field(default_factory=set)
    _held_back: set[str] = field(default_factory=set)
    # The runs whose end is to be counted for the jobs that run after theirs.
    _followed: list[Run] = field(default_factory=list)
    _to_tell: list[Run] = field(default_factory=list)
    _asked: Asked = field(init=False)
    _logs: PodLogs = field(init=False)
    # For each job the slots that have Jobs, and the jobs with a Job that could not be ingested.
    _ran: defaultdict[str, set[datetime]] = field(default_factory=lambda: defaultdict(set))
    _unsure: set[str] = field(default_factory=set)
    # For each job and slot when the slot's Job was made, and the limits of jobs with a run whose Job is gone.
    _made_at: defaultdict[str, dict[datetime, datetime]] = field(default_factory=lambda: defaultdict(dict))
    _limits: dict[str, RunLimits | None] = field(default_factory=dict)
    # Runs that ended in this pass, and whether a Job is labelled as settled although it is not.
    _ended: set[str] = field(default_factory=set)
    _met_wrong_label: bool = False
    # Whether a Job is too new for its run to be written.
    _met_new: bool = False

    def __post_init__(self) -> None:
        """Start without any knowledge of the cluster."""
        self._asked = Asked(self.organization.id)
        self._logs = PodLogs(self.cluster, self.organization.namespace, self.clock, self.follow)
        self._settled_jobs = SettledJobs(self.organization, self.cluster)
        self._began_at = self.clock()

    def run(self) -> None:
        """Update every run to what the cluster shows.

        Raises:
            ClusterUnavailable: the Jobs could not be listed.
            Incomplete: some runs failed; the others are done.
        """
        self._began_at = began_at = self.clock()
        unfinished = list(store.unfinished_runs(self.organization.id))
        self._open = {run.id: run for run in unfinished if not run.status.ended}
        self._followed = [run for run in unfinished if run.status.ended]
        for run in self._open.values():
            self._of_job[run.job_id].append(run)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="ingest") as pool:
            for page in chain(self._settled_jobs.open_jobs(), self._unlabelled()):
                self._page(pool, page)
            self._check_settled_jobs(pool)
            self._unaccounted(pool)
            self._note_late(pool)
            self._follow(pool)
            self.organization = note_reached(self.organization, began_at, reached=True)
            accounting = Accounting(self.organization, self.cluster, began_at, self._ran, self._unsure)
            accounting.run(pool)
        if self._met_wrong_label or accounting.met_unknown_job:
            store.record_settled_jobs_checked(self.organization.id, None)
        self.missed, self.failed = accounting.missed, self.failed + accounting.failed
        self.awaited, self.settled = accounting.awaited, accounting.settled
        self.pause_ended = accounting.pause_ended
        self.due += accounting.late_from
        if self.failed:
            raise Incomplete(f"{self.failed} runs of {self.organization.id} could not be ingested")

    def _check_settled_jobs(self, pool: ThreadPoolExecutor) -> None:
        """Check the Jobs with the label `settled`, where such a check is due."""
        if not self.organization.wants_settled_jobs_checked(self._began_at):
            return
        failed, found = self.failed, 0
        for page in self._settled_jobs.wrongly_labelled(pool, self._began_at):
            found += len(page)
            self._page(pool, page)
        if not found or self.failed == failed:
            store.record_settled_jobs_checked(self.organization.id, self._began_at)

    def _unlabelled(self) -> Iterator[list[Object]]:
        """Yield this organization's Jobs from before the deployment label, and give each the label."""
        if not self.organization.may_have_unlabelled(self.clock()):
            return
        selector = labels.unlabelled_selector({labels.ORGANIZATION: self.organization.id})
        for page in self.cluster.list_jobs(self.organization.namespace, selector):
            jobs = [job for job in page if run_identity.is_run(job)]
            known = project_records.known_jobs(self.organization.id, map(run_identity.owner_of, jobs))
            yield [self._adopted(job) for job in jobs if run_identity.owner_of(job) in known]

    def _adopted(self, job: Object) -> Object:
        """Label a Job, so that the next list contains it. Where it has changed meanwhile, the next pass labels it."""
        try:
            return self.cluster.replace_job(run_identity.adopted(job))
        except ClusterRejected as error:
            logger.warning("a Job was not labelled", subject=job["metadata"]["name"], error=str(error))
            return job

    def _page(self, pool: ThreadPoolExecutor, jobs: list[Object]) -> None:
        """Ingest a page of Jobs; only their ids stay in memory."""
        self.jobs += len(jobs)
        settled, others = self._parted(jobs)
        runs = self._runs_of(others)
        read = ((job, observe(job)) for job in others)
        known = ((job, seen, runs.get(seen.run_id)) for job, seen in read)
        own = [(job, seen, run) for job, seen, run in known if self._is_own(seen, run)]
        for job in (*settled, *(job for job, _, _ in own)):
            self._accounted.add(run_identity.run_id_of(job))
            if slot := run_identity.slot_of(job):
                self._ran[run_identity.job_id_of(job)].add(slot)
                made_at = moment(job["metadata"]["creationTimestamp"])
                self._made_at[run_identity.job_id_of(job)][slot] = made_at or self.clock()
        wanted = [seen.uid for _, seen, run in own if decision.wants_pod(seen, run, self.clock())]
        pods = self.cluster.pods_of(self.organization.namespace, wanted)
        self._each(pool, [Work(self._job, job, seen.with_pod(pods.get(seen.uid)), run) for job, seen, run in own])
        self._label(pool, own)

    def _runs_of(self, jobs: list[Object]) -> dict[str, Run]:
        """Return the runs of Jobs by id, where they exist; the index may show a run as it was a moment ago."""
        ids = {run_identity.run_id_of(job) for job in jobs}
        unknown = ids - self._open.keys()
        found = store.find_runs(self.organization.id, unknown) if unknown else {}
        return found | {run_id: self._open[run_id] for run_id in ids & self._open.keys()}

    def _label(self, pool: ThreadPoolExecutor, known: list[tuple[Object, Observed, Run | None]]) -> None:
        """Label the Jobs of a page that are settled now; remember those that the cluster refuses to."""
        settled = [(job, self._is_settled(seen, run)) for job, seen, run in known]
        told = [(job, now) for job, now in settled if now is not run_identity.is_labelled_settled(job)]
        for job in self._settled_jobs.label(pool, (job for job, now in told if now), settled=True):
            _settled.keep(self.organization.id, job["metadata"]["uid"])
        self._settled_jobs.label(pool, (job for job, now in told if not now), settled=False)

    def _is_settled(self, seen: Observed, run: Run | None) -> bool:
        """Return whether a Job is settled, and the slot that it was made for too."""
        if seen.job_id in self._unsure or (seen.slot and seen.slot > self._began_at):
            return False
        return seen.finished and (seen.run_id in self._ended or bool(run and run.status.ended))

    def _parted(self, jobs: list[Object]) -> tuple[list[Object], list[Object]]:
        """Return the Jobs that an earlier pass found settled, and the others."""
        settled: list[Object] = []
        others: list[Object] = []
        now = self.clock()
        for job in jobs:
            known = _settled.holds(self.organization.id, job["metadata"]["uid"], now)
            (settled if known else others).append(job)
        return settled, others

    def _is_own(self, seen: Observed, run: Run | None) -> bool:
        if run is None:
            return not decision.is_forgotten(seen, store.kept_for(), self.clock())
        return seen.is_of(run)

    def _unaccounted(self, pool: ThreadPoolExecutor) -> None:
        """Launch the runs that still wait for a Job and may be launched, and end the runs whose Job is gone."""
        left = (run for run in self._open.values() if run.id not in self._accounted and not self._holds_back(run))
        for runs in batched(left, PAGE, strict=False):
            self._each(pool, [Work(self._launch if run.launch else self._look_for, run) for run in runs])

    def _follow(self, pool: ThreadPoolExecutor) -> None:
        """Count the ends of runs for the jobs that run after theirs, in the order of the ends, and launch what starts.

        In parallel only those of different projects: a job runs after jobs of its own project.
        """
        of_projects: defaultdict[str, list[Run]] = defaultdict(list)
        for run in sorted(self._followed, key=lambda run: run.end_time or run.updated_at):
            of_projects[run.project_id].append(run)
        started: list[Run] = []
        for done in pool.map(self._count_ends, of_projects.values()):
            started += done
        self._each(pool, [Work(self._launch, run) for run in started if not self._holds_back(run)])

    def _count_ends(self, runs: list[Run]) -> list[Run]:
        started: list[Run] = []
        for run in runs:
            try:
                started += following.count_end(run, self.clock())
            except Exception:
                logger.exception("an end was not counted", organization_id=run.organization_id, run_id=run.id)
                self.failed += 1
        return started

    def _holds_back(self, run: Run) -> bool:
        """Return whether a run waits for its time to be launched; note when that is."""
        waits = launchable(run, self.clock(), self._others(run)) if run.launch else None
        if waits is None or waits.now:
            return False
        self._held_back.add(run.id)
        self.due.extend([waits.again_at] if waits.again_at else [])
        return True

    def _note_late(self, pool: ThreadPoolExecutor) -> None:
        """Find which open runs are late or take long, now that the pass has seen which of them have ended."""
        # A run that could not be ingested may have ended in time.
        going = [run for run in self._open.values() if run.id not in self._ended and run.job_id not in self._unsure]
        self.due += [due for run in going for due in lateness.next_found(run, self.clock())]
        late = [run for run in going if lateness.found(run, self.clock()) is not run]
        self._each(pool, [Work(self._found_late, run) for run in late])

    def _found_late(self, run: Run) -> bool:
        found = late_runs.note_late(run, self.clock())
        if found:
            self._to_tell.append(found)
        return found is not None

    def _others(self, run: Run) -> Iterator[Run]:
        """Yield the other runs of a waiting run's job that are open, as far as this pass knows."""
        if run.waits:
            yield from (one for one in self._of_job[run.job_id] if one.id not in self._ended)

    @property
    def has_moving(self) -> bool:
        """Whether runs were open when the pass began, other than those that only wait for their time, or begin now."""
        return self._met_new or bool(self._open.keys() - self._held_back or self._followed)

    def _each(self, pool: ThreadPoolExecutor, works: Iterable["Work"]) -> None:
        results = list(pool.map(self._one, works))
        self.written += results.count(True)
        self.failed += results.count(None)
        told, self._to_tell = self._to_tell, []
        self._count(told)
        # Where the queue did not take them, `notify` stays on the runs, and a later pass finds it.
        queue.try_to_publish(told)

    def _count(self, written: Iterable[Run]) -> None:
        """Count the runs that ended, and how long after their end that was seen."""
        for run in written:
            if run.status.ended:
                logger.info(
                    "run ended",
                    organization_id=run.organization_id,
                    project_id=run.project_id,
                    job_id=run.job_id,
                    run_id=run.id,
                    status=run.status,
                )
                metric = METRIC_OF_END[run.status]
                self.figures[metric] = self.figures.get(metric, 0) + 1
                lag = (self.clock() - run.end_time).total_seconds() if run.end_time else 0
                self.figures[Metric.INGEST_LAG] = max(lag, self.figures.get(Metric.INGEST_LAG, 0))

    def _write(self, before: Run | None, after: Run, stored: Sequence[Artifact] = ()) -> bool:
        """Write a new run, or a run's move, with the artifacts that it stored.

        Its notifications are queued once the page is done.
        """
        # Its next attempt is for the same slot, and is not reported late again.
        after = lateness.found_at_its_end(before, after) if before else after
        after, attempt = retrying.with_next_attempt(after, self.clock())
        after = followers.with_followers(after)
        files = latest_artifacts.files_of(after, [one.path for one in stored])
        if before:
            written = store.advance_run(before, after, next_attempt=attempt, files=files)
        else:
            written = store.create_run(after, next_attempt=attempt, files=files)
        if written:
            self._to_tell.append(run_events.with_events(before, after))
            if after.status.ended:
                self._ended.add(after.id)
                self._followed += [after] if after.followers_left else []
        return written

    def _one(self, work: "Work") -> bool | None:
        """Do one run's work; return whether anything was written, None where it failed. A failure stops no other."""
        try:
            return work.do()
        except Exception:
            logger.exception(
                "a run was not ingested",
                organization_id=self.organization.id,
                job_id=work.job_id,
                subject=work.subject,
            )
            self._unsure.add(work.job_id)
            return None

    def _job(self, job: Object, seen: Observed, run: Run | None) -> bool:
        """Ingest one Job: `job` is its JSON, which is sent back to stop it, and `seen` is what it says."""
        launched = False
        if run and run.launch and not run.status.ended:
            # The process that created the Job died before it recorded that; without it, a pass creates the Job again.
            launched = store.run_launched(run, seen.name, self.clock())
        now = self.clock()
        seen = self._with_warnings(seen, run, now)
        decided = decision.decide(seen, run, self.organization.id, now)
        if decided.too_new:
            # Nor is its slot settled: the Job may be gone before its run is written.
            self._unsure.add(seen.job_id)
            self._met_new = True
            return launched
        self._end_pod(seen.pod if decided.ends_pod else None)
        if decided.stop and not (self._may_stop(seen, run) and self._replaced(job_stop.stopped(job, decided.stop))):
            return launched
        if decided.run is None:
            self._logs.look_at(run)
            return launched
        after, stored = decided.run if run else self._new(decided.run), list[Artifact]()
        if decided.quotes and seen.pod:
            after = run_log.quoting(after, self._logs.end_of(seen.pod, decided.quotes))
        if decided.wants_log:
            run = run or self._begun(after)
            if run is None:
                return False  # another pass has it
            stored = artifacts.stored_artifacts(RunKey.of(after)) if seen.stores_artifacts else []
            after = self._logs.stored(after, seen.pod, secrets_of(job), stored)
            after = after.model_copy(update={"updated_at": self.clock()})
        elif after.status is RunStatus.RUNNING:
            after = after.model_copy(update={"log_begins": self._logs.begins(after)})
        written = self._write(run, after.without_secrets(secrets_of(job)), stored)
        if written and decided.ends_job and self._is_known(seen):
            # Where this process dies before, or the Job has changed, the next pass does it.
            self._replaced(job_stop.stopped(job, decision.stop_of(after)))
        return written or launched

    def _may_stop(self, seen: Observed, run: Run | None) -> bool:
        """Return whether a Job may be stopped.

        Tables without the job may be empty or restored ones; they must not decide over its runs, unless somebody
        requested the cancellation of this very run.
        """
        return bool(run and run.cancel_requested_at) or self._is_known(seen)

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
            return self.cluster.warnings_of(self.organization.namespace, uid)
        except ClusterRejected as error:
            # The rights may be those of an earlier release. Then the Events are unknown, and the pass continues.
            logger.warning("Events could not be read", status=error.status, error=str(error))
            return []

    def _is_known(self, seen: Observed) -> bool:
        owner = (seen.project_id, seen.job_id)
        return owner in project_records.known_jobs(self.organization.id, [owner])

    def _new(self, run: Run) -> Run:
        """Return a run that is seen for the first time, with the targets of its notifications and what is expected."""
        return self._asked.of(run)

    def _begun(self, run: Run) -> Run | None:
        """Write a run before its log is stored; None where it is written already.

        A run's id is its Job's. If the process died after storing the log, and the Job were gone by the next pass,
        nothing would say to which run the log belongs, and which slot that was.
        """
        begun = run_events.with_events(None, run_log.begun(run))
        return begun if store.create_run(begun) else None

    def _replaced(self, job: Object) -> bool:
        """Replace a Job; False where it has changed since it was listed: the next pass decides again."""
        try:
            self.cluster.replace_job(job)
        except (Stale, ObjectNotFound):
            return False
        return True

    def _launch(self, run: Run) -> bool:
        """Create the Job of a run that has none yet. The run was listed a while ago, and may be cancelled since."""
        known = store.find_runs(self.organization.id, [run.id]).get(run.id)
        if known is None or known.launch is None:
            return False
        others = (one for one in self._of_job[run.job_id] if one.id not in self._ended)
        place = retrying.place_of(known, others, self.clock())
        ended = place.ended or unseen_end.not_launched(known, self.clock())
        if ended:
            return self._write(known, ended)
        if place.later:
            return False
        if known.waits and not self._admitted(known):
            return False
        try:
            name = launch(self.cluster, run)
        except ClusterRejected as error:
            logger.warning("a run was refused", run_id=run.id, status=error.status, error=str(error))
            refused = (
                unseen_end.not_launched(run, self.clock(), refused=str(error))
                if error.status in REFUSED_FOR_GOOD
                else None
            )
            return refused is not None and self._write(run, refused)
        launched = store.run_launched(run, name, self.clock())
        if not launched:
            ending.end_if_cancelled(self.cluster, run, name, self.clock())
        return launched

    def _admitted(self, run: Run) -> bool:
        """Return whether a run that waits for others may be launched now."""
        ended = [one.id for one in self._of_job[run.job_id] if one.id in self._ended]
        return admission.admit(run, admission.jobs_going(run, self.cluster), self.clock(), ended)

    def _look_for(self, run: Run) -> bool:
        """End a run whose Job was not listed, once the cluster confirms that the Job is gone."""
        gone = self._replaced_by_another(run) or unseen_end.gone(run, self.clock())
        if gone is None:
            return False
        try:
            job = self.cluster.get_job(run.namespace, run.job_name)
        except ObjectNotFound:
            job = None
        seen = observe(job) if job else None
        if job and seen and seen.is_of(run) and not labels.is_of_another(seen.labels):
            self._met_wrong_label |= run_identity.is_labelled_settled(job)
            return self._job(job, seen.with_pod(self.cluster.pod_of(job)), run)
        return self._write(run, self._logs.last_words(run, gone))

    def _replaced_by_another(self, run: Run) -> Run | None:
        """Return how a run ends whose Job the controller deleted for the next slot, under the policy Replace."""
        if run.scheduled_for is None:
            return None
        newer = self._made_at[run.job_id]
        was_followed = any(slot > run.scheduled_for for slot in newer)
        if not was_followed and unseen_end.gone(run, self.clock()) is None:
            return None
        limits = self._limits_of(run)
        if limits is None or limits.concurrency_policy is not ConcurrencyPolicy.REPLACE:
            return None
        if not was_followed:
            # The Job of the next slot may be settled by now, and then it was not listed.
            later = store.runs_of_job(self.organization.id, run.job_id, run.created_at, self.clock(), before=0)
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


class Work:
    """Something to do for one run, and its name for the log where that fails."""

    def __init__(self, do: Callable[..., bool], subject: Object | Run, *more: Observed | Run | None) -> None:
        self._do = do
        self._arguments = (subject, *more)
        self.subject = subject.id if isinstance(subject, Run) else subject["metadata"]["name"]
        self.job_id = subject.job_id if isinstance(subject, Run) else run_identity.job_id_of(subject)

    def do(self) -> bool:
        """Do it; return whether anything was written."""
        return self._do(*self._arguments)


def note_reached(organization: Organization, now: datetime, *, reached: bool) -> Organization:
    """Record whether the organization's cluster could be reached, if that has changed; return the organization."""
    outages = organization.outages_if(reached=reached, now=now)
    if outages == organization.outages:
        return organization
    store.record_outages(organization, outages)
    return organization.model_copy(update={"outages": outages})


def note_cleared(organization: Organization, cluster: Cluster, now: datetime) -> None:
    """Record that the cluster has no CronJob of an organization that leaves it, if that is so."""
    if organization.marked_at is None:
        return  # some of them may have no label yet; the next sync handles those
    selector = labels.selector({labels.ORGANIZATION: organization.id})
    if not any(cluster.list_cronjobs(organization.namespace, selector)):
        store.record_cleared(organization.id, now)


def end_overdue(organization: Organization, now: datetime) -> int:
    """End the runs that have waited too long for an unreachable cluster; return how many."""
    timeouts = {
        project.id: timedelta(seconds=project.settings.active_deadline_seconds)
        for project in store.list_projects(organization.id)
    }
    late = (
        # A run of an earlier release has no deadline of its own.
        (run, unseen_end.overdue(run, unseen_end.timeout_of(run) or timeouts.get(run.project_id), now))
        for run in store.open_runs(organization.id)
    )
    ended = ((run, lateness.found_at_its_end(run, with_what_is_left(run, end))) for run, end in late if end)
    ends = ((run, retrying.with_next_attempt(after, now)) for run, after in ended)
    return sum(
        store.advance_run(run, followers.with_followers(after), next_attempt=attempt) for run, (after, attempt) in ends
    )
