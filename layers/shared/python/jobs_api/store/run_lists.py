"""Lists of runs, newest first unless a docstring says otherwise. All read indexes, which may lag by a moment."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pynamodb.exceptions import QueryError
from pynamodb.expressions.condition import Condition

from jobs_api.model.run import FAILURES, Run, RunStatus, Streak
from jobs_api.model.run_filter import RunFilter
from jobs_api.store.attributes import time_text
from jobs_api.store.conditions import code_of
from jobs_api.store.pages import ROWS_A_QUERY, Listing
from jobs_api.store.run_items import position_of, run_of
from jobs_api.store.run_rows import RunRow, ended_in

# A cancelled run says nothing about how the job works.
_TELLING: Final = [status.value for status in (RunStatus.SUCCESS, *sorted(FAILURES))]
# For a job that fails every minute it is enough to know that it has failed this often.
LONGEST_STREAK: Final = 500
# Most streaks are short.
FIRST_OF_A_STREAK: Final = 50
# How many successes are read for the median duration, which is a job's usual one.
USUAL: Final = 20


def list_runs(
    organization_id: str,
    project_id: str | None,
    wanted: RunFilter,
    *,
    limit: int,
    before: str | None,
    indexed: bool = False,
) -> tuple[list[Run], str | None]:
    """Return up to `limit` runs, older than the position `before`; and the position to continue from, None at the end.

    The caller must have checked that the project belongs to the organization. If `pages.QUERIES` Queries do not find
    `limit` runs, the page is shorter, or empty, but still has a position.

    Args:
        organization_id: the organization.
        project_id: the project; None for all, where the filters name a job or an open status.
        wanted: the filters.
        limit: at least 1.
        before: the position at which an earlier page ended; a position is the same in every index.
        indexed: whether all ended runs of the project are in the index `ended_runs`.
    """
    within = RunRow.position < before if before else None
    try:
        rows, position = _listing(organization_id, project_id, wanted, within, indexed=indexed).page(limit)
    except QueryError as error:
        if not indexed or code_of(error) != "ValidationException":
            raise
        # CloudFormation reports an index as created before DynamoDB has filled it.
        rows, position = _listing(organization_id, project_id, wanted, within, indexed=False).page(limit)
    return [run_of(row) for row in rows], position


def open_runs(organization_id: str) -> Iterator[Run]:
    """Yield the organization's runs that have not ended, oldest first."""
    return (run for run in unfinished_runs(organization_id) if not run.status.ended)


def unfinished_runs(organization_id: str) -> Iterator[Run]:
    """Yield the organization's runs that have not ended, and those whose end is not counted for all followers yet."""
    for row in RunRow.open_runs.query(organization_id):
        yield run_of(row)


def open_runs_of_job(organization_id: str, job_id: str) -> list[Run]:
    """Return the runs of a job that have not ended, oldest first. One Query reads all open runs of the organization."""
    rows = RunRow.open_runs.query(organization_id, filter_condition=RunRow.job_id == job_id)
    return [run for run in map(run_of, rows) if not run.status.ended]


def runs_to_notify(organization_id: str) -> Iterator[Run]:
    """Yield the organization's runs with events that are not on the queue yet."""
    for row in RunRow.to_notify.query(organization_id):
        yield run_of(row)


def runs_of_job(organization_id: str, job_id: str, since: datetime, until: datetime, *, before: int = 20) -> list[Run]:
    """Return a job's runs that were created between two times, and `before` runs that were created earlier.

    How much is read depends only on the number of runs in that time.
    """
    rows = RunRow.by_job.query(
        job_id,
        range_key_condition=RunRow.position <= f"{time_text(until)}~",
        filter_condition=RunRow.organization_id == organization_id,
        scan_index_forward=False,
        page_size=ROWS_A_QUERY,
    )
    found: list[Run] = []
    earlier = 0
    for row in rows:
        earlier += row.created_at < since
        if earlier > before:
            break
        found.append(run_of(row))
    return found


def streak_before(run: Run) -> Streak:
    """Return the results of the job's runs before this one, back to the last success. Usually one Query.

    Cancelled runs are left out: they neither end a streak nor lengthen it. Of a run that was retried, the last attempt
    counts alone.
    """
    failures, since = 0, None
    last = RunRow.retried_as.does_not_exist()
    ended = (RunRow.organization_id == run.organization_id) & RunRow.status.is_in(*_TELLING) & last
    earlier = Listing(RunRow.by_job, RunRow, run.job_id, RunRow.position < position_of(run), ended, selective=False)
    read_up_to = None
    for part in earlier.parts(FIRST_OF_A_STREAK):
        read_up_to = part.read_up_to
        for row in part.rows:
            if row.status == RunStatus.SUCCESS:
                return Streak(failures=failures, since=since, succeeded_at=row.end_time)
            failures, since = failures + 1, row.end_time
            if failures == LONGEST_STREAK:
                return Streak(failures=failures, since=since, more=True)
    return Streak(failures=failures, since=since, more=read_up_to is not None)


def durations_before(run: Run) -> list[float]:
    """Return how many seconds the job's last successes before this run took, up to 20. Usually one Query."""
    succeeded = (RunRow.organization_id == run.organization_id) & (RunRow.status == RunStatus.SUCCESS.value)
    before = RunRow.position < position_of(run)
    rows, _ = Listing(RunRow.by_job, RunRow, run.job_id, before, succeeded, selective=False).page(USUAL)
    return [float(row.duration_seconds) for row in rows if row.duration_seconds is not None]


def has_succeeded_since(run: Run) -> bool:
    """Return whether a newer run of the job has succeeded, and ended after this one. Usually one Query.

    The newest runs are read first. If thousands of newer ones have failed, this cannot be found out, and the answer is
    False.
    """
    succeeded = (
        (RunRow.organization_id == run.organization_id)
        & (RunRow.status == RunStatus.SUCCESS.value)
        & (RunRow.end_time > (run.end_time or run.updated_at))
    )
    newer = Listing(RunRow.by_job, RunRow, run.job_id, RunRow.position > position_of(run), succeeded, selective=True)
    return any(part.rows for part in newer.parts(1))


def _listing(
    organization_id: str, project_id: str | None, wanted: RunFilter, within: Condition | None, *, indexed: bool
) -> Listing[RunRow]:
    """Choose the index with the fewest runs that the filters would skip."""
    index, key, answered = _index_for(organization_id, project_id, wanted, indexed=indexed)
    condition = RunRow.organization_id == organization_id
    remaining = {name: asked for name, asked in _conditions(project_id, wanted).items() if name not in answered}
    for asked in remaining.values():
        condition &= asked
    if wanted.kept_at:
        condition &= RunRow.expires_at.does_not_exist() | (RunRow.expires_at > int(wanted.kept_at.timestamp()))
    return Listing(index, RunRow, key, within, condition, selective=bool(remaining))


def _index_for(
    organization_id: str, project_id: str | None, wanted: RunFilter, *, indexed: bool
) -> tuple[Any, str, frozenset[str]]:
    """Return an index, its partition, and the filters that these apply. A filter may not name an index's key."""
    status = wanted.status
    if status and not status.ended:
        return RunRow.open_runs, organization_id, frozenset()
    # Nearly all runs are successes, so the job's index has fewer runs to skip.
    if status and indexed and project_id and not (wanted.job_id and status is RunStatus.SUCCESS):
        return RunRow.ended_runs, ended_in(project_id, status), frozenset({"project_id", "status"})
    if wanted.job_id:
        return RunRow.by_job, wanted.job_id, frozenset({"job_id"})
    if project_id is None:
        raise ValueError("only runs of a job, and open ones, can be listed without a project")
    return RunRow.by_project, project_id, frozenset({"project_id"})


def _conditions(project_id: str | None, wanted: RunFilter) -> dict[str, Condition]:
    conditions: dict[str, Condition | None] = {
        "project_id": RunRow.project_id == project_id if project_id else None,
        "job_id": RunRow.job_id == wanted.job_id if wanted.job_id else None,
        "status": RunRow.status == wanted.status.value if wanted.status else None,
        "job_type": RunRow.job_type == wanted.job_type if wanted.job_type else None,
        "triggered_by": RunRow.triggered_by == wanted.triggered_by.value if wanted.triggered_by else None,
        "updated_after": RunRow.updated_at > wanted.updated_after if wanted.updated_after else None,
    }
    return {name: asked for name, asked in conditions.items() if asked is not None}
