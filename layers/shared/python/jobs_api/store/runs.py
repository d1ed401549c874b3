"""Runs in the table: made once, moved forward only, listed newest first."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from jobs_api.alerts import Event, RunAlerts
from jobs_api.errors import RunNotFound
from jobs_api.notifications import due
from jobs_api.runs import ENDED, Run, RunStatus, StoredLog, Streak, TriggeredBy
from jobs_api.store.conditions import was_refused
from jobs_api.store.projects import ID
from jobs_api.store.tables import RunRow, moment

OPEN = [status.value for status in RunStatus if status not in ENDED]
_ENDED = [status.value for status in ENDED]
# Of a job that fails every minute it is enough to know that it has failed this often.
LONGEST_STREAK = 500
PAGE = 100
# Kept otherwise than as it stands in the model.
_OTHERWISE = frozenset({"id", "log", "alerts", "notify"})
_AS_THEY_ARE = tuple(name for name in Run.model_fields if name not in _OTHERWISE)


@dataclass(frozen=True)
class RunFilter:
    """Which runs of a project are wanted; None is any. `kept_at` leaves out those that are past their time by then."""

    job_id: str | None = None
    status: RunStatus | None = None
    job_type: str | None = None
    triggered_by: TriggeredBy | None = None
    updated_after: datetime | None = None
    kept_at: datetime | None = None


def create_run(run: Run) -> bool:
    """Write a new run, and what is to be told of it; False where it is there already, and nothing is written.

    One PutItem.
    """
    try:
        _row(due.marked(None, run)).save(condition=RunRow.run_id.does_not_exist())
    except PutError as error:
        if not was_refused(error):
            raise
        return False
    return True


def kept_for() -> timedelta:
    """Return how long runs are kept, as the logs bucket keeps their logs."""
    return timedelta(days=int(os.environ["RUN_RETENTION_DAYS"]))


def get_run(organization_id: str, run_id: str, *, kept_at: datetime | None = None) -> Run:
    """Return a run; raises RunNotFound. One GetItem.

    With `kept_at`, a run that is past its time by then is not found: DynamoDB may take two days to remove it, and its
    log may be gone sooner.
    """
    if not ID.fullmatch(run_id):
        raise RunNotFound(run_id)
    try:
        row = RunRow.get(run_id, consistent_read=True)
    except RunRow.DoesNotExist as error:
        raise RunNotFound(run_id) from error
    expired = kept_at and row.expires_at is not None and row.expires_at <= kept_at.timestamp()
    if row.organization_id != organization_id or expired:
        raise RunNotFound(run_id)
    return _run_of(row)


def find_runs(organization_id: str, run_ids: Iterable[str]) -> dict[str, Run]:
    """Return those of the runs that exist, by id. One BatchGetItem per 100."""
    rows = RunRow.batch_get(list(run_ids), consistent_read=True)
    return {row.run_id: _run_of(row) for row in rows if row.organization_id == organization_id}


def open_runs(organization_id: str) -> Iterator[Run]:
    """Yield the organization's runs that have not ended, oldest first. The index may lag by a moment."""
    for row in RunRow.open_runs.query(organization_id):
        yield _run_of(row)


def advance_run(before: Run, after: Run) -> bool:
    """Move a run on, from what was read to what is now known; False where somebody moved it first.

    Only a run that has not ended moves, and only from the status it was read in, so that two ingests at once, or one
    that comes late, cannot take it back. What is to be told of the move is written with it.
    """
    after = due.marked(before, after)
    return _update(
        before.id,
        [*_progress(after), *(_end(after) if after.status.ended else [])],
        (RunRow.status == before.status.value) & RunRow.status.is_in(*OPEN),
    )


def run_launched(run: Run, job_name: str, now: datetime) -> bool:
    """Clear the mark that a run's Job is to be created, noting the name it got. One UpdateItem."""
    return _update(
        run.id,
        [RunRow.launch.remove(), RunRow.job_name.set(job_name), RunRow.updated_at.set(now)],
        RunRow.launch.exists(),
    )


def runs_to_notify(organization_id: str) -> Iterator[Run]:
    """Yield the organization's runs of which something is still to be told. The index may lag by a moment."""
    for row in RunRow.to_notify.query(organization_id):
        yield _run_of(row)


def run_notified(run: Run) -> bool:
    """Clear the mark that there is something to tell of a run; False where more has been added since it was read."""
    return _update(
        run.id,
        [RunRow.notify.remove(), RunRow.notify_in.remove()],
        RunRow.notify == [str(event) for event in run.notify],
    )


def runs_of_job(organization_id: str, job_id: str, since: datetime, *, before: int = 20) -> list[Run]:
    """Return a job's runs that were made since a time, and as many as `before` that were made earlier, newest first.

    The index may lag by a moment.
    """
    rows = RunRow.by_job.query(
        job_id,
        filter_condition=RunRow.organization_id == organization_id,
        scan_index_forward=False,
        page_size=PAGE,
    )
    found: list[Run] = []
    earlier = 0
    for row in rows:
        earlier += row.created_at < since
        if earlier > before:
            break
        found.append(_run_of(row))
    return found


def streak_before(run: Run) -> Streak:
    """Tell how the job's runs before this one went, as far back as the last success. One Query, mostly one page."""
    failures, since = 0, None
    rows = RunRow.by_job.query(
        run.job_id,
        range_key_condition=RunRow.position < _position(run),
        filter_condition=(RunRow.organization_id == run.organization_id) & RunRow.status.is_in(*_ENDED),
        scan_index_forward=False,
    )
    for row in islice(rows, LONGEST_STREAK):
        if row.status == RunStatus.SUCCESS:
            return Streak(failures=failures, since=since, succeeded_at=row.end_time)
        failures, since = failures + 1, row.end_time
    return Streak(failures=failures, since=since, more=failures == LONGEST_STREAK)


def has_succeeded_since(run: Run) -> bool:
    """Tell whether a newer run of the job has succeeded. One Query."""
    rows = RunRow.by_job.query(
        run.job_id,
        range_key_condition=RunRow.position > _position(run),
        filter_condition=(RunRow.organization_id == run.organization_id)
        & (RunRow.status == RunStatus.SUCCESS.value)
        & (RunRow.end_time > (run.end_time or run.updated_at)),
        limit=1,
    )
    return next(iter(rows), None) is not None


def list_runs(
    organization_id: str, project_id: str, wanted: RunFilter, *, limit: int, before: str | None
) -> tuple[list[Run], str | None]:
    """Return up to `limit` runs, newest first, older than the position `before`; and where to go on, if more match.

    The caller has checked that the project is the organization's.
    """
    index: Any = RunRow.by_job if wanted.job_id else RunRow.by_project
    condition = _matching(organization_id, project_id, wanted)
    rows: Iterator[RunRow] = index.query(
        wanted.job_id or project_id,
        range_key_condition=RunRow.position < before if before else None,
        filter_condition=condition,
        scan_index_forward=False,
        limit=limit + 1,
    )
    found = list(islice(rows, limit + 1))
    runs = [_run_of(row) for row in found[:limit]]
    return runs, found[limit - 1].position if len(found) > limit else None


def _matching(organization_id: str, project_id: str, wanted: RunFilter) -> Condition:
    condition = RunRow.organization_id == organization_id
    if wanted.job_id:
        # A filter may not name the key of the index that is asked, and that is the project's without a job.
        condition &= RunRow.project_id == project_id
    if wanted.status:
        condition &= RunRow.status == wanted.status.value
    if wanted.job_type:
        condition &= RunRow.job_type == wanted.job_type
    if wanted.triggered_by:
        condition &= RunRow.triggered_by == wanted.triggered_by.value
    if wanted.updated_after:
        condition &= RunRow.updated_at > wanted.updated_after
    if wanted.kept_at:
        condition &= RunRow.expires_at.does_not_exist() | (RunRow.expires_at > int(wanted.kept_at.timestamp()))
    return condition


def _update(run_id: str, actions: list[Action], condition: Condition) -> bool:
    try:
        RunRow(run_id).update(actions=actions, condition=condition)
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def _progress(run: Run) -> list[Action]:
    """Return the updates of everything that may change while a run goes on; what has no value stays untouched."""
    values: list[tuple[Any, Any]] = [
        (RunRow.status, run.status.value),
        (RunRow.updated_at, run.updated_at),
        (RunRow.job_uid, run.job_uid),
        (RunRow.start_time, run.start_time),
        (RunRow.end_time, run.end_time),
        (RunRow.duration_seconds, run.duration_seconds),
        (RunRow.exit_code, run.exit_code),
        (RunRow.error_message, run.error_message),
        (RunRow.pod_name, run.pod_name),
        (RunRow.log, run.log.model_dump(mode="json") if run.log else None),
        (RunRow.notify, run.notify or None),
        (RunRow.notify_in, run.organization_id if run.notify else None),
    ]
    return [attribute.set(value) for attribute, value in values if value is not None]


def _end(run: Run) -> list[Action]:
    """Return the updates of what only an end changes."""
    return [RunRow.open_in.remove(), RunRow.expires_at.set(_expiry(run))]


def _expiry(run: Run) -> int:
    return int(run.expires_at(kept_for()).timestamp())


def _row(run: Run) -> RunRow:
    values = {name: getattr(run, name) for name in _AS_THEY_ARE}
    return RunRow(
        run.id,
        position=_position(run),
        open_in=None if run.status.ended else run.organization_id,
        notify_in=run.organization_id if run.notify else None,
        notify=run.notify or None,
        expires_at=_expiry(run),
        log=run.log.model_dump(mode="json") if run.log else None,
        alerts=run.alerts.model_dump(mode="json") if run.alerts else None,
        **values,
    )


def _run_of(row: RunRow) -> Run:
    values = row.values(_AS_THEY_ARE)
    values["status"], values["triggered_by"] = RunStatus(values["status"]), TriggeredBy(values["triggered_by"])
    values["exit_code"] = None if values["exit_code"] is None else int(values["exit_code"])
    values["log"] = StoredLog.model_validate(row.log) if row.log else None
    values["alerts"] = RunAlerts.model_validate(row.alerts) if row.alerts else None
    values["notify"] = [Event(event) for event in row.notify or ()]
    return Run.known(id=row.run_id, **values)


def _position(run: Run) -> str:
    return f"{moment(run.created_at)}#{run.id}"
