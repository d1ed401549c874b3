"""Compares the tables with the cluster once, and makes and records every change that follows."""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby, islice
from typing import Final, assert_never

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cluster import AlreadyExists, Cluster, ClusterRejected, Object, ObjectNotFound, Stale
from jobs_api.errors import ClusterUnavailable, NotFound
from jobs_api.k8s import labels, manifests
from jobs_api.k8s.manifests import Manifest
from jobs_api.model.job import wanted_version
from jobs_api.model.job_sync import SyncedVersion, SyncState
from jobs_api.model.project import Project
from jobs_api.sync import reconcile, runner_config
from jobs_api.sync.desired import Manifests, Scope, Wanted, read
from jobs_api.sync.fingerprint import NO_CRONJOB, fingerprint
from jobs_api.sync.live_cronjobs import LiveCronJobs
from jobs_api.sync.reconcile import Change, Create, Delete, Leave, Reason, Replace
from jobs_api.sync.removals import RemovalVerdict, Standing
from jobs_api.sync.removing import Removals
from jobs_api.sync.trial import Trial

# One object that the cluster cannot process must not stop the others; after three in a row, the cluster is at fault.
FAILURES_IN_A_ROW: Final = 3
# A change is mostly waiting for the cluster and the table; the clients' pools have the same size.
WORKERS: Final = 16
FORBIDDEN: Final = 403
MESSAGE_LENGTH: Final = 1000
WHO: Final = re.compile(r'User "[^"]*"')
FOREIGN: Final = (
    "The cluster has a CronJob {} that this service did not make and does not change; rename this job, or let "
    "somebody remove that CronJob"
)
ANOTHERS: Final = (
    "The cluster has a CronJob {} of another deployment of this service ({}), which this one does not change; rename "
    "this job, or give one of the two organizations another namespace"
)
HELD: Final = (
    "The cluster has the CronJob {} in place of this one. The service does not know why it is there, and removes it "
    "only when its operator confirms that"
)
UNOPENED: Final = (
    "The secret values of this job's environment cannot be decrypted at the moment; if that lasts, send them again"
)

logger = Logger()


class Comparison:
    """Reads the tables once and the cluster once, and acts on the differences."""

    def __init__(self, scope: Scope, cluster: Cluster, now: datetime, done: Counter[str]) -> None:
        self.outdated = False
        # A CronJob is unknown to the tables: only a comparison of the whole organization may decide about it.
        self.needs_whole = False
        self._scope = scope
        self._namespace = scope.organization_id
        self._cluster = cluster
        self._now = now
        self._done = done
        self._counting = threading.Lock()
        self._failures_in_a_row = 0
        # Slow start, as in Kubernetes' own controllers: the batch doubles after each success.
        self._at_once = 1
        self._failure: Exception | None = None
        self._desired = Manifests({}, now)
        self._trial = Trial(cluster)
        self._fingerprints: dict[str, str] = {}
        self._projects: dict[str, Project | None] = {}
        # Orphans that could not be removed, and their jobs. Threads write here while others read: read a copy.
        self._kept: dict[str, str] = {}
        self._removals = Removals(scope, now)
        self._verdict = RemovalVerdict()
        # How many CronJobs of this deployment there are, and which of them have no deployment label yet.
        self._there = 0
        self._unlabelled: set[str] = set()

    def run(self) -> None:
        """Plan, change and record; raise the failures only after everything was tried."""
        known = list(read(self._scope))
        jobs = {job.cronjob_name: (project, job) for project, job in known if job.has_cronjob}
        if any(project.settings.artifacts for project, _ in known):
            runner_config.keep(self._cluster, self._namespace)
        there = LiveCronJobs(self._cluster, self._scope, jobs, self._now, with_unlabelled=self._may_have_unlabelled())
        self._there, self._unlabelled = there.there, there.unlabelled
        as_wanted = {name: wanted for name, wanted in jobs.items() if name not in there.right}
        self._desired = Manifests(as_wanted.copy(), self._now)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="sync") as pool:
            plan = reconcile.plan(self._desired, self._noted(there.others(pool)))
            # Changes of one kind have different names; deletions free names for the creations after them.
            for alike in self._by_kind(plan, jobs, as_wanted):
                while changes := list(islice(alike, self._at_once)):
                    for change in changes:
                        as_wanted.pop(change.name, None)
                    self._judge(list(pool.map(lambda change: self._try(change, jobs), changes)))
            refused = {name: wanted for name, wanted in as_wanted.items() if _was_refused(wanted)}
            list(pool.map(lambda one: self._try_again(one, jobs[one]), refused))
        for name in as_wanted.keys() - refused.keys():
            self._settled(as_wanted[name], self._fingerprints[name])
        self._note_without_cronjob([(project, job) for project, job in known if not job.has_cronjob])
        if self._removals.is_whole:
            self._finish()
        if self._failure:
            raise self._failure

    def _note_without_cronjob(self, unscheduled: Sequence[Wanted]) -> None:
        """Record that jobs without a schedule have no CronJob, where that is so, and whether their Pods are refused."""
        kept = set(self._kept.values()) | {orphan.job_id for orphan in self._verdict.held}
        for project, job in unscheduled:
            if job.id in kept:
                continue
            is_news = not _was_synced((project, job), self._now)
            self._settled(
                (project, job), NO_CRONJOB, tried=manifests.cronjob(project, job, self._now) if is_news else None
            )

    def _by_kind(
        self, plan: Iterator[Change], jobs: Mapping[str, Wanted], as_wanted: dict[str, Wanted]
    ) -> Iterator[Iterator[Change]]:
        for kind, alike in groupby(plan, type):
            changes: Iterator[Change] = alike
            yield self._removable(changes, jobs, as_wanted) if kind is Delete else changes

    def _noted(self, cronjobs: Iterator[Object]) -> Iterator[Object]:
        for cronjob in cronjobs:
            self._fingerprints[cronjob["metadata"]["name"]] = fingerprint(cronjob)
            yield cronjob

    def _may_have_unlabelled(self) -> bool:
        """Return whether there may be CronJobs from before the deployment label."""
        organization = self._removals.organization
        return self._removals.is_whole and (organization is None or organization.may_have_unlabelled(self._now))

    def _removable(
        self, orphans: Iterator[Change], jobs: Mapping[str, Wanted], as_wanted: dict[str, Wanted]
    ) -> Iterator[Change]:
        """Return which orphans to remove; `_kept` then says why the others stay."""
        found = [orphan for orphan in orphans if isinstance(orphan, Delete)]
        # Those without a label that jobs want are replaced with the label, so they count too.
        adopted = (self._unlabelled & jobs.keys()) - {orphan.name for orphan in found}
        self._verdict = verdict = self._removals.judge(found, self._there + len(adopted))
        self._unlabelled -= {orphan.name for orphan in verdict.strangers}
        self.needs_whole = bool(verdict.held) and not self._removals.is_whole
        for orphan in (*verdict.held, *verdict.strangers):
            as_wanted.pop(orphan.name, None)
        return iter(verdict.removed)

    def _finish(self) -> None:
        """Record what only a comparison of the whole organization can say."""
        # Where a comparison was repeated, the last one counts.
        self._done["held"] = len(self._verdict.held)
        complete = not self.outdated and self._failure is None
        self._removals.note(self._verdict, complete=complete)
        organization = self._removals.organization
        if complete and organization and organization.marked_at is None and not self._unlabelled:
            store.record_labelled(organization.id, self._now)

    def _try(self, change: Change, jobs: Mapping[str, Wanted]) -> ClusterUnavailable | None:
        """Make a change; return why it failed, where the cluster could not do it now."""
        try:
            if isinstance(change, Delete):
                self._delete(change)
            elif change.name in self._desired.unopened:
                self._note(jobs[change.name], SyncState.ERROR, UNOPENED)
            elif isinstance(change, Create) and jobs[change.name][1].id in list(self._kept.values()):
                # The job was renamed and the CronJob with its old name is still there: both would run each slot.
                self.outdated = True
            elif isinstance(change, Create) and (why := self._stands_in_the_way_of(change, jobs[change.name][1].id)):
                # Where a comparison of the whole organization follows, that one says it.
                if not self.needs_whole:
                    self._note(jobs[change.name], SyncState.ERROR, why)
            else:
                self._bring(change, jobs[change.name])
        except ClusterUnavailable as error:
            return error
        return None

    def _stands_in_the_way_of(self, change: Create, job_id: str) -> str | None:
        """Return the orphan that stays and has a new CronJob's name, or belongs to the same job under another name."""
        for orphan in self._verdict.held:
            if orphan.name == change.name or orphan.job_id == job_id:
                return HELD.format(orphan.name)
        if any(orphan.name == change.name for orphan in self._verdict.strangers):
            return FOREIGN.format(change.name)
        return None

    def _judge(self, failures: Sequence[ClusterUnavailable | None]) -> None:
        """Continue one by one after single failures, and give up after several in a row."""
        self._at_once = 1 if any(failures) else min(2 * self._at_once, WORKERS)
        for failure in failures:
            self._failures_in_a_row = self._failures_in_a_row + 1 if failure else 0
            self._failure = failure or self._failure
            if failure and self._failures_in_a_row == FAILURES_IN_A_ROW:
                raise failure

    def _count(self, what: str, count: int = 1) -> None:
        with self._counting:
            self._done[what] += count

    def _bring(self, change: Create | Replace | Leave, wanted: Wanted) -> None:
        """Make a job's CronJob what it should be, and record how that went."""
        try:
            match change:
                case Create():
                    live = self._cluster.create_cronjob(change.manifest)
                case Replace():
                    live = self._cluster.replace_cronjob(self._dated(change))
                case Leave():
                    self._left(change, wanted)
                    return
        except AlreadyExists:
            self._compare_again(wanted)
        except Stale:
            # Another sync was faster, or the controller, which writes to the status when it fires.
            self.outdated = True
        except ClusterRejected as error:
            if isinstance(change, Replace) and isinstance(error, ObjectNotFound):
                self.outdated = True
                return
            job_id, project_id = wanted[1].id, wanted[0].id
            logger.warning(
                "The cluster rejects CronJob %s: %s", change.name, error, job_id=job_id, project_id=project_id
            )
            self._note(wanted, SyncState.ERROR, _in_words(error))
        else:
            self._count("created" if isinstance(change, Create) else "replaced")
            self._count("repaired", _was_synced(wanted, self._now))
            if change.name in self._unlabelled:
                self._unlabelled.discard(change.name)
                self._count("adopted")
            resumed = isinstance(change, Replace) and change.resumes
            self._settled(wanted, fingerprint(live), resumed=resumed, tried=change.manifest)

    def _try_again(self, name: str, wanted: Wanted) -> None:
        """Try a job's Pod again, where its CronJob is as it should be and its Pods were refused before."""
        self._settled(wanted, self._fingerprints[name], tried=self._desired[name])

    def _dated(self, change: Replace) -> Object:
        """Let the cluster leave out the slots from before the change; return the manifest to write after that.

        The status is written first: with a new schedule and an old status, a CronJob may start a slot of the past.
        """
        if change.dated is None:
            return change.manifest
        try:
            live = self._cluster.replace_cronjob_status(change.dated)
        except ClusterRejected as error:
            if error.status != FORBIDDEN:
                raise
            # The manifest of an earlier release does not allow it; the job's other changes must not wait for that.
            logger.warning("CronJob %s may start a slot from before its change: %s", change.name, error)
            return change.manifest
        version = {"resourceVersion": live["metadata"]["resourceVersion"]}
        return {**change.manifest, "metadata": {**change.manifest["metadata"], **version}}

    def _left(self, change: Leave, wanted: Wanted) -> None:
        match change.reason:
            case Reason.FOREIGN:
                self._note(wanted, SyncState.ERROR, FOREIGN.format(change.name))
            case Reason.ANOTHERS:
                whose = reconcile.cronjob_labels(change.live)[labels.DEPLOYMENT]
                self._note(wanted, SyncState.ERROR, ANOTHERS.format(change.name, whose))
            case Reason.GOING:
                self.outdated = True
            case Reason.NEWER:
                self._compare_again(wanted)
            case _:
                assert_never(change.reason)

    def _compare_again(self, wanted: Wanted) -> None:
        """Compare one CronJob again; read the cluster first and then the tables, which are then at least as new."""
        project, job = wanted
        try:
            live = self._cluster.get_cronjob(self._namespace, job.cronjob_name)
            project, job = store.get_job(project.organization_id, project.id, job.id)
        except (ObjectNotFound, NotFound):
            self.outdated = True
            return
        if not project.settings.deployed or not job.has_cronjob or job.cronjob_name != live["metadata"]["name"]:
            self.outdated = True
            return
        if labels.is_unlabelled(reconcile.cronjob_labels(live)):
            self._unlabelled.add(job.cronjob_name)
        desired = Manifests({job.cronjob_name: (project, job)}, self._now)
        if desired.unopened:
            self._note((project, job), SyncState.ERROR, UNOPENED)
            return
        change = reconcile.compare(desired[job.cronjob_name], live, latest=True)
        if isinstance(change, Delete):
            self._make_way(change, (project, job))
        elif change:
            self._bring(change, (project, job))
        else:
            again = desired[job.cronjob_name] if _was_refused((project, job)) else None
            self._settled((project, job), fingerprint(live), tried=again)

    def _make_way(self, orphan: Delete, wanted: Wanted) -> None:
        """Remove a CronJob that was not listed and has a job's name, unless an operator has to decide that."""
        match self._removals.standing(orphan):
            case Standing.KNOWN:
                self._delete(orphan)
                self.outdated = True
            case Standing.STRANGER:
                self._unlabelled.discard(orphan.name)
                self._note(wanted, SyncState.ERROR, FOREIGN.format(orphan.name))
            case Standing.UNKNOWN if self._removals.is_whole:
                # It was created after the list; the next list contains it.
                self.outdated = True
            case Standing.UNKNOWN:
                self.needs_whole = True

    def _delete(self, orphan: Delete) -> None:
        """Remove a CronJob that no job wants, if that is still so: a job may have been created since the read."""
        self._kept[orphan.name] = orphan.job_id
        if self._is_wanted(orphan):
            self.outdated = True
            return
        try:
            self._cluster.delete_cronjob(self._namespace, orphan.name, orphan.uid, orphan.resource_version)
        except ObjectNotFound:
            self._kept.pop(orphan.name)
        except Stale:
            self.outdated = True
        except ClusterRejected as error:
            logger.warning(
                "The cluster does not let CronJob %s be deleted: %s", orphan.name, error, job_id=orphan.job_id
            )
            self._failure = error
        else:
            self._kept.pop(orphan.name)
            self._unlabelled.discard(orphan.name)
            self._count("deleted")

    def _is_wanted(self, orphan: Delete) -> bool:
        if orphan.project_id not in self._projects:
            try:
                self._projects[orphan.project_id] = store.get_project(self._namespace, orphan.project_id)
            except NotFound:
                self._projects[orphan.project_id] = None
        project = self._projects[orphan.project_id]
        if project is None or not project.settings.deployed:
            return False
        try:
            project, job = store.get_job(self._namespace, orphan.project_id, orphan.job_id)
        except NotFound:
            return False
        return project.settings.deployed and job.has_cronjob and job.cronjob_name == orphan.name

    def _settled(self, wanted: Wanted, live: str, *, resumed: bool = False, tried: Manifest | None = None) -> None:
        """Record that a job's CronJob is in place; for a new one also whether the cluster refuses its Pods."""
        refusal = self._trial.refusal(tried) if tried else None
        if refusal:
            self._note(
                wanted,
                SyncState.ERROR,
                _of_pods(refusal, has_cronjob=wanted[1].has_cronjob),
                resumed=resumed,
                in_place=True,
            )
            return
        self._note(wanted, SyncState.SYNCED, resumed=resumed, in_place=True, found=live)

    def _note(
        self,
        wanted: Wanted,
        state: SyncState,
        message: str | None = None,
        *,
        resumed: bool = False,
        in_place: bool = False,
        found: str | None = None,
    ) -> None:
        """Record the state of a job's CronJob, if that has changed; `in_place` is whether it fires as it should.

        `found` is the fingerprint of a CronJob that is right.
        """
        project, job = wanted
        self._count("failing", state is SyncState.ERROR)
        version, known = wanted_version(project, job), job.synced
        right_until = _right_until(wanted, self._now)
        found_before = known and (known.version, known.state, known.message, known.right_until)
        no_news = found_before == (version, state, message, right_until)
        if known and no_news and not resumed and known.fingerprint == found:
            return
        if not no_news:
            self._count("noted")
        synced = SyncedVersion(
            version=version,
            state=state,
            message=message,
            synced_at=known.synced_at if known and no_news else self._now,
            in_force_at=_in_force_at(wanted, self._now, in_place=in_place),
            resumed_at=self._now if resumed else known and known.resumed_at,
            fingerprint=found,
            right_until=right_until,
        )
        # A resumed project has future slots that its jobs do not know yet.
        compared = job.model_copy(update={"synced": synced})
        if not store.record_sync(compared.replanned(project, self._now), synced):
            # The job was changed or deleted meanwhile, perhaps after its CronJob was created.
            self.outdated = True


def _in_force_at(wanted: Wanted, now: datetime, *, in_place: bool) -> datetime | None:
    """Return since when the CronJob fires as the job says, None where it does not yet.

    Where the cluster rejects another change, the CronJob stays in place and fires as it should.
    """
    project, job = wanted
    if not job.has_cronjob:
        return None
    begins = job.fires_since(project)
    known = job.synced.in_force_at if job.synced else None
    if known and known >= begins:
        return known
    return now if in_place else None


def _right_until(wanted: Wanted, now: datetime) -> datetime | None:
    """Return when a CronJob that is suspended for a pause must fire again; None where no pause is in effect."""
    project, job = wanted
    pause = job.pause_at(project, now)
    return pause.until if pause and project.fires and job.firing else None


def _was_refused(wanted: Wanted) -> bool:
    """Return whether a job was not as it should be when it was last compared, for whatever reason."""
    return _is_noted(wanted, SyncState.ERROR)


def _was_synced(wanted: Wanted, now: datetime) -> bool:
    """Return whether a job's CronJob was already as it should be, so that somebody must have changed it."""
    synced = wanted[1].synced
    return _is_noted(wanted, SyncState.SYNCED) and synced is not None and not synced.is_over(now)


def _is_noted(wanted: Wanted, state: SyncState) -> bool:
    """Return whether the last comparison of a job found this state, with the present versions."""
    project, job = wanted
    synced = job.synced
    return bool(synced and synced.state is state and synced.version == wanted_version(project, job))


def _of_pods(error: ClusterRejected, *, has_cronjob: bool) -> str:
    """Say why the cluster refuses Pods, without the name that it has for this service."""
    said = WHO.sub("this service", str(error))
    start = "The CronJob is in place, but the" if has_cronjob else "The"
    return f"{start} cluster refuses its pods: {said}"[:MESSAGE_LENGTH]


def _in_words(error: ClusterRejected) -> str:
    """Say what the cluster said, without the name that it has for this service."""
    text = str(error)
    if isinstance(error, ObjectNotFound):
        return f"The cluster does not have what this job needs: {text}"
    _, invalid, faults = text.partition(" is invalid: ")
    said = WHO.sub("this service", faults if invalid else text)
    return f"The cluster rejects this job: {said}"[:MESSAGE_LENGTH]
