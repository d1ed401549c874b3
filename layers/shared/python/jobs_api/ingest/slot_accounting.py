"""Settles the slots of an organization's jobs: each slot gets a run, or a run that says why there was none.

Part of an ingest, which knows what is in the cluster. Doing it twice changes nothing: the id of a miss follows from job
and slot, and the time up to which a job is settled changes only if it is still the one that was read.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched, islice

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound
from jobs_api.ingest import late_slots, missed_slot
from jobs_api.ingest.missed_slot import SlotFacts
from jobs_api.k8s import labels, run_identity
from jobs_api.k8s.json_fields import Object
from jobs_api.model import lateness, slots
from jobs_api.model.job import Job
from jobs_api.model.organization import Organization
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.model.slots import AwaitedSlot, Slot, SlotVerdict
from jobs_api.notifications import channels
from jobs_api.store import DueJob

# Slots of one job in one pass. After days without a cluster, the next passes settle the rest.
SLOTS_AT_ONCE = 100
JOBS_AT_ONCE = 500

logger = Logger()


@dataclass
class Accounting:
    """The slots of an organization that are due.

    Args:
        organization: as it is stored.
        cluster: its cluster.
        now: when the pass began to list Jobs; a Job that it did not find did not exist by then.
        ran: for each job the slots whose Jobs the pass has found.
        unsure: jobs with a run that could not be ingested; their slots are not settled.
        read: jobs by id that this pass has read already.
    """

    organization: Organization
    cluster: Cluster
    now: datetime
    ran: Mapping[str, Collection[datetime]]
    unsure: Collection[str]
    read: Mapping[str, tuple[Project, Job]] = field(default_factory=dict)
    missed: int = 0
    failed: int = 0
    # Whether a slot has a Job that was not listed, and no run.
    met_unknown_job: bool = False
    # How many jobs had slots settled, and which slots are due without a Job so far.
    settled: int = 0
    awaited: list[AwaitedSlot] = field(default_factory=list)
    # Whether the CronJob of a job is to be resumed, since a pause has ended.
    pause_ended: bool = False
    # When slots that have no run by then will be late.
    late_from: list[datetime] = field(default_factory=list)

    def run(self, pool: Executor) -> None:
        """Settle every job that is due; a job that fails is counted, and stops no other."""
        known = {job_id: there for job_id, there in self.read.items() if self._has_run_in_all(*there)}
        found = store.due_jobs(self.organization.id, self.now, known)
        due = (one for one in found if one.job.id not in self.unsure)
        for jobs in batched(due, JOBS_AT_ONCE, strict=False):
            # Counted here: of threads that count into one number, one may undo what another has added.
            settled = list(pool.map(self._try, jobs))
            self.settled += settled.count(True)
            self.failed += settled.count(None)

    def _has_run_in_all(self, project: Project, job: Job) -> bool:
        """Return whether every slot of a job that is due has its Job: then it matters not what has changed since.

        The write that settles slots holds only for the job as it was read; but a slot counts as missed by what holds
        now.
        """
        ran = self.ran.get(job.id, ())
        try:
            owed = slots.owed(job.firings, project.periods, job.slots.settled_until, self.now)
            return all(slot.at in ran for slot in islice(owed, SLOTS_AT_ONCE))
        except Exception:  # noqa: BLE001 - if the job is due, `_try` meets the same fault, counts it and logs it
            return False

    def _try(self, due: DueJob) -> bool | None:
        """Return whether slots of a job were settled, None where that failed."""
        try:
            return self._account(due)
        except Exception:
            logger.exception("slots were not settled", organization_id=self.organization.id, job_id=due.job.id)
            return None

    def _account(self, due: DueJob) -> bool:
        """Settle a job's slots in their order, up to the first one that may still get its Job; return whether any."""
        project, job = due.project, due.job
        seconds = project.settings.starting_deadline_seconds
        if not due.deleted and job.awaits_resume(project, self.now):
            self.pause_ended = True
        owed = slots.owed(job.firings, project.periods, job.slots.settled_until, self.now)
        settled, missing = self._settled(list(islice(owed, SLOTS_AT_ONCE)), seconds, job.id)
        if missing:
            self._record(due, missing)
        after = job.settled(settled[-1].at, project, self.now) if settled else job.replanned(project, self.now)
        if not due.deleted and after.due_at and after.due_at <= self.now:
            after = late_slots.report_late(self.organization, due, after, self.ran.get(job.id, ()), self.now)
            self.late_from += [late_from] if (late_from := lateness.next_deadline(job, self.now)) else []
        return after != job and store.settle_job(due, after)

    def _settled(self, owed: list[Slot], project_seconds: int, job_id: str) -> tuple[list[Slot], list[Slot]]:
        """Return the slots that can be settled, and those of them that seem to have no Job.

        `project_seconds` is the project's starting deadline.
        """
        ran = self.ran.get(job_id, ())
        settled: list[Slot] = []
        missing: list[Slot] = []
        for slot in owed:
            deadline = slot.deadline(project_seconds)
            verdict = slots.slot_verdict(slot, ran, self.now, deadline)
            if verdict is SlotVerdict.OPEN:
                self.awaited.append(AwaitedSlot(slot.at, slots.judged_at(slot, deadline)))
                break
            settled.append(slot)
            if verdict is SlotVerdict.MISSED:
                missing.append(slot)
        return settled, missing

    def _record(self, due: DueJob, missing: list[Slot]) -> None:
        """Write a miss for each slot that has no run: its Job may have come and gone meanwhile, or be settled."""
        seconds = due.project.settings.starting_deadline_seconds
        until = max(slots.judged_at(slot, slot.deadline(seconds)) for slot in missing)
        runs = store.runs_of_job(self.organization.id, due.job.id, missing[0].at, until)
        known = {run.scheduled_for for run in runs}
        if any(slot.at not in known for slot in missing):
            known |= self._slots_with_jobs(due, {slot.at for slot in missing} - known)
        cronjobs: dict[str, tuple[Object | None, Sequence[Object]]] = {}
        for slot in missing:
            if slot.at not in known:
                name = slot.firing.cronjob_name
                if name not in cronjobs:
                    cronjobs[name] = self._cronjob(due, name)
                self._miss(slot, due, *cronjobs[name], runs)

    def _slots_with_jobs(self, due: DueJob, slots_without: Collection[datetime | None]) -> set[datetime]:
        """Return those of the slots that have a Job in the cluster now.

        The list of the pass leaves out settled Jobs and may be old, and a miss is final.
        """
        selector = labels.selector({labels.ORGANIZATION: self.organization.id, labels.JOB_ID: due.job.id})
        pages = self.cluster.list_job_metadata(self.organization.namespace, selector)
        found = {run_identity.slot_of(job) for page in pages for job in page if run_identity.is_run(job)}
        there = {slot for slot in found if slot and slot in slots_without}
        if there:
            self.met_unknown_job = True
        return there

    def _miss(self, slot: Slot, due: DueJob, cronjob: Object | None, events: Sequence[Object], runs: list[Run]) -> None:
        facts = SlotFacts(due.project, due.job, due.deleted, cronjob, runs, self.organization.outages, events)
        alerts = channels.alerts_of(due.project, due.job)
        if store.create_run(missed_slot.missed_run(slot, facts, alerts, self.now)):
            self.missed += 1

    def _cronjob(self, due: DueJob, name: str) -> tuple[Object | None, Sequence[Object]]:
        """Return a job's CronJob as it is now, and the warnings about it."""
        try:
            cronjob = missed_slot.cronjob_of(self.cluster.get_cronjob(self.organization.namespace, name), due.job)
        except ObjectNotFound:
            return None, ()
        if cronjob is None:
            return None, ()
        try:
            return cronjob, self.cluster.warnings_of(self.organization.namespace, cronjob["metadata"]["uid"])
        except ClusterRejected as error:
            # The rights may be those of an earlier release. Then the Events are unknown; the miss is recorded.
            logger.warning("Events could not be read", status=error.status, error=str(error))
            return cronjob, ()
