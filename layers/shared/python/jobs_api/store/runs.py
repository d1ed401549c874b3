"""Runs in the table: each is created once, and only moves forward. `store.run_lists` lists them."""

from collections.abc import Iterable
from datetime import datetime

from pynamodb.exceptions import PutError

from jobs_api.errors import RunNotFound
from jobs_api.model import run_events
from jobs_api.model.audit import StoredEntry
from jobs_api.model.run import Run
from jobs_api.store.conditions import was_refused
from jobs_api.store.latest_artifacts import StoredFiles
from jobs_api.store.projects import ID
from jobs_api.store.run_items import row_with_events, run_of
from jobs_api.store.run_rows import RunRow
from jobs_api.store.run_transactions import update_if, write_end, write_with_entry
from jobs_api.store.run_updates import OPEN, end_updates, found_as, found_values, notify_values, progress_updates


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
        return write_with_entry(entry, lambda transaction: transaction.save(row, condition=is_new))
    if run.status.ended:
        return write_end(run, lambda transaction: transaction.save(row, condition=is_new), next_attempt, files)
    try:
        row.save(condition=is_new)
    except PutError as error:
        if not was_refused(error):
            raise
        return False
    return True


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
    if row.organization_id != organization_id or _has_expired(row, kept_at):
        raise RunNotFound(run_id)
    return run_of(row)


def find_runs(
    organization_id: str, run_ids: Iterable[str], *, kept_at: datetime | None = None, consistent: bool = True
) -> dict[str, Run]:
    """Return the runs that exist, by id, with `kept_at` without expired ones.

    One BatchGetItem per 100; one that need not be `consistent` costs half.
    """
    rows = RunRow.batch_get(list(run_ids), consistent_read=consistent)
    return {
        row.run_id: run_of(row)
        for row in rows
        if row.organization_id == organization_id and not _has_expired(row, kept_at)
    }


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
    unmoved = (RunRow.status == before.status.value) & RunRow.status.is_in(*OPEN) & found_as(before)
    if not after.status.ended:
        return update_if(before.id, progress_updates(after), unmoved)
    row, actions = RunRow(before.id), [*progress_updates(after), *end_updates(after)]
    if next_attempt:
        unmoved &= RunRow.cancel_requested_at.does_not_exist()
    return write_end(
        after,
        lambda transaction: transaction.update(row, actions=actions, condition=unmoved),
        next_attempt,
        files,
    )


def record_found(before: Run, after: Run) -> bool:
    """Record that an open run was found late, long or both, with the events to send; once, however many find it.

    False where it has ended, was found already, or has other events to send than those that were read.
    """
    events = RunRow.notify.does_not_exist() if not before.notify else RunRow.notify == [str(e) for e in before.notify]
    values = found_values(after) + notify_values(after) + [(RunRow.updated_at, after.updated_at)]
    actions = [attribute.set(value) for attribute, value in values if value is not None]
    return update_if(before.id, actions, RunRow.status.is_in(*OPEN) & found_as(before) & events)


def record_log_begins(run: Run, stamp: str) -> None:
    """Record how the log of an open run begins; if the run has ended, record nothing. One UpdateItem."""
    update_if(run.id, [RunRow.log_begins.set(stamp)], RunRow.status.is_in(*OPEN))


def run_launched(run: Run, job_name: str, now: datetime) -> bool:
    """Remove `launch` from a run whose Job was created, and record the Job's name. One UpdateItem."""
    return update_if(
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
    """Clear `notify` of a run whose events are on the queue; False if more events were added since it was read."""
    return update_if(
        run.id,
        [RunRow.notify.remove(), RunRow.notify_in.remove()],
        RunRow.notify == [str(event) for event in run.notify],
    )


def _has_expired(row: RunRow, at: datetime | None) -> bool:
    return at is not None and row.expires_at is not None and row.expires_at <= at.timestamp()
