"""The runs of a job's slots: those that ran, and the misses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.explained_slots import SlotRun
from jobs_api.model.slots import GRACE, miss_id
from jobs_api.redaction.masking import shown
from jobs_api.store.attributes import time_text
from jobs_api.store.pages import ROWS_A_QUERY, Listing
from jobs_api.store.run_rows import RunRow

MISSED: Final = "Missed: "
# The cluster's clock, which dates the Jobs, may be behind.
CLOCKS_APART: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class SlotRuns:
    """Runs by their slots. `read_from`: runs from before were not read, since there are too many; else None."""

    found: Mapping[datetime, SlotRun]
    read_from: datetime | None = None


def runs_of_slots(
    organization_id: str, job_id: str, since: datetime, until: datetime, latest_start: timedelta
) -> SlotRuns:
    """Return the runs of the slots between two times; an index is read, which may lag by a moment.

    A run is created when its slot starts, at most `latest_start` after the slot. 1 to 5 Queries.
    """
    begin, end = time_text(since - CLOCKS_APART), time_text(until + latest_start + GRACE)
    listing = Listing(
        RunRow.by_job,
        RunRow,
        job_id,
        RunRow.position.between(begin, f"{end}~"),
        (RunRow.organization_id == organization_id) & RunRow.scheduled_for.between(since, until),
        selective=True,
    )
    found: dict[datetime, SlotRun] = {}
    read_up_to = None
    for part in listing.parts(ROWS_A_QUERY):
        found |= {row.scheduled_for: slot_run(row) for row in part.rows if row.scheduled_for}
        read_up_to = part.read_up_to
    return SlotRuns(found, datetime.fromisoformat(read_up_to.partition("#")[0]) if read_up_to else None)


def misses_of(organization_id: str, job_id: str, slots: Iterable[datetime]) -> dict[datetime, SlotRun]:
    """Return the misses of slots, however late they were recorded. One BatchGetItem for each 100 slots."""
    ids = [miss_id(job_id, slot) for slot in slots]
    rows = RunRow.batch_get(ids, consistent_read=True) if ids else []
    return {
        row.scheduled_for: slot_run(row) for row in rows if row.scheduled_for and row.organization_id == organization_id
    }


def slot_run(row: RunRow) -> SlotRun:
    """Return what a run says of its slot."""
    if row.run_id != miss_id(row.job_id, row.scheduled_for):
        return SlotRun(row.run_id)
    return SlotRun(row.run_id, shown((row.error_message or "").removeprefix(MISSED)))
