"""Reports a slot that is late and has no run yet: the cluster is out of reach, or has not started it.

Repeating that adds no deliveries: the id of a delivery follows from job, slot and channel. Afterwards the job gets a
note of the deadline, so that no later pass asks again, and so that the slot's run, when it comes, is not reported too.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from jobs_api import store
from jobs_api.ingest import missed_slot
from jobs_api.model import lateness
from jobs_api.model.alert_targets import Event
from jobs_api.model.document import rfc3339
from jobs_api.model.job import Job
from jobs_api.model.organization import Organization
from jobs_api.model.slots import Slot
from jobs_api.notifications import channels, queue
from jobs_api.store import DueJob

# The clocks of a cluster and of this service may differ.
MADE_BEFORE: Final = timedelta(minutes=1)


def report_late(organization: Organization, due: DueJob, job: Job, ran: Collection[datetime], now: datetime) -> Job:
    """Report the last slot of a job that is late and has no run; return the job, with a note if there was one.

    Several slots may have one deadline, and then nothing has run for a while: one message says that.

    Args:
        organization: as it is stored.
        due: the job and its project as they were read.
        job: the job with the slots that were settled since.
        ran: its slots that have Jobs.
        now: aware.

    Raises:
        ClientError, BotoCoreError: the queue did not take a message; the next pass tries again.
    """
    waiting = lateness.unstarted_slots(job, due.project.periods, now)
    late = _without_a_run(job, [slot for slot in waiting if slot.at not in ran], now)
    if late is None:
        return job
    alerts = channels.alerts_of(due.project, due.job)
    expected = {**lateness.expected_of(job, late.at), "late_at": now}
    said = _reason_for_no_run(organization)
    run = missed_slot.awaited_run(late, due.project, job, alerts, said, now).model_copy(update=expected)
    queue.queue_unstored(run.without_secrets(), Event.LATE)
    return job.with_late_reported(run.expected_by or now, now)


def _without_a_run(job: Job, waiting: list[Slot], now: datetime) -> Slot | None:
    """Return the last of these slots that has no run, also none that the list of Jobs leaves out."""
    if not waiting:
        return None
    since = waiting[0].at - MADE_BEFORE
    known = {run.scheduled_for for run in store.runs_of_job(job.organization_id, job.id, since, now, before=0)}
    return next((slot for slot in reversed(waiting) if slot.at not in known), None)


def _reason_for_no_run(organization: Organization) -> str:
    outage = organization.outages[-1] if organization.outages else None
    if outage and outage.until is None:
        return (
            f"The cluster has been out of reach since {rfc3339(outage.since)}, so it is not known whether the slot runs"
        )
    return "The cluster has not started it so far; if it does not until the starting deadline, the slot is missed"
