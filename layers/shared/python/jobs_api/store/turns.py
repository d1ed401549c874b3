"""The turn of a job: the last run that started because no other run of the job was open.

Indexes lag behind the table. So of two such runs, each of which sees no other, both would start; but each takes the
turn from the same run before it, in the transaction that starts it, and only one can.
"""

from datetime import datetime
from typing import Final

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from jobs_api.model.audit import StoredEntry
from jobs_api.model.run import LONGEST_OPEN, Run, RunStatus
from jobs_api.store import audit
from jobs_api.store.project_rows import TURN, ProjectsRow, TurnRow
from jobs_api.store.projects import partition_of
from jobs_api.store.run_items import row_with_events
from jobs_api.store.run_rows import RunRow
from jobs_api.store.transactions import ConditionFailed, try_write_all

# The position in the transaction of the write of the turn: after that of a new run.
_TURN_AFTER_RUN: Final = 1


class TurnLost(Exception):
    """Another run took the turn meanwhile; nothing was written."""


def holder_of_turn(organization_id: str, project_id: str, job_id: str) -> str | None:
    """Return the id of the run that has the turn of a job, open or ended; None where none had it. One GetItem."""
    try:
        row = ProjectsRow.get(partition_of(organization_id, project_id), TURN + job_id, consistent_read=True)
    except ProjectsRow.DoesNotExist:
        return None
    return row.holder if isinstance(row, TurnRow) else None


def create_run_in_turn(run: Run, entry: StoredEntry, holder: str | None) -> bool:
    """Write a new run and give it the turn; return False, and write nothing, if the run exists already.

    One transaction with the entry of the audit log. Raises TurnLost where `holder` has not the turn any more.
    """
    row, is_new = row_with_events(run), RunRow.run_id.does_not_exist()

    def fill(transaction: TransactWrite) -> None:
        transaction.save(row, condition=is_new)
        transaction.save(_turn(run), condition=_is_held_by(holder))

    try:
        audit.write_with(entry, fill)
    except ConditionFailed as error:
        if error.at == {_TURN_AFTER_RUN}:
            raise TurnLost from error
        return False
    return True


def admit_run(run: Run, holder: str | None, now: datetime) -> bool:
    """Let a run that waits for others start, and give it the turn; False where it does not wait, or lost the turn.

    It may be launched from now on. One transaction.
    """
    waits = (RunRow.status == RunStatus.PENDING.value) & RunRow.waits.exists() & RunRow.launch.exists()
    actions: list[Action] = [RunRow.waits.remove(), RunRow.launch_after.set(now), RunRow.updated_at.set(now)]

    def fill(transaction: TransactWrite) -> None:
        transaction.save(_turn(run), condition=_is_held_by(holder))
        transaction.update(RunRow(run.id), actions=actions, condition=waits)

    return try_write_all(fill)


def keep_turn(run: Run) -> None:
    """Record a run that is open without a Job as the one that has the turn: no other takes it before its end.

    Until an index has the run, nothing else would show that it is open. One PutItem.
    """
    _turn(run).save()


def _turn(run: Run) -> TurnRow:
    # Later than any end of the run: without a row, no run has the turn.
    expires_at = int((run.updated_at + LONGEST_OPEN).timestamp())
    partition = partition_of(run.organization_id, run.project_id)
    return TurnRow(partition, TURN + run.job_id, holder=run.id, expires_at=expires_at)


def _is_held_by(holder: str | None) -> Condition:
    return TurnRow.holder.does_not_exist() if holder is None else TurnRow.holder == holder
