"""Why a slot was missed, as far as that is known, and the run that says so. Facts in, decision out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs_api.k8s import labels, warnings
from jobs_api.k8s.json_fields import Object, mapping, moment, texts
from jobs_api.model import lateness
from jobs_api.model.alert_targets import RunAlerts
from jobs_api.model.commands import job_type
from jobs_api.model.document import rfc3339
from jobs_api.model.job import Job
from jobs_api.model.job_sync import SyncState
from jobs_api.model.periods import Outage
from jobs_api.model.project import ConcurrencyPolicy, Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.slots import GRACE, IN_FORCE_WITHIN, Slot, miss_id

# The next sync that reaches the cluster resumes a CronJob that somebody suspended by hand.
SUSPENDED_FOR: Final = timedelta(hours=1)
LONGEST_REASON: Final = 500


@dataclass(frozen=True)
class SlotFacts:
    """The facts about a job and its CronJob.

    Args:
        project: the job's project, as it is now.
        job: as it is now.
        deleted: whether the job was deleted since the slot.
        cronjob: the CronJob that the slot belongs to, as it is in the cluster now, None where it is not there.
        runs: the job's runs around the slot.
        outages: when the cluster could not be reached.
        events: the CronJob's Events that warn.
    """

    project: Project
    job: Job
    deleted: bool
    cronjob: Object | None
    runs: Sequence[Run]
    outages: Sequence[Outage]
    events: Sequence[Object] = ()

    @property
    def limits(self) -> RunLimits:
        """The limits of the job's runs, as they are now."""
        return RunLimits.of(self.project.settings, self.job.settings)


def missed_run(slot: Slot, facts: SlotFacts, alerts: RunAlerts | None, now: datetime) -> Run:
    """Return the run that records a missed slot; for the same job and slot its id is always the same.

    Its name is the name that the Kubernetes Job would have had.
    """
    run = awaited_run(slot, facts.project, facts.job, alerts, f"Missed: {why(slot, facts)}", now)
    missed = {"status": RunStatus.ERROR, "message": None, "error_message": run.message}
    return run.model_copy(update={**lateness.expected_of(facts.job, slot.at), **missed})


def awaited_run(slot: Slot, project: Project, job: Job, alerts: RunAlerts | None, message: str, now: datetime) -> Run:
    """Return the run of a slot that has none, as if it were going to be started."""
    return Run(
        id=miss_id(job.id, slot.at),
        organization_id=job.organization_id,
        project_id=job.project_id,
        job_id=job.id,
        job_name=f"{slot.firing.cronjob_name}-{int(slot.at.timestamp()) // 60}",
        cronjob_name=slot.firing.cronjob_name,
        namespace=project.namespace,
        job_type=job_type(job.settings.command),
        status=RunStatus.PENDING,
        triggered_by=TriggeredBy.SCHEDULED,
        command=job.settings.command,
        scheduled_for=slot.at,
        message=message,
        created_at=now,
        updated_at=now,
        alerts=alerts,
    )


def why(slot: Slot, facts: SlotFacts) -> str:
    """Say why nothing ran at a slot, the most certain reason first."""
    rules = _ALWAYS if slot.in_force else _NOT_IN_FORCE
    return next(text for rule in rules if (text := rule(slot, facts)))


def _vanished(slot: Slot, facts: SlotFacts) -> str | None:
    """Say that the CronJob did start it: its controller records for which slot it last made a Job."""
    last = moment(mapping((facts.cronjob or {}).get("status")).get("lastScheduleTime"))
    # A sync writes that time too, with the time of the last change, so that no earlier slot is started.
    if last != slot.at or last == facts.job.fires_since(facts.project):
        return None
    return (
        "the cluster started it, and its Job was gone before the service saw it; do not delete Jobs by hand, and set "
        "the project's history limits so that they keep Jobs for longer than a minute"
    )


def _refused(slot: Slot, facts: SlotFacts) -> str | None:
    """Say that the cluster did not let the CronJob make a Job; its controller repeats that until the deadline."""
    said = warnings.latest(warnings.read(facts.events), reason="FailedCreate", since=slot.at)
    if said is None:
        return None
    return (
        f"the cluster did not let the CronJob make its Job ({said.message[:LONGEST_REASON]}); raise the quota of the "
        "namespace, or change the policy that forbids it"
    )


def _previous_run(slot: Slot, facts: SlotFacts) -> str | None:
    """Say, under the policy Forbid, which run had not ended when the slot came."""
    if facts.limits.concurrency_policy is not ConcurrencyPolicy.FORBID:
        return None
    for run in facts.runs:
        whose = facts.limits.policy_of
        before = run.job_uid and run.scheduled_for and run.scheduled_for < slot.at
        if before and run.created_at <= slot.at + GRACE and (run.end_time is None or run.end_time > slot.at):
            return (
                f"the run before, {run.id}, was still going, and the {whose}'s concurrency policy is Forbid; "
                "make the command faster, or run it less often"
            )
    return None


def _stopped(slot: Slot, facts: SlotFacts) -> str | None:
    for outage in facts.outages:
        if outage.stopped and outage.until and outage.holds(slot.at):
            return f"the service was stopped from {rfc3339(outage.since)} until {rfc3339(outage.until)}"
    return None


def _outage(slot: Slot, facts: SlotFacts) -> str | None:
    # An outage is seen by the first pass after it began; a slot just before may still have been started late within it.
    for outage in facts.outages:
        begins = outage.since - IN_FORCE_WITHIN
        if not outage.stopped and begins < slot.at and (outage.until is None or slot.at <= outage.until):
            until = f"until {rfc3339(outage.until)}" if outage.until else "since then"
            return (
                f"the cluster could not be reached from {rfc3339(outage.since)} {until}; if it ran nevertheless, "
                "that is not recorded"
            )
    return None


def _rejected(_: Slot, facts: SlotFacts) -> str | None:
    synced = facts.job.synced
    if synced is None or synced.state is not SyncState.ERROR:
        return None
    return f"the cluster rejects the job: {synced.message}"


def _never_synced(slot: Slot, _: SlotFacts) -> str | None:
    if slot.after_pause:
        until = rfc3339(slot.begins + timedelta(seconds=1))
        return f"the CronJob was not resumed in time after the pause that ended at {until}; the job's `sync` says why"
    return f"the CronJob did not follow the change of {rfc3339(slot.begins)} in time; the job's `sync` says why"


def _suspended(slot: Slot, facts: SlotFacts) -> str | None:
    by_hand = "the CronJob was suspended by hand in the cluster; to pause a job set `paused_until`"
    resumed_at = facts.job.synced.resumed_at if facts.job.synced else None
    if resumed_at and slot.at <= resumed_at + GRACE and resumed_at < slot.at + SUSPENDED_FOR:
        return by_hand
    return by_hand if _is_current(slot, facts) and mapping((facts.cronjob or {}).get("spec")).get("suspend") else None


def _removed(slot: Slot, facts: SlotFacts) -> str | None:
    if not _is_current(slot, facts):
        return None
    if facts.cronjob is None:
        return "the CronJob is not in the cluster any more; the next sync creates it again"
    made_at = moment(mapping(facts.cronjob.get("metadata")).get("creationTimestamp"))
    if made_at is None or made_at < slot.at:
        return None
    return f"the CronJob was removed by hand, and created again at {rfc3339(made_at)}"


def _deadline(slot: Slot, facts: SlotFacts) -> str | None:
    if not _is_current(slot, facts):
        return None
    seconds = int(slot.deadline(facts.project.settings.starting_deadline_seconds).total_seconds())
    return (
        f"the cluster did not start it within the starting deadline of {seconds} seconds, as where its controller is "
        "down, or starts only the last of several late slots"
    )


def _unknown(_: Slot, __: SlotFacts) -> str:
    return "the cluster did not start it, and the reason is lost, since the job or its project was changed"


def _is_current(slot: Slot, facts: SlotFacts) -> bool:
    """Return whether the CronJob in the cluster is still the one that should have fired."""
    current = not facts.deleted and facts.project.fires and slot.firing.until is None
    return current and slot.at > facts.job.fires_since(facts.project)


type MissRule = Callable[[Slot, SlotFacts], str | None]

_NOT_IN_FORCE: list[MissRule] = [_vanished, _stopped, _refused, _outage, _rejected, _never_synced]
_ALWAYS: list[MissRule] = [
    _vanished,
    _stopped,
    _refused,
    _previous_run,
    _outage,
    _suspended,
    _removed,
    _deadline,
    _unknown,
]


def cronjob_of(found: Object | None, job: Job) -> Object | None:
    """Return the CronJob if it is this job's, and made by this deployment."""
    there = texts(mapping((found or {}).get("metadata")).get("labels"))
    return found if there.get(labels.JOB_ID) == job.id and not labels.is_of_another(there) else None
