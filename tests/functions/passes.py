"""Runs the two passes of a pulse at once, and raises their errors."""

from collections import Counter
from datetime import UTC, datetime

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.pulse import passes
from jobs_api.sync import Scope


def now() -> datetime:
    """Return the present time of the function."""
    return datetime.now(UTC)


def sync(organization_id: str, project_id: str | None = None, job_id: str | None = None) -> Counter[str]:
    """Make the CronJobs match the jobs of an organization, or of a part of it."""
    return passes.sync_cronjobs(Scope(organization_id=organization_id, project_id=project_id, job_id=job_id), now())


def ingest(organization_id: str, clock: Clock = now) -> None:
    """Bring an organization's runs up to date; raises the error for which the pass would be repeated."""
    ingested = passes.ingest_runs(store.get_organization(organization_id), clock)
    if ingested.error:
        raise ingested.error
