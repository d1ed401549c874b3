"""Takes an organization out of its cluster, to move it to another or to delete it.

Both go step by step, as far as is safe at the moment, and say what they wait for. Run again they go on from there, so
that either may be cut off anywhere. What would be left behind otherwise: CronJobs in a cluster that nobody looks at any
more, which fire for ever.
"""

from datetime import datetime, timedelta
from typing import Final

from jobs_api import store
from jobs_api.errors import Conflict
from jobs_api.logs import archive
from jobs_api.model.document import rfc3339
from jobs_api.model.organization import Organization
from jobs_api.store import purging
from jobsctl import operations, usage_keys

# How long what has read the tables before may still act on that: a sync takes up to five minutes, a request less, and
# the gateway honours a token for one minute after it was revoked.
UNDER_WAY: Final = timedelta(minutes=6)
# How long an event may still start something: the bus tries for five minutes, Lambda for as many, and then it runs.
LAST_EVENT: Final = timedelta(minutes=16)


def move(organization_id: str, cluster: str | None, now: datetime, *, abandon: bool = False) -> str | None:
    """Go on with giving an organization another cluster, None for the default.

    Args:
        organization_id: its id.
        cluster: where to.
        now: aware.
        abandon: the old cluster is gone for good: nothing is waited for.

    Returns:
        What is waited for; None once it is moved.

    Raises:
        NotFound: there is no such organization.
        Conflict: some of its projects are deployed, or it is being deleted.
    """
    operations.check_open(organization_id)
    organization = store.get_organization(organization_id)
    if organization.cluster != cluster and not abandon:
        _check_undeployed(organization_id)
        since = _leave(organization, now, closed=False)
        if waits_for := _in_cluster(organization, since, now):
            return waits_for
    if organization.cluster != cluster or organization.leaving_at:
        store.move_organization(organization_id, cluster, now)
    return None


def delete(organization_id: str, now: datetime, *, abandon: bool = False) -> str | None:
    """Go on with deleting an organization: its tokens, its projects and CronJobs, its runs, logs and Slack token.

    Args:
        organization_id: its id.
        now: aware.
        abandon: its cluster is gone for good: nothing there is waited for.

    Returns:
        What is waited for; None once nothing of it is left.

    Raises:
        NotFound: there is no such organization.
    """
    organization = store.get_organization(organization_id)
    since = _leave(organization, now, closed=True)
    _withdraw(organization_id)
    retired_at = organization.retired_at
    if retired_at is None:
        if not abandon and (waits_for := _in_cluster(organization, since, now)):
            return waits_for
        store.retire_organization(organization_id, now)
        retired_at = now
    if now < retired_at + LAST_EVENT:
        return f"the last events about it to be worked through, until {rfc3339(retired_at + LAST_EVENT)}"
    _purge(organization_id)
    return None


def _leave(organization: Organization, now: datetime, *, closed: bool) -> datetime:
    """Note that an organization leaves its cluster; return since when."""
    if organization.leaving_at and organization.closed >= closed:
        return organization.leaving_at
    store.leave_cluster(organization.id, now, closed=closed)
    return now


def _check_undeployed(organization_id: str) -> None:
    deployed = [project.id for project in store.list_projects(organization_id) if project.settings.deployed]
    if deployed:
        raise Conflict(f"undeploy its projects first, and deploy them again afterwards: {', '.join(deployed)}")


def _withdraw(organization_id: str) -> None:
    """End its tokens and remove its projects, those too that came after this was done before."""
    for token in store.list_tokens(organization_id):
        if token.revoked_at is None:
            operations.revoke_token(organization_id, token.id)
    for project in store.list_projects(organization_id):
        operations.delete_project(organization_id, project.id)


def _in_cluster(organization: Organization, since: datetime, now: datetime) -> str | None:
    """Return what of an organization that leaves is still in its cluster, or may be."""
    if now < since + UNDER_WAY:
        return f"what was under way before, until {rfc3339(since + UNDER_WAY)}"
    if organization.cleared_at is None or organization.cleared_at < since + UNDER_WAY:
        held = organization.held_removals
        if held and not organization.closed:
            return f"`confirm-removals` or its right tables: they know nothing of {held.count} of its CronJobs"
        return "its CronJobs to go, which an ingest that reaches the cluster notes within a minute"
    going = sum(1 for _ in store.open_runs(organization.id))
    return f"{going} runs to end" if going else None


def _purge(organization_id: str) -> None:
    for project_id in store.past_projects(organization_id):
        purging.purge_project(organization_id, project_id)
        store.forget_past_project(organization_id, project_id)
    archive.purge(organization_id)
    operations.forget_slack_token(organization_id)
    usage_keys.take(organization_id)
    store.forget_organization(organization_id)
