"""Records when an organization's cluster cannot be reached, and ends the runs that have waited too long for it."""

from datetime import datetime, timedelta

from jobs_api import store
from jobs_api.ingest import retrying, unseen_end
from jobs_api.ingest.log_storing import with_what_is_left
from jobs_api.model import lateness
from jobs_api.model.organization import Organization
from jobs_api.store import followers


def record_reached(organization: Organization, now: datetime, *, reached: bool) -> Organization:
    """Record whether the organization's cluster could be reached, if that has changed; return the organization."""
    outages = organization.outages_if(reached=reached, now=now)
    if outages == organization.outages:
        return organization
    store.record_outages(organization, outages)
    return organization.model_copy(update={"outages": outages})


def end_overdue(organization: Organization, now: datetime) -> int:
    """End the runs that have waited too long for an unreachable cluster; return how many."""
    timeouts = {
        project.id: timedelta(seconds=project.settings.active_deadline_seconds)
        for project in store.list_projects(organization.id)
    }
    late = (
        # A run of an earlier release has no deadline of its own.
        (run, unseen_end.overdue(run, unseen_end.timeout_of(run) or timeouts.get(run.project_id), now))
        for run in store.open_runs(organization.id)
    )
    ended = ((run, lateness.found_late_at_end(run, with_what_is_left(run, end))) for run, end in late if end)
    ends = ((run, retrying.with_next_attempt(after, now)) for run, after in ended)
    return sum(
        store.advance_run(run, followers.with_followers(after), next_attempt=attempt) for run, (after, attempt) in ends
    )
