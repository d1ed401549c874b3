"""Runs in the table: each is created once, and only moves forward. `store.run_lists` lists them."""

import os
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from jobs_api.errors import RunNotFound
from jobs_api.model import run_events
from jobs_api.model.actor import Actor
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.audit import StoredEntry
from jobs_api.model.chains import SkippedFollower
from jobs_api.model.results import ResultCounts
from jobs_api.model.run import ENDED_STATUSES, Run, RunStatus, StoredLog, TriggeredBy
from jobs_api.store import audit, run_counts
from jobs_api.store.attributes import time_text
from jobs_api.store.conditions import was_refused
from jobs_api.store.latest_artifacts import StoredFiles, write_with_latest
from jobs_api.store.projects import ID
from jobs_api.store.run_rows import RunRow, ended_in
from jobs_api.store.transactions import ConditionFailed, write_all

OPEN = [status.value for status in RunStatus if status not in ENDED_STATUSES]
# Stored in another form than the model's.
_OTHERWISE = frozenset(
    {"id", "log", "results", "alerts", "notify", "cancelled_by", "triggered_by_token", "followers_left", "skipped"}
)
_AS_THEY_ARE = tuple(name for name in Run.model_fields if name not in _OTHERWISE)


def create_run(
    run: Run,
    entry: StoredEntry | None = None,
    *,
    next_attempt: Run | None = None,
    files: StoredFiles | None = None,
) -> bool:
    """Write a new run and its events to send; return False, and write nothing, if it exists already.

    One PutItem; for a triggered run, one transaction with the entry of the audit log. A run that is seen only once it
    has ended is counted in one transaction, and may be written with its `next_attempt` or its `files`, as in
    `advance_run`.
    """
    row, is_new = row_with_events(run), RunRow.run_id.does_not_exist()
    if entry:
        return _with_entry(entry, lambda transaction: transaction.save(row, condition=is_new))
    if run.status.ended:
        return _counted(run, lambda transaction: transaction.save(row, condition=is_new), next_attempt, files)
    try:
        row.save(condition=is_new)
    except PutError as error:
        if not was_refused(error):
            raise
        return False
    return True


def row_with_events(run: Run) -> RunRow:
    """Return the row of a new run, with its events to send."""
    return new_row(run_events.with_events(None, run.without_secrets()))


def kept_for() -> timedelta:
    """Return how long runs are kept; the bucket keeps their logs for the same time."""
    return timedelta(days=int(os.environ["RUN_RETENTION_DAYS"]))


def get_run(organization_id: str, run_id: str, *, kept_at: datetime | None = None) -> Run:
    """Return a run; raises RunNotFound. One GetItem.

    With `kept_at`, a run that has expired by then is not found: DynamoDB may take two days to remove it, and its log
    may be removed sooner.
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
    """Return the runs that exist, by id. One BatchGetItem per 100."""
    rows = RunRow.batch_get(list(run_ids), consistent_read=True)
    return {row.run_id: run_of(row) for row in rows if row.organization_id == organization_id}


def advance_run(before: Run, after: Run, *, next_attempt: Run | None = None, files: StoredFiles | None = None) -> bool:
    """Move a run forward, from the state that was read to a new one; False if another process moved it first.

    Only a run that has not ended moves, and only from the status that was read. So two ingests at once, or a late one,
    cannot move it back. The events to send are written with the move, also where a run that ends is only now found
    late; where another process has found that first, it is False.

    One UpdateItem; for an end one transaction, in which the run is counted. With the run that is the `next_attempt` of
    one that failed, nothing is written, and False returned, where somebody has requested a cancellation meanwhile: a
    cancelled run is not retried. With the `files` that a success stored, the transaction also says that they are the
    newest ones.
    """
    after = run_events.with_events(before, after.without_secrets())
    unmoved = (RunRow.status == before.status.value) & RunRow.status.is_in(*OPEN) & _found_as(before)
    if not after.status.ended:
        return _update(before.id, _progress(after), unmoved)
    row, actions = RunRow(before.id), [*_progress(after), *_end(after)]
    if next_attempt:
        unmoved &= RunRow.cancel_requested_at.does_not_exist()
    return _counted(
        after,
        lambda transaction: transaction.update(row, actions=actions, condition=unmoved),
        next_attempt,
        files,
    )


def note_found(before: Run, after: Run) -> bool:
    """Record that an open run was found late, long or both, with the events to send; once, however many find it.

    False where it has ended, was found already, or has other events to send than those that were read.
    """
    events = RunRow.notify.does_not_exist() if not before.notify else RunRow.notify == [str(e) for e in before.notify]
    values = _found(after) + _to_notify(after) + [(RunRow.updated_at, after.updated_at)]
    actions = [attribute.set(value) for attribute, value in values if value is not None]
    return _update(before.id, actions, RunRow.status.is_in(*OPEN) & _found_as(before) & events)


def note_log_begins(run: Run, stamp: str) -> None:
    """Record how the log of an open run begins; if the run has ended, record nothing. One UpdateItem."""
    _update(run.id, [RunRow.log_begins.set(stamp)], RunRow.status.is_in(*OPEN))


def run_launched(run: Run, job_name: str, now: datetime) -> bool:
    """Remove `launch` from a run whose Job was created, and record the Job's name. One UpdateItem."""
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


def note_cancel_request(run: Run, entry: StoredEntry) -> bool:
    """Record on an open run who requested its cancellation; False where it has ended, or somebody was first.

    One that still waits for its Job is not noted, but cancelled by `cancel_unlaunched`. One transaction.
    """
    return _update(
        run.id,
        [*_cancel_request(run), RunRow.updated_at.set(run.updated_at)],
        RunRow.status.is_in(*OPEN) & RunRow.cancel_requested_at.does_not_exist() & RunRow.launch.does_not_exist(),
        entry,
    )


def cancel_unlaunched(before: Run, after: Run, entry: StoredEntry) -> bool:
    """End a run that still waits for its Job, which nobody creates from then on.

    False where somebody has created it, or has found it late since it was read. One transaction with the entry of the
    audit log, in which the run is counted.
    """
    after = run_events.with_events(before, after)
    waits = RunRow.status.is_in(*OPEN) & RunRow.launch.exists() & _found_as(before)
    actions = [*_cancel_request(after), *_progress(after), *_end(after)]
    actions += [RunRow.launch.remove(), RunRow.sealed_environment.remove()]

    def end(transaction: TransactWrite) -> None:
        transaction.update(RunRow(before.id), actions=actions, condition=waits)
        run_counts.add_to_counts(transaction, after)

    with run_counts.one_at_a_time(after):
        return _with_entry(entry, end)


def run_notified(run: Run) -> bool:
    """Clear `notify` of a run whose events are on the queue; False if more events were added since it was read."""
    return _update(
        run.id,
        [RunRow.notify.remove(), RunRow.notify_in.remove()],
        RunRow.notify == [str(event) for event in run.notify],
    )


def _update(run_id: str, actions: list[Action], condition: Condition, entry: StoredEntry | None = None) -> bool:
    """Change a run where a condition holds, in one transaction with the entry if somebody asked for the change."""
    if entry:
        row = RunRow(run_id)
        return _with_entry(entry, lambda transaction: transaction.update(row, actions=actions, condition=condition))
    try:
        RunRow(run_id).update(actions=actions, condition=condition)
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def _counted(
    ended: Run, fill: Callable[[TransactWrite], None], next_attempt: Run | None, files: StoredFiles | None
) -> bool:
    """Write how a run ended, count it, and write its next attempt or its files: all, or nothing, and return False."""

    def end(transaction: TransactWrite) -> None:
        fill(transaction)
        run_counts.add_to_counts(transaction, ended)

    with run_counts.one_at_a_time(ended):
        if next_attempt:
            return _with_next(next_attempt, end)
        return write_with_latest(files, end) if files else _written(end)


def _with_next(next_attempt: Run, end: Callable[[TransactWrite], None]) -> bool:
    """Write how a run ended and its next attempt: both, or nothing, and then return False.

    Where the next attempt exists, as in tables that were restored by hand, only the end is written.
    """
    row = new_row(next_attempt.without_secrets())

    def fill(transaction: TransactWrite) -> None:
        transaction.save(row, condition=RunRow.run_id.does_not_exist())
        end(transaction)

    try:
        write_all(fill)
    except ConditionFailed as error:
        return error.at == {0} and _written(end)
    return True


def _written(fill: Callable[[TransactWrite], None]) -> bool:
    try:
        write_all(fill)
    except ConditionFailed:
        return False
    return True


def _with_entry(entry: StoredEntry, fill: Callable[[TransactWrite], None]) -> bool:
    """Write to a run, and who asked for it: both, or nothing, and then return False."""
    try:
        audit.write_with(entry, fill)
    except ConditionFailed:
        return False
    return True


def _progress(run: Run) -> list[Action]:
    """Return the updates of everything that may change while a run is open; fields without a value do not change."""
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
        (RunRow.failure_cause, run.failure_cause),
        (RunRow.pod_name, run.pod_name),
        (RunRow.log_begins, run.log_begins),
        (RunRow.log_note, run.log_note),
        (RunRow.results, _counts(run)),
        (RunRow.log, run.log.model_dump(mode="json", exclude_none=True) if run.log else None),
        *_found(run),
        *_to_notify(run),
    ]
    return [attribute.set(value) for attribute, value in values if value is not None]


def _counts(run: Run) -> dict[str, int] | None:
    """Return the counts of a run's results as they are stored; a row over 1 KB would cost two units in each index."""
    return run.results.model_dump(mode="json", exclude_defaults=True) if run.results else None


def _found(run: Run) -> list[tuple[Any, Any]]:
    status = run.late_status.value if run.late_status else None
    return [(RunRow.late_at, run.late_at), (RunRow.late_status, status), (RunRow.long_at, run.long_at)]


def _found_as(run: Run) -> Condition:
    """Return the condition that nobody has found a run late or long since it was read."""
    late: Condition = RunRow.late_at.exists() if run.late_at else RunRow.late_at.does_not_exist()
    long: Condition = RunRow.long_at.exists() if run.long_at else RunRow.long_at.does_not_exist()
    both: Condition = late & long
    return both


def _to_notify(run: Run) -> list[tuple[Any, Any]]:
    return [
        (RunRow.notify, run.notify or None),
        (RunRow.notify_in, run.organization_id if run.notify else None),
    ]


def _cancel_request(run: Run) -> list[Action]:
    values: list[tuple[Any, Any]] = [
        (RunRow.cancel_requested_at, run.cancel_requested_at),
        (RunRow.cancel_reason, run.cancel_reason),
        (RunRow.cancelled_by, run.cancelled_by.model_dump(mode="json") if run.cancelled_by else None),
    ]
    return [attribute.set(value) for attribute, value in values if value is not None]


def _end(run: Run) -> list[Action]:
    """Return the updates of what only the end of a run changes."""
    ended = RunRow.ended_in.set(ended_in(run.project_id, run.status))
    retried = [RunRow.retried_as.set(run.retried_as)] if run.retried_as else []
    marks = [RunRow.followers_left.set(set(run.followers_left))] if run.followers_left else [RunRow.open_in.remove()]
    return [*marks, ended, RunRow.expires_at.set(_expiry(run)), *retried]


def _expiry(run: Run) -> int:
    return int(run.expires_at(kept_for()).timestamp())


def new_row(run: Run) -> RunRow:
    """Return the row of a new run."""
    values = {name: getattr(run, name) for name in _AS_THEY_ARE}
    return RunRow(
        run.id,
        position=position_of(run),
        open_in=None if run.status.ended and not run.followers_left else run.organization_id,
        followers_left=set(run.followers_left) or None,
        skipped=[one.model_dump(mode="json") for one in run.skipped or ()] or None,
        notify_in=run.organization_id if run.notify else None,
        notify=run.notify or None,
        expires_at=_expiry(run),
        results=_counts(run),
        log=run.log.model_dump(mode="json", exclude_none=True) if run.log else None,
        alerts=run.alerts.model_dump(mode="json") if run.alerts else None,
        cancelled_by=run.cancelled_by.model_dump(mode="json") if run.cancelled_by else None,
        triggered_by_token=run.triggered_by_token.model_dump(mode="json") if run.triggered_by_token else None,
        **values,
    )


def run_of(row: RunRow) -> Run:
    """Read a run from its row."""
    values = row.values(_AS_THEY_ARE)
    values["status"], values["triggered_by"] = RunStatus(values["status"]), TriggeredBy(values["triggered_by"])
    for name in ("exit_code", "attempt", "deadline_seconds", "expected_minutes"):
        values[name] = None if values[name] is None else int(values[name])
    first = values["first_triggered_by"]
    values["first_triggered_by"] = TriggeredBy(first) if first else None
    values["late_status"] = RunStatus(values["late_status"]) if values["late_status"] else None
    values["results"] = ResultCounts.model_validate(row.results) if row.results else None
    values["log"] = StoredLog.model_validate(row.log) if row.log else None
    values["alerts"] = RunAlerts.model_validate(row.alerts) if row.alerts else None
    values["cancelled_by"] = Actor.model_validate(row.cancelled_by) if row.cancelled_by else None
    token = row.triggered_by_token
    values["triggered_by_token"] = Actor.model_validate(token) if token else None
    values["skipped"] = [SkippedFollower.model_validate(one) for one in row.skipped] if row.skipped else None
    values["followers_left"] = sorted(row.followers_left or ())
    values["notify"] = [Event(event) for event in row.notify or ()]
    return Run.known(id=row.run_id, **values)


def position_of(run: Run) -> str:
    """Return a run's position among others, by age: a text that sorts as the runs do, and never changes."""
    return f"{time_text(run.created_at)}#{run.id}"
