"""Compares the tables with the cluster once, and makes every change that follows, in the order that is safe."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from itertools import groupby, islice

from jobs_api import store
from jobs_api.cluster import Cluster, Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s import manifests
from jobs_api.sync import reconcile, runner_config, sync_messages
from jobs_api.sync.changes import Change, Create, Delete
from jobs_api.sync.cronjob_writing import CronJobWriter
from jobs_api.sync.desired import Manifests, Scope, Wanted, read
from jobs_api.sync.fingerprint import NO_CRONJOB, fingerprint
from jobs_api.sync.live_cronjobs import LiveCronJobs
from jobs_api.sync.orphan_deletion import OrphanDeletion
from jobs_api.sync.pace import WORKERS, ChangePace
from jobs_api.sync.progress import SyncProgress
from jobs_api.sync.recording import Recorder, had_error, was_synced
from jobs_api.sync.removals import RemovalVerdict
from jobs_api.sync.removing import Removals
from jobs_api.sync.trial import Trial


class Comparison:
    """Reads the tables once and the cluster once, and acts on the differences; `progress` then says what was done."""

    def __init__(self, scope: Scope, cluster: Cluster, now: datetime, done: Counter[str]) -> None:
        self.progress = SyncProgress(done)
        self._scope = scope
        self._cluster = cluster
        self._now = now
        self._pace = ChangePace()
        self._removals = Removals(scope, now)
        self._recorder = Recorder(now, self.progress, Trial(cluster))
        self._deletion = OrphanDeletion(scope.organization_id, cluster, self.progress)
        self._writer = CronJobWriter(cluster, now, self.progress, self._recorder, self._removals, self._deletion)
        self._verdict = RemovalVerdict()
        self._desired = Manifests({}, now)
        # By the name of their CronJob: the jobs that should have one, and those of them that need no change.
        self._jobs: dict[str, Wanted] = {}
        self._as_wanted: dict[str, Wanted] = {}
        # The fingerprints of the compared CronJobs, by name.
        self._fingerprints: dict[str, str] = {}

    def run(self) -> None:
        """Plan, change and record; raise the failures only after everything was tried."""
        known = list(read(self._scope))
        self._jobs = {job.cronjob_name: (project, job) for project, job in known if job.has_cronjob}
        if any(project.settings.artifacts for project, _ in known):
            runner_config.keep(self._cluster, self._scope.organization_id)
        with_unlabelled = self._may_have_unlabelled()
        there = LiveCronJobs(self._cluster, self._scope, self._jobs, self._now, with_unlabelled=with_unlabelled)
        self.progress.unlabelled = there.unlabelled
        self._as_wanted = {name: wanted for name, wanted in self._jobs.items() if name not in there.right}
        self._desired = Manifests(self._as_wanted.copy(), self._now)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="sync") as pool:
            self._change(pool, there)
            refused = {name: wanted for name, wanted in self._as_wanted.items() if had_error(wanted)}
            list(pool.map(self._try_again, refused.items()))
        for name in self._as_wanted.keys() - refused.keys():
            self._recorder.in_place(self._as_wanted[name], self._fingerprints[name])
        self._record_without_cronjob([(project, job) for project, job in known if not job.has_cronjob])
        if self._removals.is_whole:
            self._finish()
        if self.progress.failure:
            raise self.progress.failure

    def _may_have_unlabelled(self) -> bool:
        """Return whether there may be CronJobs from before the deployment label."""
        organization = self._removals.organization
        return self._removals.is_whole and (organization is None or organization.may_have_unlabelled(self._now))

    def _change(self, pool: Executor, there: LiveCronJobs) -> None:
        """Make all changes; what is left in `_as_wanted` needs none."""
        plan = reconcile.plan(self._desired, self._with_fingerprints(there.others(pool)))
        # Changes of one kind have different names; deletions free names for the creations after them.
        for alike in self._by_kind(plan, there.there):
            while batch := list(islice(alike, self._pace.at_once)):
                for change in batch:
                    self._as_wanted.pop(change.name, None)
                failures = list(pool.map(self._try, batch))
                self.progress.failure = next(filter(None, reversed(failures)), self.progress.failure)
                self._pace.judge(failures)

    def _by_kind(self, plan: Iterator[Change], there: int) -> Iterator[Iterator[Change]]:
        for kind, alike in groupby(plan, type):
            changes: Iterator[Change] = alike
            yield self._removable(changes, there) if kind is Delete else changes

    def _with_fingerprints(self, cronjobs: Iterator[Object]) -> Iterator[Object]:
        for cronjob in cronjobs:
            self._fingerprints[cronjob["metadata"]["name"]] = fingerprint(cronjob)
            yield cronjob

    def _removable(self, orphans: Iterable[Change], there: int) -> Iterator[Change]:
        """Return which orphans to remove; the verdict then says why the others stay.

        `there` is how many CronJobs of this deployment the cluster has.
        """
        found = [orphan for orphan in orphans if isinstance(orphan, Delete)]
        # CronJobs without a label that jobs want are replaced with labelled ones, so they count too.
        adopted = (self.progress.unlabelled & self._jobs.keys()) - {orphan.name for orphan in found}
        self._verdict = verdict = self._removals.judge(found, there + len(adopted))
        self.progress.unlabelled -= {orphan.name for orphan in verdict.strangers}
        self.progress.needs_whole = bool(verdict.held) and not self._removals.is_whole
        for orphan in (*verdict.held, *verdict.strangers):
            self._as_wanted.pop(orphan.name, None)
        return iter(verdict.removed)

    def _try(self, change: Change) -> ClusterUnavailable | None:
        """Make a change; return why it failed, where the cluster could not do it now."""
        try:
            if isinstance(change, Delete):
                self._deletion.delete(change)
            elif change.name in self._desired.unopened:
                self._recorder.error(self._jobs[change.name], sync_messages.UNOPENED)
            elif not isinstance(change, Create) or self._has_way(change, self._jobs[change.name]):
                self._writer.bring(change, self._jobs[change.name])
        except ClusterUnavailable as error:
            return error
        return None

    def _has_way(self, change: Create, wanted: Wanted) -> bool:
        """Return whether a CronJob may be created beside the orphans that stay; record it where one is in the way."""
        job_id = wanted[1].id
        if job_id in list(self.progress.kept.values()):
            # The job was renamed and the CronJob with its old name is still there: both would run each slot.
            self.progress.outdated = True
            return False
        why = self._stands_in_the_way_of(change, job_id)
        # If a comparison of the whole organization follows, that one logs it.
        if why and not self.progress.needs_whole:
            self._recorder.error(wanted, why)
        return why is None

    def _stands_in_the_way_of(self, change: Create, job_id: str) -> str | None:
        """Return the orphan that stays and has a new CronJob's name, or belongs to the same job under another name."""
        for orphan in self._verdict.held:
            if orphan.name == change.name or orphan.job_id == job_id:
                return sync_messages.HELD.format(orphan.name)
        if any(orphan.name == change.name for orphan in self._verdict.strangers):
            return sync_messages.FOREIGN.format(change.name)
        return None

    def _try_again(self, refused: tuple[str, Wanted]) -> None:
        """Try a job's Pod again, where its CronJob is as it should be and its Pods were refused before."""
        name, wanted = refused
        self._recorder.in_place(wanted, self._fingerprints[name], tried=self._desired[name])

    def _record_without_cronjob(self, unscheduled: Sequence[Wanted]) -> None:
        """Record that jobs without a schedule have no CronJob, where that is so, and whether their Pods are refused."""
        kept = set(self.progress.kept.values()) | {orphan.job_id for orphan in self._verdict.held}
        for project, job in unscheduled:
            if job.id in kept:
                continue
            is_news = not was_synced((project, job), self._now)
            tried = manifests.cronjob(project, job, self._now) if is_news else None
            self._recorder.in_place((project, job), NO_CRONJOB, tried=tried)

    def _finish(self) -> None:
        """Record what only a comparison of the whole organization can say."""
        # If a comparison was repeated, the last one counts.
        self.progress.done["held"] = len(self._verdict.held)
        complete = not self.progress.outdated and self.progress.failure is None
        self._removals.record(self._verdict, complete=complete)
        organization = self._removals.organization
        if complete and organization and organization.marked_at is None and not self.progress.unlabelled:
            store.record_labelled(organization.id, self._now)
