"""Requests to cancel a run, as the table records them."""

from pynamodb.transactions import TransactWrite

from jobs_api.model import run_events
from jobs_api.model.audit import StoredEntry
from jobs_api.model.run import Run
from jobs_api.store import run_counts
from jobs_api.store.run_rows import RunRow
from jobs_api.store.run_transactions import update_if, write_with_entry
from jobs_api.store.run_updates import OPEN, cancel_request_updates, end_updates, found_as, progress_updates


def record_cancel_request(run: Run, entry: StoredEntry) -> bool:
    """Record on an open run who requested its cancellation; False where it has ended, or somebody was first.

    One that still waits for its Job gets no request: it is cancelled by `cancel_unlaunched`. One transaction.
    """
    return update_if(
        run.id,
        [*cancel_request_updates(run), RunRow.updated_at.set(run.updated_at)],
        RunRow.status.is_in(*OPEN) & RunRow.cancel_requested_at.does_not_exist() & RunRow.launch.does_not_exist(),
        entry,
    )


def cancel_unlaunched(before: Run, after: Run, entry: StoredEntry) -> bool:
    """End a run that still waits for its Job, which nobody creates from then on.

    False where somebody has created it, or has found it late since it was read. One transaction with the entry of the
    audit log, in which the run is counted.
    """
    after = run_events.with_events(before, after)
    waits = RunRow.status.is_in(*OPEN) & RunRow.launch.exists() & found_as(before)
    actions = [*cancel_request_updates(after), *progress_updates(after), *end_updates(after)]
    actions += [RunRow.launch.remove(), RunRow.sealed_environment.remove()]

    def end(transaction: TransactWrite) -> None:
        transaction.update(RunRow(before.id), actions=actions, condition=waits)
        run_counts.add_to_counts(transaction, after)

    with run_counts.one_at_a_time(after):
        return write_with_entry(entry, end)
