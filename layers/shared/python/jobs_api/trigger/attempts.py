"""Decides whether a run that failed is tried again, and makes its next attempt. Facts in, decision out.

The first run and the attempts after it are one sequence: `retry_of` of each attempt is the first run. Somebody's own
retry begins a sequence of its own.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from jobs_api.ids import attempt_id
from jobs_api.model.alert_targets import RunAlerts
from jobs_api.model.document import rfc3339
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.run import FAILURES, Run, TriggeredBy
from jobs_api.model.words import Unbalanced, split
from jobs_api.trigger import own_environment
from jobs_api.trigger.request import RunStart, pending_run


def may_be_retried(run: Run) -> bool:
    """Return whether a run that has just ended may be retried, if its job wants that: it failed by itself.

    One that waited for others until its hour was over did not fail.
    """
    return run.status in FAILURES and run.cancel_requested_at is None and not run.waits


def wants_another(run: Run, settings: JobSettings) -> bool:
    """Return whether a job, as it is now, wants another attempt after one that failed."""
    return run.status.value in settings.retry_on and _number(run) <= settings.retries


def kept_from_starting(begun_by: TriggeredBy, project: Project, job: Job, now: datetime) -> str | None:
    """Say why no run of a job may start by itself now; None where one may.

    A run that somebody requested is tried again while the job is disabled or paused: a trigger works then too.
    """
    if not project.settings.deployed:
        return "the project is not deployed"
    if begun_by is TriggeredBy.MANUAL:
        return None
    if project.settings.suspended:
        return "the project is suspended"
    if not job.settings.enabled:
        return "the job is disabled"
    pause = job.pause_at(project, now)
    return f"it is paused until {rfc3339(pause.until)}" if pause else None


def beside(run: Run, others: Iterable[Run]) -> Run | None:
    """Return a run that counts for the concurrency policy when an attempt is due: one of the same job that is launched.

    As for a CronJob, a run that somebody requested counts on neither side.
    """
    if run.begun_by is TriggeredBy.MANUAL:
        return None
    going = (one for one in others if one.launch is None and one.begun_by is not TriggeredBy.MANUAL)
    return next((one for one in going if one.id != run.id and not one.status.ended), None)


def attempt_after(run: Run, job: Job, project: Project, alerts: RunAlerts | None, now: datetime) -> Run:
    """Return the attempt after one that ended: its command and variables, on the job as it is now, after its delay.

    The job's environment must be sealed. The id follows from the first run and the number of the attempt, so that no
    attempt is made twice.
    """
    first, number = first_of(run), _number(run) + 1
    due_at = _due_at(run, job.settings, now)
    start = RunStart(attempt_id(first, number), command_of(run, job), TriggeredBy.RETRY, now, due_at)
    own = own_environment.with_variables(job, run.environment or {})
    attempt = pending_run(start, own, project, alerts)
    of_its_slot = {"expected_by": run.expected_by, "late_at": run.late_at}
    of_its_sequence = {"attempt": number, "retry_of": first, "first_triggered_by": run.begun_by}
    told = own_environment.values_to_repeat(run)
    return attempt.model_copy(update={**told, **of_its_slot, **of_its_sequence})


def first_of(run: Run) -> str:
    """Return the id of the first run of an attempt's sequence."""
    return run.retry_of if run.attempt and run.retry_of else run.id


def command_of(run: Run, job: Job) -> str:
    """Return the command of a run, or its job's where the run has none that could be run: a miss, or an edited Job."""
    try:
        return run.command if run.command and split(run.command) else job.settings.command
    except Unbalanced:
        return job.settings.command


def _number(run: Run) -> int:
    return run.attempt or 1


def _due_at(run: Run, settings: JobSettings, now: datetime) -> datetime:
    """Return when an attempt starts: the delay after the end of the one before, whose clock may be ahead."""
    delay = timedelta(seconds=settings.retry_delay_seconds)
    return min(max(now, (run.end_time or now) + delay), now + delay)
