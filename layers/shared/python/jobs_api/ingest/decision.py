"""What becomes of a run, given what the cluster shows: facts in, decision out; `ingester` does what is decided.

Seen twice, late or in any order, the same facts lead to the same run: its id is the Job's, its status only moves
forward, and an end is final.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobs_api.k8s import failure_reason, labels, manifests, pod_status, warnings
from jobs_api.k8s.failure_reason import Cause, cause_of
from jobs_api.k8s.job_status import Outcome, duration_seconds, end_of, finished, is_ready, outcome
from jobs_api.k8s.pod_status import Object
from jobs_api.k8s.run_identity import accounts_for, cronjob_name_of, labels_of, run_id_of, slot_of, triggered_by_of
from jobs_api.logs.excerpt import excerpt, remarks
from jobs_api.model import commands
from jobs_api.model.document import rfc3339
from jobs_api.model.run import LONGEST_OPEN, Run, RunStatus, StoredLog

# How long an image may be missing or a secret be unknown, from when a node took the pod: the kubelet tries at 0, 10, 30
# and 70 seconds, so a registry that hiccups costs nothing, and nobody waits a day for an image that does not exist.
STUCK_AFTER = timedelta(seconds=60)
# How long a node may try to set up a pod, and the cluster refuse to make one, each with a reason that Events tell.
NOTHING_AFTER = timedelta(minutes=5)
# How long a Job may have no pod where nobody says why, as while its controller is down.
SILENT_AFTER = timedelta(minutes=15)
# How long before its Job's deadline a run is given up that has not started: two ticks.
LAST_LOOK = timedelta(minutes=2)
# How long a run that could not be launched is tried again.
LAUNCH_FOR = timedelta(hours=1)
# How long a run's Job may be missing before it is believed gone.
GONE_AFTER = timedelta(minutes=2)
# How long a log that cannot be read is asked for again, from the end of its run.
LOG_WITHIN = timedelta(minutes=10)

# How long a Job may stay unfinished beyond its deadline, as where its node is lost and nobody confirms the end.
OVERDUE_AFTER = timedelta(minutes=10)
UNSCHEDULED = timedelta(seconds=manifests.UNSCHEDULED_SECONDS)

# Of the log of an init container that failed: as much as its end may fill of a message.
QUOTED_LINES = 3
QUOTED_CHARACTERS = 200


_PROGRESS = [RunStatus.PENDING, RunStatus.RUNNING]
# What a terminal takes for colours and the like; of others the escape alone goes.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True)
class Decision:
    """What to do about a run, in this order: replace its Job, store its pod's log, write the run, end its Job.

    Before the log of a run that was never seen is stored, it is written that there is such a run. A Job that is to end
    with its run takes its pod along, so it ends last; `quotes` names another container whose log says why nothing ran.
    """

    run: Run | None = None
    wants_log: bool = False
    job: Object | None = None
    quotes: str | None = None
    ends_job: bool = False


NO_CHANGE = Decision()


def is_settled(job: Object, run: Run) -> bool:
    """Tell whether nothing more can come of a Job and its run."""
    return run.status.ended and finished(job)


def is_forgotten(job: Object, kept: timedelta, now: datetime) -> bool:
    """Tell whether a Job's run was removed by its age, and is not to be made anew: somebody took the Job's TTL away.

    Args:
        job: as the cluster shows it.
        kept: how long runs are kept after their end.
        now: aware.
    """
    made_at = pod_status.moment(job["metadata"]["creationTimestamp"])
    return made_at is not None and made_at + LONGEST_OPEN + kept <= now


def wants_pod(job: Object, run: Run | None, now: datetime) -> bool:
    """Tell whether the Job's pod has something to say that its run does not know."""
    if run is None or run.status is RunStatus.PENDING or finished(job):
        return run is None or not run.status.ended
    return not run.status.ended and (not is_ready(job) or has_outlived(job, now))


def decide(
    job: Object,
    pod: Object | None,
    run: Run | None,
    organization_id: str,
    now: datetime,
    events: Sequence[Object] = (),
) -> Decision:
    """Decide over the run of a Job.

    Args:
        job: as the cluster shows it.
        pod: its newest pod, None where it has none or `wants_pod` said that it would tell nothing.
        run: as it is stored, None where it is not.
        organization_id: whose namespace the Job was found in.
        now: aware.
        events: those of the object that `wants_events_of` names, as far as they are known.
    """
    known = run or _new_run(job, organization_id, now)
    if not accounts_for(job, known):
        return NO_CHANGE
    if known.status.ended:
        return _ended_before_its_job(job, known)
    seen = outcome(job, pod, now=now)
    if not finished(job) and not seen.status.ended and (cause := _hopeless(job, pod, events, known, now)):
        return _given_up(cause, job, pod, known, now)
    if has_outlived(job, now) and not seen.status.ended:
        return _outlived(job, known, seen, now)
    if _never_ran(seen, known):
        cause = failure_reason.cause_of_nothing(
            job, warnings.latest(events) or (pod_status.waited_for(pod) if pod else None)
        )
        seen = replace(seen, reason=cause.reason, message=cause.message)
    return _progressed(job, pod, seen, run, known, now)


def wants_events_of(job: Object, pod: Object | None, run: Run | None, now: datetime) -> str | None:
    """Return the UID of the object whose Events say why nothing runs, once that has gone on for too long; else None.

    They are asked for when a run is about to be given up, and mostly once.
    """
    if run and run.status.ended:
        return None
    if is_without_sandbox(pod, now):
        return str(pod["metadata"]["uid"]) if pod else None
    ran = run is not None and run.status is not RunStatus.PENDING
    if (
        pod
        or ran
        or not (_is_without_pod(job, run, NOTHING_AFTER, now) or outcome(job, None).reason == pod_status.DEADLINE)
    ):
        return None
    return str(job["metadata"]["uid"])


def is_without_sandbox(pod: Object | None, now: datetime) -> bool:
    """Tell whether a node has tried for too long to set up a pod."""
    taken_at = pod_status.moment(pod.get("status", {}).get("startTime")) if pod else None
    return bool(pod and taken_at and pod_status.has_no_sandbox(pod) and now - taken_at >= NOTHING_AFTER)


def _hopeless(job: Object, pod: Object | None, events: Sequence[Object], run: Run, now: datetime) -> Cause | None:
    """Say why a run will not start, where it has waited long enough for what will not come."""
    if pod and is_stuck(pod, now):
        return cause_of(job, pod)
    if is_without_sandbox(pod, now):
        unsaid = pod_status.Waiting("PodNotReadyToStartContainers", "its sandbox, network or volumes are not there")
        return failure_reason.cause_of_no_sandbox(job, warnings.latest(events) or unsaid)
    if pod and (waits := pod_status.waiting(pod)) and not pod_status.is_terminal(pod) and _is_nearly_over(job, now):
        return failure_reason.cause_of_nothing(job, waits)
    if pod is None and _is_without_pod(job, run, SILENT_AFTER, now):
        unsaid = pod_status.Waiting("NoPod", "the Job controller has made none, and does not say why")
        return failure_reason.cause_of_no_pod(warnings.latest(events, since=run.start_time) or unsaid)
    refused = warnings.latest(events, reason="FailedCreate", since=run.start_time)
    if pod is None and refused and _is_without_pod(job, run, NOTHING_AFTER, now):
        return failure_reason.cause_of_no_pod(refused)
    return None


def _is_nearly_over(job: Object, now: datetime) -> bool:
    """Tell whether a Job's deadline is about to end it, and to take along the pod that says why it has not started."""
    deadline, since = (
        job["spec"].get("activeDeadlineSeconds"),
        pod_status.moment(job.get("status", {}).get("startTime")),
    )
    return bool(deadline and since and now >= since + timedelta(seconds=deadline) - LAST_LOOK)


def _is_without_pod(job: Object, run: Run | None, after: timedelta, now: datetime) -> bool:
    """Tell whether a Job has had no pod for so long, as far as it says itself.

    One whose pod ran, was taken away and cannot be replaced has been without one since nobody knows when: it is left to
    its deadline.
    """
    status = job.get("status", {})
    since = pod_status.moment(status.get("startTime")) or pod_status.moment(job["metadata"]["creationTimestamp"])
    waits = not finished(job) and not status.get("active") and not job["spec"].get("suspend")
    never = run is None or (run.status is RunStatus.PENDING and run.pod_name is None)
    return bool(waits and never and since and now - since >= after)


def _never_ran(seen: Outcome, run: Run) -> bool:
    """Tell whether a deadline ended what had never started."""
    pending = run.status is RunStatus.PENDING and not seen.has_run
    return pending and seen.status is RunStatus.ERROR and seen.reason == pod_status.DEADLINE


def _progressed(job: Object, pod: Object | None, seen: Outcome, run: Run | None, known: Run, now: datetime) -> Decision:
    """Move a run on to what is seen of it, where that is further."""
    if seen.status.ended:
        ran = seen.has_run or RunStatus.SUCCESS is seen.status or RunStatus.RUNNING is known.status
        failed_init = pod_status.failed_init(pod) if pod else None
        return Decision(
            _ended(known, seen, job, now),
            wants_log=ran,
            quotes=failed_init["name"] if failed_init else None,
            ends_job=not finished(job),
        )
    if run is None or _PROGRESS.index(seen.status) > _PROGRESS.index(known.status):
        return Decision(_moved(known, seen, job, now))
    return NO_CHANGE


def is_stuck(pod: Object, now: datetime) -> bool:
    """Tell whether a pod has waited long enough for what will not come."""
    waits = pod_status.waiting(pod)
    taken_at = pod_status.moment(pod.get("status", {}).get("startTime"))
    return bool(waits and waits.hopeless and taken_at and now - taken_at >= STUCK_AFTER)


def has_outlived(job: Object, now: datetime) -> bool:
    """Tell whether a Job is still unfinished long after its deadline; one that somebody suspended never starts."""
    deadline = job["spec"].get("activeDeadlineSeconds")
    since = pod_status.moment(job.get("status", {}).get("startTime")) or pod_status.moment(
        job["metadata"]["creationTimestamp"]
    )
    if finished(job) or deadline is None or since is None:
        return False
    return now >= since + timedelta(seconds=deadline) + OVERDUE_AFTER


def gone(run: Run, now: datetime) -> Run | None:
    """Return how a run ends whose Job is not in the cluster; None while it is too early to tell."""
    if run.status.ended or now - run.updated_at < GONE_AFTER:
        return None
    return _failed(
        run,
        f"The Kubernetes Job {run.job_name} disappeared before anybody saw how it ended: deleted by hand, or lost with "
        "its namespace. Run it again",
        now,
    )


def replaced(run: Run, newer: Mapping[datetime, datetime]) -> Run | None:
    """Return how a run ends whose Job is gone because the next slot's took its place; None where there is none such.

    Under the policy Replace the CronJob controller deletes the Job that goes on, and then makes the next.

    Args:
        run: as it is stored, its Job gone from the cluster.
        newer: for each slot of the job that has a Job, when that was made.
    """
    if run.status.ended or run.scheduled_for is None:
        return None
    later = sorted((slot, made_at) for slot, made_at in newer.items() if slot > run.scheduled_for)
    if not later:
        return None
    slot, made_at = later[0]
    message = (
        f"The run of {rfc3339(slot)} took its place while it was still going, as far as anybody saw: the project's "
        "concurrency policy is Replace; make the command faster or the schedule wider"
    )
    return _failed(run, message, made_at).model_copy(update={"updated_at": max(run.updated_at, made_at)})


def not_launched(run: Run, now: datetime, *, refused: str | None = None) -> Run | None:
    """Return how a run ends that the cluster refused, or did not take for an hour; None while it is worth trying.

    Args:
        run: as it is stored, still to be launched.
        now: aware.
        refused: what the cluster said where trying again cannot help.
    """
    if refused:
        return _failed(run, f"The cluster refused the run, so it could not be launched: {refused}", now)
    if now - run.created_at < LAUNCH_FOR:
        return None
    return _failed(
        run, "The cluster did not take the run for an hour, so it could not be launched; trigger it again", now
    )


def overdue(run: Run, deadline: timedelta | None, now: datetime) -> Run | None:
    """Return how a run ends whose cluster cannot be asked; None while the cluster may still come back in time.

    Args:
        run: as it is stored, not ended.
        deadline: how long its project lets a run take, None where the project is gone.
        now: aware.
    """
    if run.launch:
        return not_launched(run, now)
    if now - run.created_at < (deadline or timedelta()) + UNSCHEDULED + OVERDUE_AFTER + LAUNCH_FOR:
        return None
    return _failed(
        run,
        "The cluster could not be reached until long after the run's deadline, so nobody saw how it ended; run it "
        "again once the cluster is back",
        now,
    )


def begun(run: Run) -> Run:
    """Return a run whose command has ended as it was while that went on: what is known of it before its log is kept."""
    ended = ("end_time", "duration_seconds", "exit_code", "error_message", "message")
    return run.model_copy(update={**dict.fromkeys(ended), "status": RunStatus.RUNNING})


def with_log(run: Run, log: StoredLog, end: str) -> Run:
    """Return an ended run with where its log is and what that says of its end: why it failed, what was running.

    Args:
        run: ended.
        log: where it is stored.
        end: the end of its text.
    """
    if run.status is RunStatus.SUCCESS:
        return run.model_copy(update={"log": log, "message": remarks(end) or None})
    told = excerpt(end, own=(run.job_name, run.cronjob_name, run.pod_name or "", run.id))
    if run.status is not RunStatus.FAILED:
        running = f"It was running {', '.join(told.running)}" if told.running else None
        return run.model_copy(update={"log": log, "message": running})
    message = f"{run.error_message}: {told.said}" if told.said else run.error_message
    return run.model_copy(update={"log": log, "error_message": message, "cause": told.cause or None})


def quoting(run: Run, log: str) -> Run:
    """Return a run that never started with the end of the log of what kept it from that."""
    plain = "".join(letter for letter in _ESCAPES.sub("", log) if letter.isprintable() or letter == "\n")
    lines = [line.strip() for line in plain.split("\n") if line.strip()][-QUOTED_LINES:]
    told = " | ".join(line[:QUOTED_CHARACTERS] for line in lines)
    return run.model_copy(update={"error_message": f"{run.error_message}: {told}"}) if told else run


def _given_up(cause: Cause, job: Object, pod: Object | None, run: Run, now: datetime) -> Decision:
    """End a run that cannot start, and its Job with it, so that it does not start later behind everybody's back.

    A deadline may be changed while a Job goes on; one that has passed ends it and leaves it there to be seen.
    """
    seen = Outcome(
        cause.status,
        start_time=pod_status.moment(job.get("status", {}).get("startTime")),
        end_time=now,
        message=cause.message,
        pod_name=pod["metadata"]["name"] if pod else None,
    )
    return Decision(_ended(run, seen, job, now), job=_stopped(job, f"{cause.reason}: {cause.message}"))


def _outlived(job: Object, run: Run, seen: Outcome, now: datetime) -> Decision:
    """End a run that its deadline should have ended: its node may be lost, or somebody suspended its Job."""
    message = (
        "Its deadline passed long ago, and the cluster has not ended it: its node may be lost, or the Job suspended"
    )
    after = replace(seen, status=RunStatus.ERROR, end_time=now, message=f"{message}; see to it, and run it again")
    ran = seen.has_run or run.status is RunStatus.RUNNING
    return Decision(
        _ended(run, after, job, now), wants_log=ran, job=_stopped(job, f"{pod_status.DEADLINE}: {after.message}")
    )


def stopped_with(run: Run, job: Object) -> Object:
    """Return the Job of a run that has ended as it ends too, at a deadline that has passed; its pod goes with it.

    Its command had ended, and a sidecar stayed; or nobody could launch it or reach the cluster, and it runs though.
    """
    return _stopped(job, f"{pod_status.DEADLINE}: {run.error_message or 'the command had ended'}", end_of(run))


def _ended_before_its_job(job: Object, run: Run) -> Decision:
    """End the Job of a run that has ended, where whoever wrote that was cut off before."""
    going = not finished(job) and labels.STOPPED not in (job["metadata"].get("annotations") or {})
    return Decision(job=stopped_with(run, job)) if going else NO_CHANGE


def _stopped(job: Object, why: str, end: str | None = None) -> Object:
    told = {labels.STOPPED: why} | ({labels.COMMAND_END: end} if end else {})
    return {
        **job,
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**job["metadata"], "annotations": {**(job["metadata"].get("annotations") or {}), **told}},
        "spec": {**job["spec"], "activeDeadlineSeconds": 1},
    }


def _new_run(job: Object, organization_id: str, now: datetime) -> Run:
    """Return the run that a Job is, before anything is known of how it goes."""
    metadata, ours = job["metadata"], labels_of(job)
    annotations = metadata.get("annotations") or {}
    command = annotations.get(labels.COMMAND)
    return Run(
        id=run_id_of(job),
        organization_id=organization_id,
        project_id=ours[labels.PROJECT_ID],
        job_id=ours[labels.JOB_ID],
        job_name=metadata["name"],
        cronjob_name=cronjob_name_of(job),
        namespace=metadata["namespace"],
        job_type=annotations.get(labels.JOB_TYPE) or (commands.job_type(command) if command else "run"),
        status=RunStatus.PENDING,
        triggered_by=triggered_by_of(job),
        command=command,
        scheduled_for=slot_of(job),
        created_at=pod_status.moment(metadata["creationTimestamp"]) or now,
        updated_at=now,
        job_uid=metadata["uid"],
    )


def _moved(run: Run, seen: Outcome, job: Object, now: datetime) -> Run:
    return run.model_copy(
        update={
            "status": seen.status,
            "job_uid": job["metadata"]["uid"],
            "start_time": seen.start_time or run.start_time,
            "pod_name": seen.pod_name or run.pod_name,
            "updated_at": now,
        }
    )


def _ended(run: Run, seen: Outcome, job: Object, now: datetime) -> Run:
    start_time = seen.start_time if seen.has_run or run.start_time is None else run.start_time
    return _moved(run, seen, job, now).model_copy(
        update={
            "start_time": start_time,
            "end_time": seen.end_time,
            "duration_seconds": duration_seconds(start_time, seen.end_time) if start_time and seen.end_time else None,
            "exit_code": seen.exit_code,
            "error_message": seen.message,
        }
    )


def _failed(run: Run, message: str, now: datetime) -> Run:
    """End a run that the cluster knows nothing of; when it really ended is unknown."""
    return run.model_copy(
        update={
            "status": RunStatus.ERROR,
            "end_time": now,
            "duration_seconds": duration_seconds(run.start_time, now) if run.start_time else None,
            "error_message": message,
            "updated_at": now,
        }
    )
