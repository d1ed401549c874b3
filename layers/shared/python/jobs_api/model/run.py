"""A run: one Kubernetes Job of this service, however often it is read, and its result."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field

from jobs_api.model.actor import Actor
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.chains import END_STATUSES, SkippedFollower
from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record, Timestamp
from jobs_api.model.results import ResultCounts
from jobs_api.model.stored_secrets import displayed
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

    @property
    def ends_for_followers(self) -> bool:
        """Whether jobs may run after a run that ended so; a cancelled run is no end for them."""
        return self in END_STATUSES


# No run stays open for longer: an hour to be launched, a quarter of an hour to be scheduled, 30 days until its
# deadline, and an hour for a cluster that cannot be reached. Then an ingest ends it.
LONGEST_OPEN: Final = timedelta(days=35)

ENDED_STATUSES = frozenset({RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.ERROR, RunStatus.CANCELLED})


# The ends of a run without success, by its command or by the cluster; a cancelled run does not count.
FAILURES = frozenset({RunStatus.FAILED, RunStatus.ERROR})


class TriggeredBy(StrEnum):
    """The cause of a run: its schedule, a trigger, the failure of an earlier attempt, or the end of other runs."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    RETRY = "retry"
    CHAINED = "chained"


class JobRun(Document):
    """A run as the API returns it; `duration_seconds` has one decimal, `exit_code` is that of the command.

    A run that failed and is retried has the id of the next attempt in `retried_as`. That attempt has its number in
    `attempt`, from 2, the id of the first attempt in `retry_of`, and in `launch_after` the time at which it starts.

    A run that the end of another run started has that one's id in `caused_by`. `skipped` has the jobs that this run
    would have started by its end, and why they did not run.

    `expected_by` and `expected_minutes` are what its job's owner expected when the run was created; `late_at` and
    `long_at` are when a pass found that the run is late, or takes too long, and told the job's channels.
    """

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
    caused_by: Absent[str] = None
    attempt: Absent[int] = None
    retry_of: Absent[str] = None
    retried_as: Absent[str] = None
    launch_after: Absent[Timestamp] = None
    cause: Absent[str] = None
    git_sha: Absent[str] = None
    command: Absent[str] = None
    environment: Absent[dict[str, str]] = None
    start_time: Absent[Timestamp] = None
    end_time: Absent[Timestamp] = None
    duration_seconds: Absent[float] = None
    scheduled_for: Absent[Timestamp] = None
    expected_by: Absent[Timestamp] = None
    expected_minutes: Absent[int] = None
    late_at: Absent[Timestamp] = None
    long_at: Absent[Timestamp] = None
    exit_code: Absent[int] = None
    error_message: Absent[str] = None
    message: Absent[str] = None
    results: Absent[ResultCounts] = None
    pod_name: Absent[str] = None
    cancel_requested_at: Absent[Timestamp] = None
    cancel_reason: Absent[str] = None
    cancelled_by: Absent[Actor] = None
    skipped: Absent[list[SkippedFollower]] = None
    created_at: Timestamp
    updated_at: Timestamp


class StoredLog(Record):
    """Where a run's log is stored: its `key` in the bucket, and its size before compression."""

    key: str
    size_bytes: int
    tail_key: str | None = None


class Run(JobRun):
    """A run as it is stored: what the API returns, and what only this service needs.

    `launch` is the Job manifest that is still to be created in the cluster; it is written with the run and cleared
    once the Job exists, so that a process that dies in between loses nothing. Secret values of its environment are
    masks in it: its job's are sealed in `sealed_environment`, and its own, of `environment`, in `sealed_variables`. The
    latter stay as long as the run, so that it can be repeated. In the same way `notify` has the notifications that are
    still to be sent, to the targets in `alerts`, as the job's owner had them when the run was created.
    With `waits`, it must not be launched before the job's other runs have ended.
    `failure_cause` is the same text for runs that failed for one cause, where the log says why.
    `log_begins` is the Pod's name, a blank, and the time of its log's first line as a pass saw it while the command
    ran, or nothing where there was no line yet.
    `late_status` is the run's status when it was found late.
    `log_note` says why a part of the log, or all of it, is missing.
    `followers_left` are the jobs for which the end of this run is still to be counted; they are written with the end.
    `caused_runs` are the ids of the runs that its end started.
    `first_triggered_by` is what started the first attempt, on each attempt after it.
    `deadline_seconds` is how long its Job may take, as its manifest says.
    """

    model_config = COMPILED_LATE

    organization_id: str
    launch: Absent[dict[str, object]] = None
    sealed_environment: Absent[str] = None
    sealed_variables: Absent[str] = None
    waits: Absent[bool] = None
    log: Absent[StoredLog] = None
    log_begins: Absent[str] = None
    log_note: Absent[str] = None
    deadline_seconds: Absent[int] = None
    job_uid: Absent[str] = None
    alerts: Absent[RunAlerts] = None
    failure_cause: Absent[str] = None
    late_status: Absent[RunStatus] = None
    notify: list[Event] = Field(default_factory=list)
    first_triggered_by: Absent[TriggeredBy] = None
    followers_left: list[str] = Field(default=[])
    caused_runs: list[str] = Field(default=[])

    def expires_at(self, kept: timedelta) -> datetime:
        """Return when the row expires: as long after a pass saw its end as its log is kept, which was stored before.

        An open run counts as if it ended at the latest possible time; the value changes when it ends.
        """
        return (self.updated_at if self.status.ended else self.created_at + LONGEST_OPEN) + kept

    @property
    def deadline(self) -> timedelta | None:
        """How long its Job may take, None where that was not stored."""
        return None if self.deadline_seconds is None else timedelta(seconds=self.deadline_seconds)

    @property
    def begun_by(self) -> TriggeredBy:
        """The cause of the run, or of its first attempt if it is a later one; somebody's retry counts as a trigger."""
        own = TriggeredBy.MANUAL if self.triggered_by is TriggeredBy.RETRY else self.triggered_by
        return self.first_triggered_by or own

    @property
    def warned(self) -> bool:
        """Whether its results have warnings."""
        return self.results is not None and self.results.warn > 0

    @property
    def is_to_be_cancelled(self) -> bool:
        """Whether somebody requested to cancel it, and it has not ended."""
        return self.cancel_requested_at is not None and not self.status.ended

    def document(self) -> JobRun:
        """Return what the API shows of it. Rows of earlier releases have texts without masks."""
        stored = vars(self)
        fields = {name: stored[name] for name in JobRun.model_fields}
        fields |= {name: shown(fields[name]) for name in _SHOWN if fields.get(name)}
        return JobRun.known(**fields | {"environment": displayed(self.environment) if self.environment else None})

    def without_secrets(self, secrets: Iterable[str] = ()) -> "Run":
        """Return it as it may be stored: texts of a log or a cluster with masks, also for these known secrets."""
        known = list(secrets)
        texts = {name: text for name in _TOLD if (text := getattr(self, name, None))}
        clean = {name: _cut(masked(text[:LONGEST_SHOWN], known)) for name, text in texts.items()}
        return self.model_copy(update=clean) if clean != texts else self


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TOLD else f"{text[: LONGEST_TOLD - 1]}…"


# How much of a log's or a cluster's text is stored, and how much of it is shown, with the command of a request.
LONGEST_TOLD: Final = 2000
_TOLD: Final = ("error_message", "message", "failure_cause")
_SHOWN: Final = (*_TOLD[:-1], "command", "cause", "cancel_reason")


class RunList(Document):
    """A page of runs, newest first, with a `next_cursor` while more match."""

    runs: list[JobRun]
    next_cursor: Absent[str] = None


class Streak(Record):
    """A job's runs before one of them: how many failed in a row, since when, and the last success before that.

    With `more`, there are more failures than were counted.
    """

    failures: int = 0
    more: bool = False
    since: Timestamp | None = None
    succeeded_at: Timestamp | None = None
