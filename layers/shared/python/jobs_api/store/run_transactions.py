"""Writes of a run together with what belongs to them: its count, its next attempt, its files, who asked for them."""

from collections.abc import Callable

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from jobs_api.model.audit import StoredEntry
from jobs_api.model.run import Run
from jobs_api.store import audit, run_counts
from jobs_api.store.conditions import was_refused
from jobs_api.store.latest_artifacts import StoredFiles, write_with_latest
from jobs_api.store.run_items import new_row
from jobs_api.store.run_rows import RunRow
from jobs_api.store.transactions import ConditionFailed, try_write_all, write_all


def update_if(run_id: str, actions: list[Action], condition: Condition, entry: StoredEntry | None = None) -> bool:
    """Change a run where a condition holds, in one transaction with the entry if somebody asked for the change."""
    row = RunRow(run_id)
    if entry:
        return write_with_entry(entry, lambda writes: writes.update(row, actions=actions, condition=condition))
    try:
        row.update(actions=actions, condition=condition)
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def write_end(
    ended: Run, fill: Callable[[TransactWrite], None], next_attempt: Run | None, files: StoredFiles | None
) -> bool:
    """Write how a run ended, count it, and write its next attempt or its files: all, or nothing, and return False."""

    def end(transaction: TransactWrite) -> None:
        fill(transaction)
        run_counts.add_to_counts(transaction, ended)

    with run_counts.one_at_a_time(ended):
        if next_attempt:
            return _with_next(next_attempt, end)
        return write_with_latest(files, end) if files else try_write_all(end)


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
        return error.at == {0} and try_write_all(end)
    return True


def write_with_entry(entry: StoredEntry, fill: Callable[[TransactWrite], None]) -> bool:
    """Write to a run, and who asked for it: both, or nothing, and then return False."""
    try:
        audit.write_with(entry, fill)
    except ConditionFailed:
        return False
    return True
