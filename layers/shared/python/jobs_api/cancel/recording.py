"""Records that a run is to be cancelled before the cluster is asked: if the process dies then, ingest continues."""

from typing import Final

from jobs_api import store
from jobs_api.cancel.request import CancelRequest, cancel_entry, unlaunched, with_request
from jobs_api.errors import ChangedMeanwhile, RunAlreadyEnded
from jobs_api.model.audit import WrittenBy
from jobs_api.model.document import rfc3339
from jobs_api.model.run import Run, RunStatus

# A run may be launched after the first read and end after the second; nothing else can change it.
READS_OF_A_RUN: Final = 3


def record_request(organization_id: str, run_id: str, request: CancelRequest, by: WrittenBy) -> Run:
    """Record a request, and return the run as it is then; one that waits for its Job is cancelled at once.

    The first requester stays on the run.

    Raises:
        RunNotFound: the organization has no such run.
        RunAlreadyEnded: it has ended, and not because it was cancelled.
    """
    now = by.at
    for _ in range(READS_OF_A_RUN):
        run = store.get_run(organization_id, run_id, kept_at=now)
        if run.status is RunStatus.CANCELLED or run.is_to_be_cancelled:
            return run
        if run.status.ended:
            at = f" at {rfc3339(run.end_time)}" if run.end_time else ""
            raise RunAlreadyEnded(f"The run ended as {run.status}{at}, so there is nothing to cancel")
        asked = with_request(run, request, by.actor, now)
        entry = cancel_entry(run, by)
        if run.launch:
            ended = unlaunched(asked, now)
            if store.cancel_unlaunched(run, ended, entry):
                return ended
        elif store.record_cancel_request(asked, entry):
            return asked
    raise ChangedMeanwhile("The run changed while it was to be cancelled; try again")
