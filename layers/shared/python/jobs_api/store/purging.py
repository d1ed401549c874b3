"""Removes the runs, their counts and the deliveries of a project that is deleted.

Only operators do this, so no function loads it. A purge that dies continues where it was when it is run again.
"""

from itertools import batched

from jobs_api.store.delivery_rows import DeliveriesRow, DeliveryRow
from jobs_api.store.latest_artifacts import purge_latest
from jobs_api.store.run_counts import purge_counts
from jobs_api.store.run_rows import RunRow

PAGE = 500


def purge_project(organization_id: str, project_id: str) -> int:
    """Remove a project's deliveries, its runs and their counts, a page at a time; return how many runs that were.

    A page's deliveries go before its runs, which name the jobs by which deliveries are found.
    """
    rows = RunRow.by_project.query(
        project_id,
        filter_condition=RunRow.organization_id == organization_id,
        attributes_to_get=["run_id", "job_id"],
        page_size=PAGE,
    )
    purged, done = 0, set[str]()
    for page in batched(rows, PAGE, strict=False):
        jobs = {row.job_id for row in page} - done
        for job_id in sorted(jobs):
            _purge_deliveries(organization_id, job_id)
        done |= jobs
        with RunRow.batch_write() as batch:
            for row in page:
                batch.delete(row)
        purged += len(page)
    purge_latest(organization_id, project_id)
    purge_counts(organization_id, project_id)
    return purged


def _purge_deliveries(organization_id: str, job_id: str) -> None:
    rows = DeliveriesRow.by_job.query(job_id, filter_condition=DeliveryRow.organization_id == organization_id)
    with DeliveriesRow.batch_write() as batch:
        for row in rows:
            batch.delete(row)
