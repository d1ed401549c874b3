"""Retries runs that failed: makes the next attempt for the write that ends a run, and ends one that may not start."""

from datetime import datetime

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.ingest import unseen_end
from jobs_api.model.run import Run
from jobs_api.notifications import channels
from jobs_api.sealing import environment
from jobs_api.trigger import attempts


def with_next_attempt(run: Run, now: datetime) -> tuple[Run, Run | None]:
    """Return a run that has ended, to be written together with its next attempt, if the job wants one.

    A run says in `message` why it is not retried although its job wants that. One BatchGetItem where it failed.
    """
    if not attempts.may_be_retried(run):
        return run, None
    try:
        project, job = store.get_job(run.organization_id, run.project_id, run.job_id)
    except NotFound:
        return run, None
    if not attempts.wants_another(run, job.settings):
        return run, None
    if reason := attempts.kept_from_starting(run.begun_by, project, job, now):
        said = f"Not retried: {reason}"
        return run.model_copy(update={"message": f"{run.message}. {said}" if run.message else said}), None
    sealed = environment.with_sealed_environment(job)
    attempt = attempts.attempt_after(run, sealed, project, channels.alerts_of(project, job), now)
    return run.model_copy(update={"retried_as": attempt.id}), attempt


def not_to_be_started(run: Run, now: datetime) -> Run | None:
    """Return how an attempt ends that must not be launched any more, since its job or project changed; else None.

    In the same way ends a run that waited for others. One BatchGetItem.
    """
    if run.attempt is None and not run.waits:
        return None
    try:
        project, job = store.get_job(run.organization_id, run.project_id, run.job_id)
    except NotFound:
        return unseen_end.not_started(run, "the job was deleted", now)
    reason = attempts.kept_from_starting(run.begun_by, project, job, now)
    return unseen_end.not_started(run, reason, now) if reason else None
