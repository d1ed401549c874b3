"""What is in the cluster now, as `GET /jobs` and its kin show it: documents made from raw Jobs and Pods."""

from collections.abc import Iterable
from datetime import datetime
from heapq import nlargest
from typing import Self

from jobs_api.k8s import failure_reason, labels, pod_logs, pod_status, run_identity
from jobs_api.k8s.job_status import Outcome, finished, outcome
from jobs_api.k8s.pod_status import Object, Waiting
from jobs_api.model import names
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.redaction.masking import shown


class LiveJob(Document):
    """A Kubernetes Job of this service."""

    id: str
    project: str
    status: RunStatus
    start_time: Timestamp
    end_time: Absent[Timestamp] = None
    duration_seconds: Absent[float] = None
    job_id: Absent[str] = None
    run_id: Absent[str] = None
    cronjob_name: Absent[str] = None
    triggered_by: Absent[TriggeredBy] = None

    @classmethod
    def of(cls, job: Object, seen: Outcome) -> Self:
        """Show a Job, and how its run stands."""
        return cls(**_told(job, seen))


class LiveJobDetail(LiveJob):
    """A Kubernetes Job of this service, and why it stands as it does: `reason` is Kubernetes' word for it."""

    namespace: str
    command: Absent[str] = None
    pod_name: Absent[str] = None
    exit_code: Absent[int] = None
    reason: Absent[str] = None
    message: Absent[str] = None

    @classmethod
    def of(cls, job: Object, seen: Outcome) -> Self:
        """Show a Job in detail."""
        metadata = job["metadata"]
        return cls(
            **_told(job, seen),
            namespace=metadata["namespace"],
            command=_shown((metadata.get("annotations") or {}).get(labels.COMMAND)),
            pod_name=seen.pod_name,
            exit_code=seen.exit_code,
            reason=seen.reason,
            message=_shown(seen.message),
        )


class LiveJobList(Document):
    """Live Jobs, newest first; `total` counts all that match, beyond the limit too.

    Of a namespace that holds more than one call reads, `truncated` is true, and what is shown and counted is of the
    part that was read.
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
    status: RunStatus
    message: Absent[str] = None


def selector(organization_id: str, project: str | None = None) -> str:
    """Return the label selector for an organization's Jobs, or those of the project with this name."""
    wanted = {labels.ORGANIZATION: organization_id}
    return labels.selector(wanted | ({labels.PROJECT: names.label(project)} if project else {}))


def is_ours(job: Object, organization_id: str) -> bool:
    """Tell whether a Job was made by this deployment for this organization."""
    found = job["metadata"].get("labels") or {}
    return labels.is_ours(found) and found.get(labels.ORGANIZATION) == organization_id and run_identity.is_run(job)


def standing(job: Object, pod: Object | None, run: Run | None, now: datetime, said: Waiting | None = None) -> Outcome:
    """Tell how a Job's run stands: as its record says, once that is an end, and till then as the cluster shows it.

    The record was made when there was more to be seen: a drained node takes the pod along that tells how it ended.

    Args:
        job: as the cluster shows it.
        pod: its newest, None where it has none or the record is enough.
        run: its run, None where there is none yet.
        now: aware.
        said: what Events say of a run that has not started.
    """
    seen = outcome(job, pod, said, now=now)
    if run is None or not has_record(job, run):
        return seen
    agrees = seen.status is run.status and not (pod is None and seen.reason == failure_reason.POD_GONE)
    return Outcome(
        run.status,
        has_run=run.start_time is not None and run.exit_code is not None,
        start_time=run.start_time,
        end_time=run.end_time,
        exit_code=run.exit_code,
        reason=seen.reason if agrees else None,
        message=run.error_message,
        pod_name=run.pod_name or seen.pod_name,
    )


def has_record(job: Object, run: Run | None) -> bool:
    """Tell whether it is recorded how a Job's run ended."""
    return run is not None and run.status.ended and run_identity.accounts_for(job, run)


def may_have_ended(job: Object) -> bool:
    """Tell whether a Job's run may be recorded as ended: Kubernetes is done with it, or ingest has stopped it."""
    return finished(job) or labels.STOPPED in (job["metadata"].get("annotations") or {})


def may_be(job: Object, status: RunStatus | None) -> bool:
    """Tell whether a Job can have this status, as far as it says without its pod and its run; None is any.

    One that is complete is a success. One that failed may be one too, where a sidecar did, and so may one that goes on.
    """
    if status is None:
        return True
    if pod_status.is_true(job.get("status", {}), "Complete"):
        return status is RunStatus.SUCCESS
    return status.ended or not finished(job)


def newest(jobs: Iterable[Object], limit: int) -> list[Object]:
    """Return the `limit` Jobs that were made last, newest first."""
    return nlargest(limit, jobs, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))


def without_logs(job: Object, seen: Outcome, tail: int) -> LiveLogs:
    """Answer for a Job that has written nothing, saying why."""
    why = f"{seen.reason}: {seen.message}" if seen.reason and seen.message else seen.message or seen.reason
    return LiveLogs(
        job_name=job["metadata"]["name"],
        pod_name=seen.pod_name,
        logs="",
        tail=tail,
        status=seen.status,
        message=_shown(why) or "The pod is gone, and its log was not stored",
    )


def read_logs(job: Object, pod: Object, seen: Outcome, logs: str, tail: int) -> LiveLogs:
    """Answer with what a Job's pod has written."""
    none = pod_logs.is_excuse(logs, pod)
    return LiveLogs(
        job_name=job["metadata"]["name"],
        pod_name=pod["metadata"]["name"],
        logs="" if none else logs,
        tail=tail,
        status=seen.status,
        message=pod_logs.why_none(pod) if none else None,
    )


def stored_logs(run: Run, logs: str, tail: int) -> LiveLogs:
    """Answer for a Job whose pod is gone with what its run has kept."""
    return LiveLogs(
        job_name=run.job_name, pod_name=run.pod_name, logs=logs, tail=tail, status=run.status, message=run.log_note
    )


def _shown(text: str | None) -> str | None:
    return shown(text) if text else text


def _told(job: Object, seen: Outcome) -> dict[str, object]:
    metadata, found = job["metadata"], job["metadata"]["labels"]
    started_at = seen.start_time or pod_status.moment(job.get("status", {}).get("startTime"))
    return {
        "id": metadata["name"],
        "project": found.get(labels.PROJECT, ""),
        "status": seen.status,
        "start_time": started_at or pod_status.moment(metadata["creationTimestamp"]),
        "end_time": seen.end_time,
        "duration_seconds": seen.duration_seconds,
        "job_id": found.get(labels.JOB_ID),
        "run_id": run_identity.run_id_of(job),
        "cronjob_name": run_identity.cronjob_name_of(job),
        "triggered_by": run_identity.triggered_by_of(job),
    }
