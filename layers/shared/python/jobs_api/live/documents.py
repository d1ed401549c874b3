"""The answers of `GET /jobs` and the other live calls: documents made from observed Jobs and Pods."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from heapq import nlargest
from typing import Self

from jobs_api.k8s import failure_reason, labels, pod_logs
from jobs_api.k8s.job_status import Outcome, outcome
from jobs_api.k8s.json_fields import ZERO_TIME
from jobs_api.k8s.observed import Observed
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.model import names
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.redaction.masking import shown


class LiveStatus(StrEnum):
    """The state of a Job; a cancelled run is an `error` here, since something else ended its command."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    ERROR = "error"

    @classmethod
    def of(cls, status: RunStatus) -> "LiveStatus":
        """Return the state of a Job, by the status of its run."""
        return cls.ERROR if status is RunStatus.CANCELLED else cls(status.value)


class LiveJob(Document):
    """A Kubernetes Job of this service."""

    id: str
    project: str
    status: LiveStatus
    start_time: Timestamp
    end_time: Absent[Timestamp] = None
    duration_seconds: Absent[float] = None
    job_id: Absent[str] = None
    run_id: Absent[str] = None
    cronjob_name: Absent[str] = None
    triggered_by: Absent[TriggeredBy] = None

    @classmethod
    def of(cls, job: Observed, seen: Outcome) -> Self:
        """Show a Job with the state of its run."""
        return cls(**_live_fields(job, seen))


class LiveJobDetail(LiveJob):
    """A Kubernetes Job of this service, with Kubernetes' `reason` for its state."""

    namespace: str
    command: Absent[str] = None
    pod_name: Absent[str] = None
    exit_code: Absent[int] = None
    reason: Absent[str] = None
    message: Absent[str] = None

    @classmethod
    def of(cls, job: Observed, seen: Outcome) -> Self:
        """Show a Job in detail."""
        return cls(
            **_live_fields(job, seen),
            namespace=job.namespace,
            command=_shown_or_none(job.command),
            pod_name=seen.pod_name,
            exit_code=seen.exit_code,
            reason=seen.reason,
            message=_shown_or_none(seen.message),
        )


class LiveJobList(Document):
    """Live Jobs, newest first; `total` counts all that match, also beyond the limit.

    If the namespace has more Jobs than one call reads, `truncated` is true, and the list and `total` cover only those
    that were read.
    """

    jobs: list[LiveJob]
    total: int
    truncated: Absent[bool] = None


class LiveLogs(Document):
    """The last lines of a live Job's log; `message` says why there are none."""

    job_name: str
    pod_name: Absent[str] = None
    logs: str
    tail: int
    status: LiveStatus
    message: Absent[str] = None


def jobs_selector(organization_id: str, project: str | None = None) -> str:
    """Return the label selector for an organization's Jobs, or those of the project with this name."""
    wanted = {labels.ORGANIZATION: organization_id}
    return labels.selector(wanted | ({labels.PROJECT: names.label(project)} if project else {}))


def is_of_organization(job: Observed, organization_id: str) -> bool:
    """Return whether a Job was made by this deployment for this organization."""
    ours = labels.is_ours(job.labels) and job.labels.get(labels.ORGANIZATION) == organization_id
    return bool(ours and job.project_id and job.job_id)


def outcome_of(job: Observed, run: Run | None, now: datetime) -> Outcome:
    """Return the state of a Job's run: as recorded, once the run has ended; until then, as the cluster shows it.

    The record may say more than the cluster does now: a drained node deletes the Pod that says how the command ended.

    Args:
        job: with its newest Pod, where it has one and the record is not enough; and with the warnings about a run that
            has not started.
        run: its run, None where there is none yet.
        now: aware.
    """
    seen = outcome(job, now=now)
    if run is None or not has_record(job, run):
        return seen
    agrees = seen.status is run.status and not (job.pod is None and seen.reason == failure_reason.POD_GONE)
    return Outcome(
        run.status,
        has_run=run.start_time is not None and run.exit_code is not None,
        start_time=run.start_time,
        end_time=run.end_time,
        exit_code=run.exit_code,
        reason=seen.reason if agrees else None,
        message=_reason_ended(run),
        pod_name=run.pod_name or seen.pod_name,
    )


def _reason_ended(run: Run) -> str | None:
    """Say why a run ended; for a cancelled run, the reason that somebody gave."""
    if run.status is not RunStatus.CANCELLED:
        return run.error_message
    return f"The run was cancelled: {run.cancel_reason}" if run.cancel_reason else "The run was cancelled"


def has_record(job: Observed, run: Run | None) -> bool:
    """Return whether the end of a Job's run is recorded."""
    return run is not None and run.status.ended and job.is_of(run)


def may_have_ended(job: Observed) -> bool:
    """Return whether a Job's run may be recorded as ended: Kubernetes has finished it, or ingest has stopped it."""
    return job.finished or bool(job.stopped)


def may_be(job: Observed, status: LiveStatus | None) -> bool:
    """Return whether a Job can have this status, as far as it says without its Pod and its run; None means any.

    A complete Job is a success. A failed Job may be one too, where a sidecar failed, and so may an open Job.
    """
    if status is None:
        return True
    if job.complete:
        return status is LiveStatus.SUCCESS
    return RunStatus(status.value).ended or not job.finished


def newest_jobs(jobs: Iterable[Observed], limit: int) -> list[Observed]:
    """Return the newest `limit` Jobs, newest first."""
    return nlargest(limit, jobs, key=lambda job: (job.created_at or ZERO_TIME, job.name))


def without_logs(job: Observed, seen: Outcome, tail: int) -> LiveLogs:
    """Answer for a Job without a log, with the reason."""
    why = f"{seen.reason}: {seen.message}" if seen.reason and seen.message else seen.message or seen.reason
    return LiveLogs(
        job_name=job.name,
        pod_name=seen.pod_name,
        logs="",
        tail=tail,
        status=LiveStatus.of(seen.status),
        message=_shown_or_none(why) or "The pod is gone, and its log was not stored",
    )


def read_logs(job: Observed, pod: ObservedPod, seen: Outcome, logs: str, tail: int) -> LiveLogs:
    """Answer with the log of a Job's Pod."""
    none = pod_logs.is_excuse(logs, pod)
    return LiveLogs(
        job_name=job.name,
        pod_name=pod.name,
        logs="" if none else logs,
        tail=tail,
        status=LiveStatus.of(seen.status),
        message=pod_logs.why_no_log(pod) if none else None,
    )


def stored_logs(run: Run, logs: str, tail: int) -> LiveLogs:
    """Answer for a Job whose Pod is gone, with the stored log of its run."""
    return LiveLogs(
        job_name=run.job_name,
        pod_name=run.pod_name,
        logs=logs,
        tail=tail,
        status=LiveStatus.of(run.status),
        message=run.log_note,
    )


def _shown_or_none(text: str | None) -> str | None:
    return shown(text) if text else text


def _live_fields(job: Observed, seen: Outcome) -> dict[str, object]:
    return {
        "id": job.name,
        "project": job.labels.get(labels.PROJECT, ""),
        "status": LiveStatus.of(seen.status),
        "start_time": seen.start_time or job.going_since,
        "end_time": seen.end_time,
        "duration_seconds": seen.duration_seconds,
        "job_id": job.job_id,
        "run_id": job.run_id,
        "cronjob_name": job.cronjob_name,
        "triggered_by": job.triggered_by,
    }
