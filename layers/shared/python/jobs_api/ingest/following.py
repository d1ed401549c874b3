"""Counts the ends of runs for the jobs that run after them, and makes the runs of those that have waited for them.

Each step may be done twice, or by two passes at once: an end counts once for each follower.
"""

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Executor
from datetime import datetime
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.errors import ChangedMeanwhile
from jobs_api.model import chains
from jobs_api.model.chains import RunEnd, SkippedFollower, SkipReason
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications import channels
from jobs_api.sealing import environment
from jobs_api.store import followers
from jobs_api.store.followers import Follower, FollowerOutcome
from jobs_api.trigger import chained

# Others may count ends for the same follower at the same time, or its owner changes it.
ATTEMPTS: Final = 5

logger = Logger()


def count_ends(pool: Executor, ended: Iterable[Run], clock: Clock) -> tuple[list[Run], int]:
    """Count the ends of runs, in their order; return the runs that they started, and how many could not be counted.

    In parallel only those of different projects: a job runs after jobs of its own project.
    """
    of_projects: defaultdict[str, list[Run]] = defaultdict(list)
    for run in sorted(ended, key=lambda run: run.end_time or run.updated_at):
        of_projects[run.project_id].append(run)
    started: list[Run] = []
    failed = 0
    for made, failures in pool.map(lambda runs: _count_in_order(runs, clock), of_projects.values()):
        started += made
        failed += failures
    return started, failed


def _count_in_order(runs: Iterable[Run], clock: Clock) -> tuple[list[Run], int]:
    started: list[Run] = []
    failed = 0
    for run in runs:
        try:
            started += count_end(run, clock())
        except Exception:
            logger.exception("an end was not counted", organization_id=run.organization_id, run_id=run.id)
            failed += 1
    return started, failed


def count_end(run: Run, now: datetime) -> list[Run]:
    """Count the end of a run for each follower that it marks; return the runs that it started, to be launched.

    Raises:
        ExceptionGroup: it could not be counted for some of them; their marks stay for the next pass. It is counted for
            the others.
    """
    if not run.followers_left:
        followers.finish(run)
        return []
    started: list[Run] = []
    failures: list[Exception] = []
    for follower_id in run.followers_left:
        try:
            run, made = _count_for(run, follower_id, now)
        except Exception as error:  # noqa: BLE001 - one follower that fails must not keep the others waiting
            error.add_note(f"The follower is job {follower_id}")
            failures.append(error)
        else:
            started += [made] if made else []
    if failures:
        raise ExceptionGroup(f"The end of run {run.id} is not counted for all of its followers", failures)
    return started


def _count_for(run: Run, follower_id: str, now: datetime) -> tuple[Run, Run | None]:
    """Count the end of a run for one follower; return the run without that mark, and the run that it started."""
    for _ in range(ATTEMPTS):
        follower = followers.find_follower(run, follower_id)
        if follower and follower.job is None:
            # The run records once that this follower did not run; then the follower is removed.
            followers.cease_to_follow(run, follower_id)
        outcome = _outcome(run, follower, now) if follower else FollowerOutcome()
        if followers.record_outcome(run, follower_id, follower, outcome, now):
            if outcome.started:
                logger.info("a follower was started", run_id=outcome.started.id, job_id=follower_id)
            return _without_mark(run, follower_id, outcome), outcome.started
        run = store.find_runs(run.organization_id, [run.id])[run.id]
        if follower_id not in run.followers_left:
            return run, None
    raise ChangedMeanwhile(f"The end of run {run.id} could not be counted for job {follower_id}")


def _outcome(run: Run, follower: Follower, now: datetime) -> FollowerOutcome:
    end = RunEnd(run_id=run.id, job_id=run.job_id, status=run.status, at=run.end_time or run.updated_at)
    if chains.ended_before(end.at, follower.created_at):
        return FollowerOutcome(ends=follower.counted_ends)
    last_run = None
    if chains.needs_last_run(follower.run_after, follower.counted_ends, end):
        last_run = followers.last_run_at(run.organization_id, follower.id, end.at)
    count = chains.count_with(follower.run_after, follower.counted_ends, end, last_run)
    if not count.complete:
        return FollowerOutcome(ends=count.ends)
    job = follower.job
    reason = chained.reason_to_skip(follower.project, job, end.at)
    if job is None or reason:
        return FollowerOutcome(skipped=SkippedFollower(job_id=follower.id, reason=reason or SkipReason.DELETED))
    return FollowerOutcome(started=_started(run, job, follower.project, now))


def _started(run: Run, job: Job, project: Project, now: datetime) -> Run:
    sealed = environment.with_sealed_environment(job)
    return chained.chained_run(run, sealed, project, channels.alerts_of(project, job), now)


def _without_mark(run: Run, follower_id: str, outcome: FollowerOutcome) -> Run:
    left = [one for one in run.followers_left if one != follower_id]
    skipped = [*(run.skipped or ()), outcome.skipped] if outcome.skipped else run.skipped
    return run.model_copy(update={"followers_left": left, "skipped": skipped})
