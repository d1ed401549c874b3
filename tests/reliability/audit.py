"""Finds differences between table, cluster, logs and inbox: what is lost, doubled or orphaned.

It reads the tables and the cluster, and no memory of the functions, so that all kinds of tests can use it.
"""

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.collecting.parts import Parts
from jobs_api.ingest import unseen_end
from jobs_api.k8s import labels, manifests, run_identity
from jobs_api.k8s.json_fields import Object, moment
from jobs_api.k8s.observed import observe
from jobs_api.logs import archive, artifacts, log_bucket
from jobs_api.logs.artifacts import BundleKey
from jobs_api.model import names, run_events, slots
from jobs_api.model.alert_targets import Event
from jobs_api.model.artifacts import MOST_ARTIFACT_BYTES
from jobs_api.model.audit import AuditAction
from jobs_api.model.chains import Predecessor
from jobs_api.model.delivery import Delivery, DeliveryStatus, delivery_id
from jobs_api.model.job import Job, wanted_version
from jobs_api.model.job_sync import SyncState
from jobs_api.model.latest_files import LatestFiles, with_files
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.model.run_stats import DAYS_KEPT, EndCounts, day_of, end_counts_of
from jobs_api.notifications.slack.target import SlackTarget
from jobs_api.store import deliveries, latest_artifacts, run_counts
from jobs_api.store.audit_rows import AuditRow, EntryRow, JobVersionRow
from jobs_api.store.project_rows import CRONJOB_LOCK, JOB, NAME_LOCK, LockRow, ProjectsRow
from jobs_api.sync import reconcile
from jobs_api.trigger import waiting
from tests.reliability.uploads import FILES

EVERYTHING = 100_000
TICK = timedelta(minutes=1)
# The words of a Slack message about a slot that is late before it has a run.
NO_RUN = "No run yet"
# The line in each pod's log that names its run.
OWN_NAME = re.compile(r"^this is ([^\s,]+)", re.MULTILINE)


@dataclass
class Audit:
    """An organization at a time.

    `inbox` has the webhooks that arrived, by delivery, and `posted` the Slack messages; None if there was no receiver.
    A Job that is younger than `young` was created since the last tick, and needs no run yet. With `waits`, waits for a
    stated time are allowed: until a vanished Job counts as deleted, and until a delivery's next attempt.
    """

    organization_id: str
    cluster: Cluster
    now: datetime
    inbox: list[str] | None = None
    posted: list[str] | None = None
    waits: bool = False
    young: timedelta = timedelta(seconds=1)
    jobs: list[tuple[Project, Job]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    live: dict[str, Object] = field(default_factory=dict)
    slots: int = 0
    bundles: int = 0
    projects: list[str] = field(default_factory=list)
    _there: set[str] = field(default_factory=set)
    _run_ids: set[str] = field(default_factory=set)
    _written: list[EntryRow] | None = None

    def __post_init__(self) -> None:
        """Read everything."""
        for project in store.list_projects(self.organization_id):
            self.projects.append(project.id)
            self.jobs += [(project, job) for job in store.list_jobs(self.organization_id, project.id)[1]]
            found, _ = store.list_runs(
                self.organization_id, project.id, store.RunFilter(), limit=EVERYTHING, before=None
            )
            self.runs += found
        for page in self.cluster.list_jobs(self.organization_id, labels.selector()):
            self._there |= {job["metadata"]["uid"] for job in page}
            self._run_ids |= {run_identity.run_id_of(job) for job in page}
            self.live |= {job["metadata"]["uid"]: job for job in page if self._is_settled(job)}

    def _is_settled(self, job: Object) -> bool:
        made_at = moment(job["metadata"]["creationTimestamp"])
        return made_at is None or made_at <= self.now - self.young

    def findings(self) -> list[str]:
        """Return a sentence for each fault."""
        return [
            *self._cronjobs(),
            *self._locks(),
            *self._runs_and_jobs(),
            *self._doubles(),
            *self._open_runs(),
            *self._cancels(),
            *self._chains(),
            *self._attempts(),
            *self._logs(),
            *self._artifacts(),
            *self._latest_artifacts(),
            *self._slots(),
            *self._alerts(),
            *self._histories(),
            *self._entries(),
            *self._counts(),
        ]

    def _cronjobs(self) -> Iterator[str]:
        wanted = [(project, job) for project, job in self.jobs if project.settings.deployed]
        scheduled = [(project, job) for project, job in wanted if job.has_cronjob]
        desired = {job.cronjob_name: manifests.cronjob(project, job, self.now) for project, job in scheduled}
        live = [one for page in self.cluster.list_cronjobs(self.organization_id, labels.selector()) for one in page]
        for change in reconcile.plan(desired, live):
            yield f"the CronJob {change.name} is not as it should be: {type(change).__name__}"
        for project, job in wanted:
            told = job.synced and (job.synced.state, job.synced.version)
            if told != (SyncState.SYNCED, wanted_version(project, job)):
                yield f"{job.id} says {told} of its CronJob"

    def _locks(self) -> Iterator[str]:
        """Each job has the locks on its two names, and there are no other locks."""
        wanted = Counter(
            key
            for project, job in self.jobs
            for key in (
                (f"{self.organization_id}/{project.id}", NAME_LOCK + names.slug(job.settings.name), job.id),
                (self.organization_id, CRONJOB_LOCK + job.cronjob_name, job.id),
            )
        )
        partitions = [f"{self.organization_id}/{one.id}" for one in store.list_projects(self.organization_id)]
        rows = [row for one in (*partitions, self.organization_id) for row in ProjectsRow.query(one)]
        held = Counter(
            (row.partition, row.sort, row.holder)
            for row in rows
            if isinstance(row, LockRow) and not row.holder.startswith("proj_")
        )
        yield from (f"nobody's lock: {lock}" for lock in held - wanted)
        yield from (f"a lock is missing: {lock}" for lock in wanted - held)
        known = {job.id for _, job in self.jobs}
        ids = {row.sort.removeprefix(JOB) for row in rows if row.sort.startswith(JOB)}
        yield from (f"{job_id} is in the table and on no list" for job_id in ids - known)

    def _attempts(self) -> Iterator[str]:
        """Each run that is tried again has its next attempt, and each attempt the one before it."""
        promised = {run.retried_as: run for run in self.runs if run.retried_as}
        attempts = {run.id: run for run in self.runs if run.attempt}
        yield from (f"{before.id} has no next attempt" for one, before in promised.items() if one not in attempts)
        yield from (f"the attempt {one} follows no run" for one in attempts.keys() - promised.keys())
        for one, before in promised.items():
            if one in attempts and attempts[one].attempt != (before.attempt or 1) + 1:
                yield f"{one} is attempt {attempts[one].attempt} after {before.attempt or 1}"

    def _histories(self) -> Iterator[str]:
        """Each version of a job that a request made is there, up to the present one, and each has who made it."""
        for _, job in self.jobs:
            if job.recorded_version is None:
                continue
            rows = [row for row in self._audit_rows() if row.target == job.id and isinstance(row, JobVersionRow)]
            found = sorted(int(row.version) for row in rows)
            if found != list(range(found[0] if found else 0, job.version + 1)):
                yield f"{job.id} is at version {job.version}, and its history has {found}"
            yield from (f"nobody made {job.id} {row.sort}" for row in rows[1:] if row.token_id is None)

    def _counts(self) -> Iterator[str]:
        """The counts of ended runs are those of the runs, day by day and job by job."""
        recount: dict[tuple[str, str], dict[date, EndCounts]] = {}
        for run in self.runs:
            if run.status.ended:
                days = recount.setdefault((run.project_id, run.job_id), {})
                days[day_of(run)] = days.get(day_of(run), EndCounts()) + end_counts_of(run)
        for (project_id, job_id), days in recount.items():
            first = min(days)
            asked = [first + timedelta(days=day) for day in range(DAYS_KEPT)]
            found = run_counts.counts_by_day(self.organization_id, project_id, asked, job_id)
            if found != days:
                yield f"the runs of {job_id} ended as {days}, and are counted as {found}"

    def _entries(self) -> Iterator[str]:
        """Each requested run has one entry of the audit log, and each request, creation and deletion on it happened."""
        rows = self._audit_rows()
        requests = (AuditAction.JOB_TRIGGER, AuditAction.RUN_RETRY)
        asked = Counter(row.run_id for row in rows if row.action in requests)
        made = Counter(run.id for run in self.runs if run.triggered_by_token)
        kept = {run.project_id for run in self.runs} | set(self.projects)
        yield from (f"{run_id} was triggered, and has no entry" for run_id in made - asked)
        lost = {row.run_id for row in rows if row.run_id in asked - made and row.project_id in kept}
        yield from (f"the trigger of {run_id} has an entry, and there is no run" for run_id in sorted(map(str, lost)))
        jobs = {job.id for _, job in self.jobs}
        created, deleted = (
            {row.target for row in rows if row.action == action and row.project_id in self.projects}
            for action in (AuditAction.JOB_CREATE, AuditAction.JOB_DELETE)
        )
        yield from (f"{job_id} has the entry of a job and is none" for job_id in sorted(created - deleted - jobs))
        yield from (f"{job_id} has the entry of a deletion and is there" for job_id in sorted(deleted & jobs))

    def _audit_rows(self) -> list[EntryRow]:
        if self._written is None:
            partitions = {row.partition for row in AuditRow.by_organization.query(self.organization_id)}
            self._written = [row for one in sorted(partitions) for row in EntryRow.query(one, consistent_read=True)]
        return self._written

    def _runs_and_jobs(self) -> Iterator[str]:
        """Each Kubernetes Job is one run, which has ended as soon as the Job has."""
        by_uid = {run.job_uid: run for run in self.runs if run.job_uid}
        # Until its Job starts, a run has no Job name: the Job may be suspended by hand, or the run be cancelled first.
        unknowing = {RunStatus.PENDING, RunStatus.CANCELLED}
        by_id = {run.id: run for run in self.runs if run.status in unknowing and run.job_uid is None}
        for uid, job in self.live.items():
            name, run, seen = job["metadata"]["name"], by_uid.get(uid) or by_id.get(run_of(job)), observe(job)
            if run is None:
                yield f"the Job {name} is no run"
            elif seen.finished and not run.status.ended:
                yield f"the Job {name} has ended, its run {run.id} is {run.status}"
            elif run.status.ended and not seen.finished and not seen.stopped:
                yield f"the run {run.id} is {run.status}, its Job {name} goes on"
            elif run.job_name != name:
                yield f"the run {run.id} calls its Job {run.job_name}, which is {name}"

    def _doubles(self) -> Iterator[str]:
        uids = Counter(run.job_uid for run in self.runs if run.job_uid)
        yield from (f"{count} runs of one Job {uid}" for uid, count in uids.items() if count > 1)
        manual = Counter(
            job["metadata"]["labels"][labels.RUN_ID]
            for job in self.live.values()
            if labels.RUN_ID in job["metadata"]["labels"]
        )
        yield from (f"{count} Jobs of one run {run_id}" for run_id, count in manual.items() if count > 1)

    def _open_runs(self) -> Iterator[str]:
        """An open run has a Job, and an ended run is not waiting for anything."""
        for run in self.runs:
            if not run.status.ended and run.launch:
                if not self._may_wait(run):
                    yield f"the run {run.id} still waits to be launched"
            elif not run.status.ended and not self._has_job(run) and not self._is_awaited(run):
                yield f"the run {run.id} is {run.status} and has no Job"
        opened = {run.id for run in store.open_runs(self.organization_id)}
        for run in self.runs:
            if run.status.ended is (run.id in opened):
                yield f"the run {run.id} is {run.status} and {'on' if run.id in opened else 'not on'} the list of open"

    def _has_job(self, run: Run) -> bool:
        """Return whether a run's Job is there; one that was launched just now does not know its Job yet."""
        return run.job_uid in self._there or (run.job_uid is None and run.id in self._run_ids)

    def _may_wait(self, run: Run) -> bool:
        """Return whether a run need not be launched yet: an attempt before its time, or one that waits for others."""
        if run.launch_after and self.now - run.launch_after < TICK:
            return True
        first = (other for other in self.runs if other.job_id == run.job_id and waiting.goes_first(other, run))
        # With a concurrency policy, an attempt may wait for runs of later slots.
        return self.waits and bool(run.waits or run.attempt) and any(first)

    def overlaps(self) -> Iterator[str]:
        """Runs that waited for others started in their order, none before those had ended; where all clocks agree."""
        admitted = [run for run in self.runs if run.triggered_by is TriggeredBy.MANUAL and run.launch_after]
        for run in admitted:
            at = run.launch_after or run.created_at
            for other in self.runs:
                if other.job_id != run.job_id or other.created_at >= at or other.id == run.id:
                    continue
                if slots.is_miss(other):
                    continue
                if other in admitted and other.launch_after and other.launch_after > at:
                    if other.created_at < run.created_at:
                        yield f"{other.id} was asked for before {run.id}, and started after it"
                elif not other.waits and (other.end_time is None or other.end_time > at):
                    yield f"{run.id} waited until {at}, when {other.id} had not ended"

    def _cancels(self) -> Iterator[str]:
        """Runs with a cancel request end, and no others are cancelled."""
        for run in self.runs:
            since = run.cancel_requested_at
            if run.is_to_be_cancelled and since and not (self.waits and self.now - since < 2 * TICK):
                yield f"the run {run.id} was to be cancelled at {since}, and is {run.status}"
            elif run.status is RunStatus.CANCELLED and (since is None or run.cancelled_by is None):
                yield f"the run {run.id} was cancelled by nobody"
            elif run.status is RunStatus.CANCELLED and run.error_message:
                yield f"the run {run.id} was cancelled, and says {run.error_message}"
            elif run.status is RunStatus.CANCELLED and run.exit_code is not None and not (run.log or run.log_note):
                yield f"the run {run.id} was cancelled while it ran, and has no log"

    def _chains(self) -> Iterator[str]:
        """Each job knows who runs after it, and each end of a run started these jobs once, or says why not."""
        jobs = {job.id: job for _, job in self.jobs}
        for job in jobs.values():
            after = {one.id for one in jobs.values() if job.id in {to.job_id for to in one.settings.predecessors}}
            if not after <= job.followers or (job.followers - after) & jobs.keys():
                yield f"{job.id} says that {sorted(job.followers)} run after it, and {sorted(after)} do"
        for run in self.runs:
            if run.followers_left and not (self.waits and self.now - run.updated_at < 2 * TICK):
                yield f"the end of {run.id} is not counted for {run.followers_left}"
        caused = Counter((run.caused_by, run.job_id) for run in self.runs if run.triggered_by is TriggeredBy.CHAINED)
        known = {run.id: run for run in self.runs}
        for (cause, job_id), count in caused.items():
            if count > 1 or cause not in known:
                yield f"{count} runs of {job_id} are caused by {cause}"
        # With several predecessors, their order decides which run starts the follower; with one, each run does.
        for job in jobs.values():
            if len(job.settings.predecessors) == 1 and job.version == 1:
                yield from self._single(job, job.settings.predecessors[0], caused)

    def _single(self, job: Job, predecessor: Predecessor, caused: Counter[tuple[str | None, str]]) -> Iterator[str]:
        for run in self.runs:
            ended_so = run.job_id == predecessor.job_id and run.status in predecessor.on
            if not ended_so or run.retried_as or slots.is_miss(run) or run.followers_left:
                continue
            if (run.end_time or run.updated_at) <= job.created_at:
                continue
            started = caused[run.id, job.id] + sum(one.job_id == job.id for one in run.skipped or ())
            if started != 1:
                yield f"the end of {run.id} started {job.id} {started} times"

    def _is_awaited(self, run: Run) -> bool:
        """Return whether it is too early to say that a run's Job is deleted."""
        return self.waits and self.now - run.updated_at < unseen_end.GONE_AFTER + TICK

    def _logs(self) -> Iterator[str]:
        """Each run whose command was started has its log, and there are no other logs."""
        s3, bucket = log_bucket.bucket_client(), os.environ["LOGS_BUCKET"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"logs/{self.organization_id}/")
        stored = {item["Key"] for page in pages for item in page.get("Contents", [])}
        told = {run.log.key: run for run in self.runs if run.log}
        yield from (f"a log of nobody: {key}" for key in stored - told.keys() if not self._is_spare(key))
        yield from (f"the log of {run.id} is lost" for key, run in told.items() if key not in stored)
        for key, run in told.items():
            if key in stored:
                text = gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode()
                yield from self._log(run, text)
            if key == archive.key_of_lost(run) and Parts.of(run).last:
                yield f"the log of {run.id} was collected, and is said to be lost"
        for run in self.runs:
            if run.status in {RunStatus.SUCCESS, RunStatus.FAILED} and run.log is None:
                yield f"the run {run.id} is {run.status} without a log"

    def _artifacts(self) -> Iterator[str]:
        """The artifacts of a run are all files of its own pod, or none; dbt's own are of one invocation."""
        self.bundles = 0
        for run in self.runs:
            bundle = artifacts.stored_bundle(BundleKey.of(run))
            if bundle is None:
                continue
            self.bundles += 1
            stored = {
                path: json.loads(gzip.decompress(artifacts.read_file(bundle, path, MOST_ARTIFACT_BYTES)))
                for path in bundle.paths
                if path.endswith(".json")
            }
            if not stored.keys() >= set(FILES) and run.status in {RunStatus.SUCCESS, RunStatus.FAILED}:
                yield f"the run {run.id} is {run.status} and has of its artifacts {bundle.paths}"
            invocations = {one["metadata"].get("invocation_id") for one in stored.values() if "metadata" in one}
            if len(invocations) > 1:
                yield f"the artifacts of {run.id} are of {len(invocations)} invocations"
            for path, content in stored.items():
                if path in FILES and "metadata" not in content and content != {"path": path, "pod": run.pod_name}:
                    yield f"{path} of {run.id}, whose pod is {run.pod_name}, says {content}"

    def _latest_artifacts(self) -> Iterator[str]:
        """The newest artifacts of each job and project are those of its last successes, where any run stored some."""
        prefix = f"artifacts/{self.organization_id}/"
        listed = log_bucket.bucket_client().list_objects_v2(Bucket=os.environ["LOGS_BUCKET"], Prefix=prefix, MaxKeys=1)
        if not listed["KeyCount"]:
            return
        for project_id in self.projects:
            stored = [
                (run, artifacts.stored_bundle(BundleKey.of(run)))
                for run in self.runs
                if run.project_id == project_id and run.status is RunStatus.SUCCESS
            ]
            for job_id in {None, *(run.job_id for run, bundle in stored if bundle)}:
                expected: list[LatestFiles] = []
                for run, bundle in stored:
                    files = latest_artifacts.files_of(run, bundle.paths if bundle else [])
                    if files and job_id in (None, run.job_id):
                        expected = with_files(expected, files.latest, store.kept_for())
                found = latest_artifacts.latest_files(self.organization_id, project_id, job_id)
                if found != expected:
                    yield f"the newest artifacts of {job_id or project_id} are {found} and not {expected}"

    def _is_spare(self, key: str) -> bool:
        """Return whether a key is a run's second log, because two passes stored it and the other pass' log is used."""
        run_id = key.rpartition("/")[2].partition(".")[0]
        return any(run.id == run_id and run.log for run in self.runs)

    def _log(self, run: Run, text: str) -> Iterator[str]:
        if run.log and len(text.encode()) != run.log.size_bytes:
            yield f"the log of {run.id} has {len(text.encode())} bytes and not {run.log.size_bytes}"
        doubled = [pod for pod, count in Counter(OWN_NAME.findall(text)).items() if count > 1]
        yield from (f"the log of {run.id} has that of {pod} twice" for pod in doubled)
        if "this is " in text and run.job_name not in text:
            yield f"the log of {run.id} ({run.job_name}) is another's: {text!r}"

    def _slots(self) -> Iterator[str]:
        """Each slot has one run, and none is missing."""
        scheduled = [run for run in self.runs if run.triggered_by is TriggeredBy.SCHEDULED]
        of_slot = Counter((run.job_id, run.scheduled_for) for run in scheduled)
        yield from (f"{count} runs of {job} at {slot}" for (job, slot), count in of_slot.items() if count > 1)
        self.slots = len(of_slot)
        for project, job in self.jobs:
            deadline = timedelta(seconds=project.settings.starting_deadline_seconds)
            until = self.now - deadline - slots.GRACE - TICK
            for slot in slots.owed(job.firings, project.periods, None, until):
                if slot.expected and (job.id, slot.at) not in of_slot:
                    yield f"{job.id} has nothing to say of {slot.at}"
        for one in store.due_jobs(self.organization_id, self.now - timedelta(minutes=20)):
            yield f"{one.job.id} has waited since {one.job.due_at} for its slots to be settled"

    def _alerts(self) -> Iterator[str]:
        """Each due notification of a run was sent once."""
        for run in self.runs:
            if run.notify:
                yield f"the run {run.id} has not told of {run.notify}"
        if self.inbox is not None:
            yield from self._webhooks(set(self.inbox))
        if self.posted is not None:
            yield from self._messages(self.posted)

    def _webhooks(self, arrived: set[str]) -> Iterator[str]:
        """Each due webhook of a run has arrived, and no other."""
        wanted = {delivery: run for run in self.runs for delivery in expected_deliveries(run, "webhook")}
        others = arrived - wanted.keys() - self._begun()
        yield from (f"{one} tells of nothing" for one in others if not _is_of_a_late_slot(one))
        for one, run in wanted.items():
            known = deliveries.find(one)
            if self._is_due_later(known):
                continue
            if one not in arrived:
                yield f"nobody was told of {run.id}"
            if known is None or known.status is not DeliveryStatus.DELIVERED:
                yield f"the delivery {one} of {run.id} is {known and known.status}"

    def _begun(self) -> set[str]:
        """Return the deliveries about starts that may exist: whether a pass sees a run start is chance."""
        return {delivery_id(run.id, Event.STARTED, "webhook") for run in self.runs}

    def _messages(self, arrived: list[str]) -> Iterator[str]:
        """Each end of a run with a Slack target has a message, is part of another message, or needs none."""
        for run in self.runs:
            unsaid = {delivery_id(run.id, Event.SUCCESS, "slack")} - _hears_of_successes(run)
            for one in expected_deliveries(run, "slack"):
                known = deliveries.find(one)
                if known is None and one in unsaid:
                    continue  # the run needs no notification
                if known is None:
                    yield f"Slack was not asked about {run.id}"
                elif known.status is DeliveryStatus.DELIVERED and not any(run.id in message for message in arrived):
                    yield f"no message in Slack tells of {run.id}"
                elif not known.status.ended and not self._is_due_later(known):
                    yield f"the message {one} of {run.id} is {known.status}"
                elif known.status is DeliveryStatus.FAILED:
                    yield f"the message {one} of {run.id} was given up: {known.error}"
        ids = {run.id for run in self.runs}
        ids.add(NO_RUN)
        yield from (f"a message of nobody: {text}" for text in arrived if not any(one in text for one in ids))

    def _is_due_later(self, delivery: Delivery | None) -> bool:
        """Return whether a delivery waits for its next attempt, or for the end of a dead sender's claim."""
        due_at = delivery and (delivery.next_attempt_at or delivery.claimed_until)
        # The next tick tries again.
        return bool(self.waits and delivery and not delivery.status.ended and due_at and due_at > self.now - TICK)


def expected_deliveries(run: Run, channel: str | None = None) -> Iterable[str]:
    """Return the ids of a run's deliveries so far but for its start, through one channel or all."""
    happened = {
        Event.LATE: run.late_status is not None,
        Event.LONG: run.long_at is not None,
        run_events.end_event(run.status): run.status.ended,
    }
    return [
        delivery_id(run.id, event, one)
        for event, is_so in happened.items()
        if is_so
        for one in run_events.channels(run, event)
        if channel in {None, one}
    ]


def _hears_of_successes(run: Run) -> set[str]:
    slack = run.alerts and SlackTarget.of(run.alerts)
    return {delivery_id(run.id, Event.SUCCESS, "slack")} if slack and slack.successes else set()


def _is_of_a_late_slot(delivery: str) -> bool:
    """Return whether a delivery is about a slot that was late before it had a run."""
    known = deliveries.find(delivery)
    return bool(known and known.run and known.event is Event.LATE)


def run_of(job: Object) -> str:
    """Return the id of a Job's run."""
    return run_identity.run_id_of(job)
