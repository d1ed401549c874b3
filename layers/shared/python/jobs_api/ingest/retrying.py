"""Retries runs that failed: makes the next attempt for the write that ends a run, and ends one that may not start."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.ingest import unseen_end
from jobs_api.model.project import ConcurrencyPolicy
from jobs_api.model.run import Run
from jobs_api.model.run_limits import RunLimits
from jobs_api.notifications import channels
from jobs_api.sealing import environment
from jobs_api.trigger import attempts
from jobs_api.trigger.waiting import LAUNCH_FOR, allowed_since


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


@dataclass(frozen=True)
class Place:
    """The decision about a run that is due: it ends without a launch, or is launched `later`, or now."""

    ended: Run | None = None
    later: bool = False


def place_of(run: Run, others: Iterable[Run], now: datetime) -> Place:
    """Return what becomes of a run that has no Job yet: its job or project may have changed, or be deleted.

    An attempt, and a run that waited for others, obey changes of the job; what somebody asked for, it starts all the
    same. Under the policy Forbid an attempt lets a run of the job end first, for up to an hour; under Replace it gives
    way to it. One BatchGetItem.
    """
    try:
        project, job = store.get_job(run.organization_id, run.project_id, run.job_id)
    except NotFound:
        return Place(unseen_end.not_started(run, "the job was deleted", now))
    if run.attempt is None and not run.waits:
        return Place()
    if reason := attempts.kept_from_starting(run.begun_by, project, job, now):
        return Place(unseen_end.not_started(run, reason, now))
    other = attempts.beside(run, others) if run.attempt else None
    return _decide_beside(run, other, RunLimits.of(project.settings, job.settings), now) if other else Place()


def _decide_beside(run: Run, other: Run, limits: RunLimits, now: datetime) -> Place:
    policy = f"the {limits.policy_of}'s concurrency policy is {limits.concurrency_policy}"
    match limits.concurrency_policy:
        case ConcurrencyPolicy.REPLACE:
            return Place(unseen_end.not_started(run, f"the run {other.id} took its place: {policy}", now))
        case ConcurrencyPolicy.FORBID if now - allowed_since(run) < LAUNCH_FOR:
            return Place(later=True)
        case ConcurrencyPolicy.FORBID:
            reason = f"the run {other.id} was still going after an hour, and {policy}"
            return Place(unseen_end.not_started(run, reason, now))
        case _:
            return Place()
