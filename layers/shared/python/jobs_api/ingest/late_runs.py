"""Records which open runs are late or take long; and, while the cluster is out of reach, which slots are late.

A run is reported once: the write has the condition that no other process has found it late before. The same write has
the events.
"""

from datetime import datetime, timedelta
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.ingest import late_slots
from jobs_api.model import lateness, run_events
from jobs_api.model.organization import Organization
from jobs_api.model.run import Run
from jobs_api.notifications import queue

# For this long a run that ended in time may look late, because one request to the cluster failed and the next may
# succeed.
BLIP: Final = timedelta(minutes=1)

logger = Logger()


def record_late(run: Run, now: datetime) -> Run | None:
    """Record that an open run is late or takes long; return it with its events, None if nothing is recorded."""
    found = lateness.found_late(run, now)
    if found is run:
        return None
    found = run_events.with_events(run, found)
    return found if store.record_found(run, found) else None


def without_the_cluster(organization: Organization, now: datetime) -> list[datetime]:
    """Find what is late by the tables alone; return when more will be.

    Whether a run has ended, or a slot has begun, is not known before the cluster is back. Nothing is found late in the
    first minute.
    """
    blip_over_at = organization.outages[-1].since + BLIP
    if now < blip_over_at:
        return [blip_over_at]
    runs = list(store.open_runs(organization.id))
    queue.try_to_publish([found for run in runs if (found := record_late(run, now))])
    return [due for run in runs for due in lateness.next_found(run, now)] + _late_slots(organization, now)


def _late_slots(organization: Organization, now: datetime) -> list[datetime]:
    later = []
    for due in store.due_jobs(organization.id, now):
        if due.deleted or (late_from := lateness.next_deadline(due.job, now)) is None:
            continue
        later.append(late_from)
        try:
            after = late_slots.report_late(organization, due, due.job, (), now)
            if after != due.job:
                store.settle_job(due, after)
        except Exception:
            # The next pass tries again; other jobs do not wait for this one.
            logger.exception("a late slot was not told", organization_id=organization.id, job_id=due.job.id)
    return later
