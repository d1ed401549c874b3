"""The runs of a project that have results, newest first."""

from datetime import datetime

from jobs_api.model.run import Run
from jobs_api.store.attributes import time_text
from jobs_api.store.pages import Listing
from jobs_api.store.run_items import position_of, run_of
from jobs_api.store.run_rows import RunRow

# Sorts after every position.
_NEWEST = "~"


def runs_with_results(
    organization_id: str,
    project_id: str,
    since: datetime,
    *,
    most: int,
    kept_at: datetime,
    up_to: str | None = None,
    before: str | None = None,
) -> tuple[list[Run], str | None]:
    """Return up to `most` runs that were created since then, and the position up to which was read, None at the end.

    The caller must have checked that the project belongs to the organization. One to `pages.QUERIES` Queries; there may
    be fewer runs, or none, although more follow.

    Args:
        organization_id: the organization.
        project_id: the project.
        since: the earliest creation.
        most: at least 1.
        kept_at: leaves out runs that have expired by then.
        up_to: the position of the newest run.
        before: the same, without the run at this position.
    """
    condition = (
        (RunRow.organization_id == organization_id)
        & RunRow.results.exists()
        & (RunRow.expires_at.does_not_exist() | (RunRow.expires_at > int(kept_at.timestamp())))
    )
    within = RunRow.position.between(time_text(since), up_to or before or _NEWEST)
    listing = Listing(RunRow.by_project, RunRow, project_id, within, condition, selective=False)
    # BETWEEN includes its bounds.
    rows, position = listing.page(most + 1 if before else most)
    runs = [run_of(row) for row in rows if row.position != before]
    return (runs[:most], position_of(runs[most - 1])) if len(runs) > most else (runs, position)
