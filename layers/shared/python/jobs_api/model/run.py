"""A run: one Kubernetes Job of ours, however often it is seen, and its result."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field

from jobs_api.model.actor import Actor
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.redaction.masking import LONGEST_SHOWN, masked, shown


class RunStatus(StrEnum):
    """The status of a run. It moves from `pending` to `running` and then to one of the others, which are ends."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether this status is final."""
        return self in ENDED_STATUSES


# No run stays open for longer: an hour to be launched, a quarter of an hour to be scheduled, 30 days until its
# deadline, and an hour for a cluster that cannot be reached. Then an ingest ends it.
LONGEST_OPEN: Final = timedelta(days=35)

ENDED_STATUSES = frozenset({RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.ERROR, RunStatus.CANCELLED})


# What ended without the command's success, by itself or by something else; a cancelled run is none of these.
FAILURES = frozenset({RunStatus.FAILED, RunStatus.ERROR})


class TriggeredBy(StrEnum):
    """Who started a run: its schedule, or a trigger."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"


class JobRun(Document):
    """A run as the API returns it; `duration_seconds` has one decimal, `exit_code` is that of the command."""

    id: str
    project_id: str
    job_id: str
    job_name: str
    cronjob_name: str
    namespace: str
    job_type: str
    status: RunStatus
    triggered_by: TriggeredBy
    triggered_by_token: Absent[Actor] = None
    command: Absent[str] = None
    start_time: Absent[Timestamp] = None
    end_time: Absent[Timestamp] = None
    duration_seconds: Absent[float] = None
    scheduled_for: Absent[Timestamp] = None
    exit_code: Absent[int] = None
    error_message: Absent[str] = None
    message: Absent[str] = None
    pod_name: Absent[str] = None
    cancel_requested_at: Absent[Timestamp] = None
    cancel_reason: Absent[str] = None
    cancelled_by: Absent[Actor] = None
    created_at: Timestamp
    updated_at: Timestamp


class StoredLog(Document):
    """Where a run's log is stored: its `key` in the bucket, and its size before compression."""

    key: str
    size_bytes: int
    tail_key: str | None = None


class Run(JobRun):
    """A run as it is stored: what the API returns, and what only this service needs.

    `launch` is the Job manifest that is still to be created in the cluster; it is written with the run and cleared
    once the Job exists, so that a process that dies in between loses nothing. What is secret of its environment are
    masks in there, and the values are in `sealed_environment`. In the same way `notify` holds what is
    still to be told of it; whom, stands in `alerts`, as the job's owner had it when the run was created.
    `cause` is the same text for runs that failed for one cause, where the log says why.
    `log_begins` is its pod's name and, behind a blank, the stamp of its log's first line as it was seen while the
    command ran, nothing behind it where there was none yet.
    `log_note` says why `log` is not all that was written, or why there is none.
    """

    organization_id: str
    launch: Absent[dict[str, object]] = None
    sealed_environment: Absent[str] = None
    log: Absent[StoredLog] = None
    log_begins: Absent[str] = None
    log_note: Absent[str] = None
    job_uid: Absent[str] = None
    alerts: Absent[RunAlerts] = None
    cause: Absent[str] = None
    notify: list[Event] = Field(default_factory=list)

    def expires_at(self, kept: timedelta) -> datetime:
        """Return when it is gone: as long after its end was seen as its log is kept, which was stored just before that.

        One that is open counts as if it ended as late as it can; it is moved when it ends.
        """
        return (self.updated_at if self.status.ended else self.created_at + LONGEST_OPEN) + kept

    @property
    def is_to_be_cancelled(self) -> bool:
        """Whether somebody asked for it to be cancelled, and it goes on."""
        return self.cancel_requested_at is not None and not self.status.ended

    def document(self) -> JobRun:
        """Return what the API shows of it. Rows of earlier releases hold texts that nobody masked."""
        stored = vars(self)
        told = {name: stored[name] for name in JobRun.model_fields}
        return JobRun.known(**told | {name: shown(told[name]) for name in _SHOWN if told.get(name)})

    def without_secrets(self, secrets: Iterable[str] = ()) -> "Run":
        """Return it as it may be stored: what a log or a cluster said without secrets, these known ones included."""
        known = list(secrets)
        texts = {name: text for name in _TOLD if (text := getattr(self, name, None))}
        clean = {name: _cut(masked(text[:LONGEST_SHOWN], known)) for name, text in texts.items()}
        return self.model_copy(update=clean) if clean != texts else self


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TOLD else f"{text[: LONGEST_TOLD - 1]}…"


# What is made of a log's or a cluster's words; and what of that is shown, with the command that somebody gave.
LONGEST_TOLD: Final = 2000
_TOLD: Final = ("error_message", "message", "cause")
_SHOWN: Final = (*_TOLD[:-1], "command", "cancel_reason")


class RunList(Document):
    """A page of runs, newest first, with a `next_cursor` while more match."""

    runs: list[JobRun]
    next_cursor: Absent[str] = None


class Streak(Document):
    """A job's runs before one of them: how many failed in a row, since when, and the last success before that.

    With `more`, there are more failures than were counted.
    """

    failures: int = 0
    more: bool = False
    since: Timestamp | None = None
    succeeded_at: Timestamp | None = None
