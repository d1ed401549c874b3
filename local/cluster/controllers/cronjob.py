"""Decides what to do for a CronJob at a given time, as Kubernetes' CronJob controller v2 does, without I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from local.cluster.clock import timestamp
from local.cluster.controllers.objects import Object, controller_reference, finished, time_in
from local.cluster.controllers.recorder import Note
from local.cluster.controllers.slots import counts_from_last, missed, slots

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_HISTORY_DEFAULTS = {"Complete": ("successfulJobsHistoryLimit", 3), "Failed": ("failedJobsHistoryLimit", 1)}


@dataclass(frozen=True)
class Start:
    """A Job to create, and its slot."""

    job: Object
    slot: datetime


@dataclass(frozen=True)
class Decision:
    """The steps to take, in this order: delete Jobs by name, start one, write the status, decide again at `wake_at`."""

    status: Object
    delete: tuple[str, ...] = ()
    start: Start | None = None
    notes: tuple[Note, ...] = field(default=())
    wake_at: datetime | None = None


def decide(cronjob: Object, jobs: Sequence[Object], now: datetime) -> Decision:
    """Decide for a CronJob and every Job that it controls (syncCronJob and cleanupFinishedJobs)."""
    status, notes = _seen(cronjob.get("status", {}), jobs)
    decision = Decision(status, _beyond_history(cronjob["spec"], jobs), notes=notes)
    if cronjob["metadata"].get("deletionTimestamp") or cronjob["spec"].get("suspend"):
        return decision
    try:
        return _run_if_due(cronjob, decision, now)
    except ValueError as error:
        note = Note("Warning", "UnparseableSchedule", f"unparseable schedule: {cronjob['spec']['schedule']}: {error}")
        return replace(decision, notes=(*notes, note))


def next_wake(cronjob: Object, now: datetime) -> datetime | None:
    """Return the first slot after `now`; None if the CronJob never runs again, or its schedule is not readable."""
    try:
        return next(slots(cronjob["spec"], _anchor(cronjob, now)), None)
    except ValueError:
        return None


def started(status: Object, job: Object, slot: datetime) -> Object:
    """Return the status after the stored `job` was created for its slot, or was found to exist."""
    active = [one for one in status.get("active", []) if one["uid"] != job["metadata"]["uid"]]
    if not finished(job):
        active.append(_reference(job))
    return _with_active({**status, "lastScheduleTime": timestamp(slot)}, active)


def _run_if_due(cronjob: Object, decision: Decision, now: datetime) -> Decision:
    """Add the Job of the latest missed slot, unless the slot has its Job already or may not run now."""
    status = decision.status
    later = replace(decision, wake_at=next_wake(cronjob, now))
    due = missed(cronjob["spec"], _earliest(cronjob, now), now)
    if due.latest is None:
        return later
    if due.too_many:
        advice = "Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        later = _with_event(later, "Warning", "TooManyMissedTimes", f"too many missed start times. {advice}")
    # The name is the lock: even if the status was lost, a slot's Job cannot be created twice while it exists.
    name = job_name(cronjob, due.latest)
    had = time_in(status, "lastScheduleTime") == due.latest
    if had or any(one["name"] == name for one in status.get("active", [])):
        return later
    return _started_under_policy(cronjob, later, due.latest)


def _started_under_policy(cronjob: Object, decision: Decision, slot: datetime) -> Decision:
    active = decision.status.get("active", [])
    policy = cronjob["spec"].get("concurrencyPolicy", "Allow")
    if active and policy == "Forbid":
        # The slot is not lost: when the running Job ends, it is decided again, within its starting deadline.
        why = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return _with_event(decision, "Normal", "JobAlreadyActive", why)
    start = Start(job_for(cronjob, slot), slot)
    if policy != "Replace":
        return replace(decision, start=start)
    replaced = tuple(one["name"] for one in active)
    status = _with_active(decision.status, [])
    return replace(decision, start=start, status=status, delete=(*decision.delete, *replaced))


def job_name(cronjob: Object, slot: datetime) -> str:
    """Return the name of a slot's Job: the CronJob's name and the slot in minutes since 1970."""
    return f"{cronjob['metadata']['name']}-{int(slot.timestamp()) // 60}"


def job_for(cronjob: Object, slot: datetime) -> Object:
    """Build the Job of a slot from the jobTemplate (getJobFromTemplate2)."""
    template, zone = cronjob["spec"]["jobTemplate"], cronjob["spec"].get("timeZone")
    metadata = template.get("metadata", {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(cronjob, slot),
            "namespace": cronjob["metadata"]["namespace"],
            "labels": dict(metadata.get("labels") or {}),
            "annotations": {**(metadata.get("annotations") or {}), SCHEDULED_AT: _in_zone(slot, zone)},
            "ownerReferences": [controller_reference(cronjob, "batch/v1", "CronJob")],
        },
        "spec": template["spec"],
    }


def _in_zone(slot: datetime, zone: str | None) -> str:
    local = slot.astimezone(ZoneInfo(zone) if zone else UTC)
    return local.isoformat(timespec="seconds").replace("+00:00", "Z")


def _anchor(cronjob: Object, now: datetime) -> datetime:
    """Return the time from which the next slot is counted: `now`, except for @every (nextScheduleTimeDuration)."""
    if not counts_from_last(cronjob["spec"]):
        return now
    since = time_in(cronjob.get("status", {}), "lastScheduleTime") or time_in(cronjob["metadata"], "creationTimestamp")
    return missed(cronjob["spec"], since, now).latest or since if since else now


def _earliest(cronjob: Object, now: datetime) -> datetime:
    """Return the time after which slots count as missed; slots before it, or past their deadline, do not."""
    since = time_in(cronjob.get("status", {}), "lastScheduleTime") or time_in(cronjob["metadata"], "creationTimestamp")
    deadline = cronjob["spec"].get("startingDeadlineSeconds")
    if deadline is None:
        return since or now
    horizon = now - timedelta(seconds=deadline)
    return max(since or horizon, horizon)


def _seen(status: Object, jobs: Sequence[Object]) -> tuple[Object, tuple[Note, ...]]:
    """Remove Jobs that ended or were deleted from the active list, and store the time of the latest success."""
    by_uid = {job["metadata"]["uid"]: job for job in jobs}
    active, notes = [], []
    for one in status.get("active", []):
        job = by_uid.get(one["uid"])
        if job is None:
            notes.append(Note("Normal", "MissingJob", f"Active job went missing: {one['name']}"))
        elif kind := finished(job):
            notes.append(Note("Normal", "SawCompletedJob", f"Saw completed job: {one['name']}, condition: {kind}"))
        else:
            active.append(one)
    known = {one["uid"] for one in status.get("active", [])}
    for job in jobs:
        if job["metadata"]["uid"] not in known and not finished(job):
            # The Job was created just before a crash that lost the status, or somebody created it with this owner.
            message = f"Saw a job that the controller did not create or forgot: {job['metadata']['name']}"
            notes.append(Note("Warning", "UnexpectedJob", message))
    successes = [job["status"]["completionTime"] for job in jobs if finished(job) == "Complete"]
    latest = max([*successes, status.get("lastSuccessfulTime", "")])
    seen = {**status, "lastSuccessfulTime": latest} if latest else dict(status)
    return _with_active(seen, active), tuple(notes)


def _beyond_history(spec: Object, jobs: Sequence[Object]) -> tuple[str, ...]:
    """Return the names of the oldest ended Jobs beyond the history limits."""
    names: list[str] = []
    for kind, (limit_field, default) in _HISTORY_DEFAULTS.items():
        ended = [job for job in jobs if finished(job) == kind]
        limit = spec.get(limit_field, default)
        ended.sort(key=lambda job: (job["status"].get("startTime", "~"), job["metadata"]["name"]))
        names += [job["metadata"]["name"] for job in ended[: max(len(ended) - limit, 0)]]
    return tuple(names)


def _reference(job: Object) -> Object:
    metadata = job["metadata"]
    return {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        **({"resourceVersion": metadata["resourceVersion"]} if "resourceVersion" in metadata else {}),
    }


def _with_active(status: Object, active: list[Object]) -> Object:
    """Set the active list, or remove it if it is empty, as Go's omitempty does."""
    rest = {key: value for key, value in status.items() if key != "active"}
    return {"active": active, **rest} if active else rest


def _with_event(decision: Decision, kind: str, reason: str, message: str) -> Decision:
    return replace(decision, notes=(*decision.notes, Note(kind, reason, message)))
