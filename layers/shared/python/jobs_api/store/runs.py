"""Runs in the table: made once, moved forward only. `store.run_lists` lists them."""

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from jobs_api.errors import RunNotFound
from jobs_api.model import run_events
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.run import ENDED_STATUSES, Run, RunStatus, StoredLog, TriggeredBy
from jobs_api.store.conditions import was_refused
from jobs_api.store.projects import ID
from jobs_api.store.tables import RunRow, ended_in, time_text

OPEN = [status.value for status in RunStatus if status not in ENDED_STATUSES]
# Kept otherwise than as it stands in the model.
_OTHERWISE = frozenset({"id", "log", "alerts", "notify"})
_AS_THEY_ARE = tuple(name for name in Run.model_fields if name not in _OTHERWISE)


def create_run(run: Run) -> bool:
    """Write a new run, and what is to be told of it; False where it is there already, and nothing is written.

    One PutItem.
    """
    try:
        _row(run_events.marked(None, run.without_secrets())).save(condition=RunRow.run_id.does_not_exist())
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
    return run_of(row)


def find_runs(organization_id: str, run_ids: Iterable[str]) -> dict[str, Run]:
    """Return those of the runs that exist, by id. One BatchGetItem per 100."""
    rows = RunRow.batch_get(list(run_ids), consistent_read=True)
    return {row.run_id: run_of(row) for row in rows if row.organization_id == organization_id}


def advance_run(before: Run, after: Run) -> bool:
    """Move a run on, from what was read to what is now known; False where somebody moved it first.

    Only a run that has not ended moves, and only from the status it was read in, so that two ingests at once, or one
    that comes late, cannot take it back. What is to be told of the move is written with it.
    """
    after = run_events.marked(before, after.without_secrets())
    return _update(
        before.id,
        [*_progress(after), *(_end(after) if after.status.ended else [])],
        (RunRow.status == before.status.value) & RunRow.status.is_in(*OPEN),
    )


def note_log_begins(run: Run, stamp: str) -> None:
    """Note how the log of a run that goes on begins; of one that has ended meanwhile nothing is. One UpdateItem."""
    _update(run.id, [RunRow.log_begins.set(stamp)], RunRow.status.is_in(*OPEN))


def run_launched(run: Run, job_name: str, now: datetime) -> bool:
    """Clear the mark that a run's Job is to be created, noting the name it got. One UpdateItem."""
    return _update(
        run.id,
        [
            RunRow.launch.remove(),
            RunRow.sealed_environment.remove(),
            RunRow.job_name.set(job_name),
            RunRow.updated_at.set(now),
        ],
        RunRow.launch.exists(),
    )


def run_notified(run: Run) -> bool:
    """Clear the mark that there is something to tell of a run; False where more has been added since it was read."""
    return _update(
        run.id,
        [RunRow.notify.remove(), RunRow.notify_in.remove()],
        RunRow.notify == [str(event) for event in run.notify],
    )


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
        (RunRow.message, run.message),
        (RunRow.cause, run.cause),
        (RunRow.pod_name, run.pod_name),
        (RunRow.log_begins, run.log_begins),
        (RunRow.log_note, run.log_note),
        (RunRow.log, run.log.model_dump(mode="json") if run.log else None),
        (RunRow.notify, run.notify or None),
        (RunRow.notify_in, run.organization_id if run.notify else None),
    ]
    return [attribute.set(value) for attribute, value in values if value is not None]


def _end(run: Run) -> list[Action]:
    """Return the updates of what only an end changes."""
    ended = RunRow.ended_in.set(ended_in(run.project_id, run.status))
    return [RunRow.open_in.remove(), ended, RunRow.expires_at.set(_expiry(run))]


def _expiry(run: Run) -> int:
    return int(run.expires_at(kept_for()).timestamp())


def _row(run: Run) -> RunRow:
    values = {name: getattr(run, name) for name in _AS_THEY_ARE}
    return RunRow(
        run.id,
        position=position_of(run),
        open_in=None if run.status.ended else run.organization_id,
        notify_in=run.organization_id if run.notify else None,
        notify=run.notify or None,
        expires_at=_expiry(run),
        log=run.log.model_dump(mode="json") if run.log else None,
        alerts=run.alerts.model_dump(mode="json") if run.alerts else None,
        **values,
    )


def run_of(row: RunRow) -> Run:
    """Read a run out of its row."""
    values = row.values(_AS_THEY_ARE)
    values["status"], values["triggered_by"] = RunStatus(values["status"]), TriggeredBy(values["triggered_by"])
    values["exit_code"] = None if values["exit_code"] is None else int(values["exit_code"])
    values["log"] = StoredLog.model_validate(row.log) if row.log else None
    values["alerts"] = RunAlerts.model_validate(row.alerts) if row.alerts else None
    values["notify"] = [Event(event) for event in row.notify or ()]
    return Run.known(id=row.run_id, **values)


def position_of(run: Run) -> str:
    """Return where a run stands among others, by age: a text that sorts as runs do, and never changes."""
    return f"{time_text(run.created_at)}#{run.id}"
