"""Records when an organization's cluster cannot be reached, and ends the runs that have waited too long for it."""

from datetime import datetime, timedelta

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.ingest import retrying, unseen_end
from jobs_api.ingest.logs_left import with_what_is_left
from jobs_api.model import lateness
from jobs_api.model.organization import Organization
from jobs_api.model.run import Run
from jobs_api.store import followers

logger = Logger()


def record_reached(organization: Organization, now: datetime, *, reached: bool) -> Organization:
    """Record whether the organization's cluster could be reached, if that has changed; return the organization."""
    outages = organization.outages_if(reached=reached, now=now)
    if outages == organization.outages:
        return organization
    store.record_outages(organization, outages)
    return organization.model_copy(update={"outages": outages})


def end_overdue(organization: Organization, now: datetime) -> None:
    """End the runs that have waited too long for an unreachable cluster."""
    timeouts = {
        project.id: timedelta(seconds=project.settings.active_deadline_seconds)
        for project in store.list_projects(organization.id)
    }
    for run in store.open_runs(organization.id):
        # A run of an earlier release has no deadline of its own.
        timeout = unseen_end.timeout_of(run) or timeouts.get(run.project_id)
        if ended := unseen_end.overdue(run, timeout, now):
            _try_to_end(run, ended, now)


def _try_to_end(run: Run, ended: Run, now: datetime) -> None:
    """Write how a run ends, with its next attempt. Where that fails, the others end, and the next pass tries again."""
    try:
        with_log = with_what_is_left(run, ended)
        after, attempt = retrying.with_next_attempt(lateness.found_late_at_end(run, with_log), now)
        store.advance_run(run, followers.with_followers(after), next_attempt=attempt)
    except Exception:
        logger.exception("an overdue run was not ended", organization_id=run.organization_id, run_id=run.id)
