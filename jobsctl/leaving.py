"""Takes an organization out of its cluster, to move it to another or to delete it.

Both take one step after another, as far as is safe at that time, and say what they wait for. If they are interrupted
anywhere, they continue when they are run again. Without this order, CronJobs would stay in a cluster that no sync
reads, and never stop firing.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from jobs_api import store
from jobs_api.admin import tokens
from jobs_api.cancel.request import CancelRequest, unlaunched, with_request
from jobs_api.errors import Conflict
from jobs_api.logs import log_bucket
from jobs_api.model.audit import AuditAction
from jobs_api.model.document import rfc3339
from jobs_api.model.organization import Organization
from jobs_api.notifications.channels import CHANNELS
from jobs_api.pulse import queue
from jobs_api.store import audit, purging
from jobsctl import operations, usage_keys
from jobsctl.operator import entry_of, operator

# How long a process that read the tables earlier may still act on them: a sync takes up to five minutes, a request
# less, and the gateway accepts a revoked token for one minute.
UNDER_WAY: Final = timedelta(minutes=6)
# How long an event may still start something: the bus tries for five minutes, Lambda for as many, and then it runs.
LAST_EVENT: Final = timedelta(minutes=16)


def move(organization_id: str, cluster: str | None, now: datetime, *, abandon: bool = False) -> str | None:
    """Continue to move an organization to another cluster, None for the default.

    Args:
        organization_id: its id.
        cluster: the new cluster.
        now: aware.
        abandon: the old cluster no longer exists: wait for nothing.

    Returns:
        What the step waits for; None once the organization is moved.

    Raises:
        NotFound: there is no such organization.
        Conflict: some of its projects are deployed, or it is being deleted.
    """
    tokens.check_open(organization_id)
    organization = store.get_organization(organization_id)
    if organization.cluster != cluster and not abandon:
        _check_undeployed(organization_id)
        since = _leave(organization, now, closed=False)
        if waits_for := _in_cluster(organization, since, now):
            return waits_for
    if organization.cluster != cluster or organization.leaving_at:
        # A move that had to wait got its entry when it began.
        begun = organization.leaving_at is not None or not abandon
        entry = None if begun else entry_of(AuditAction.ORGANIZATION_MOVE, organization_id, organization_id)
        store.move_organization(organization_id, cluster, now, entry)
        queue.organization_changed(organization_id)
    return None


def delete(organization_id: str, now: datetime, *, abandon: bool = False) -> str | None:
    """Continue to delete an organization: its tokens, its projects and CronJobs, its runs, logs and Slack token.

    Args:
        organization_id: its id.
        now: aware.
        abandon: its cluster no longer exists: wait for nothing there.

    Returns:
        What the step waits for; None once nothing of the organization is left.

    Raises:
        NotFound: there is no such organization.
    """
    organization = store.get_organization(organization_id)
    since = _leave(organization, now, closed=True)
    _remove_tokens_and_projects(organization_id)
    retired_at = organization.retired_at
    if retired_at is None:
        if not abandon and (waits_for := _in_cluster(organization, since, now)):
            return waits_for
        store.retire_organization(organization_id, now)
        retired_at = now
    if now < retired_at + LAST_EVENT:
        return f"the last events about it to be handled, until {rfc3339(retired_at + LAST_EVENT)}"
    _purge(organization_id)
    return None


def _leave(organization: Organization, now: datetime, *, closed: bool) -> datetime:
    """Record that an organization leaves its cluster; return since when."""
    if organization.leaving_at and organization.closed >= closed:
        return organization.leaving_at
    action = AuditAction.ORGANIZATION_DELETE if closed else AuditAction.ORGANIZATION_MOVE
    store.leave_cluster(organization.id, now, closed=closed, entry=entry_of(action, organization.id, organization.id))
    queue.organization_changed(organization.id)
    return now


def _check_undeployed(organization_id: str) -> None:
    deployed = [project.id for project in store.list_projects(organization_id) if project.settings.deployed]
    if deployed:
        raise Conflict(f"undeploy its projects first, and deploy them again afterwards: {', '.join(deployed)}")


def _remove_tokens_and_projects(organization_id: str) -> None:
    """Revoke its tokens and remove its projects, also those that were made since an earlier try."""
    for token in store.list_tokens(organization_id):
        if token.revoked_at is None:
            operations.revoke_token(organization_id, token.id)
    for project in store.list_projects(organization_id):
        operations.delete_project(organization_id, project.id)
    _cancel_waiting(organization_id)


def _cancel_waiting(organization_id: str) -> None:
    """Cancel the runs that have no Job yet, so that none starts, and a waiting attempt does not delay the deletion."""
    now, request = datetime.now(UTC), CancelRequest(reason="the organization is deleted")
    for run in store.open_runs(organization_id):
        if run.launch:
            ended = unlaunched(with_request(run, request, operator(), now), now)
            store.cancel_unlaunched(
                run, ended, entry_of(AuditAction.RUN_CANCEL, organization_id, run.id, once="cancel")
            )


def _in_cluster(organization: Organization, since: datetime, now: datetime) -> str | None:
    """Return what a leaving organization still has, or may have, in its cluster."""
    if now < since + UNDER_WAY:
        return f"earlier requests and syncs to end, until {rfc3339(since + UNDER_WAY)}"
    if organization.cleared_at is None or organization.cleared_at < since + UNDER_WAY:
        held = organization.held_removals
        if held and not organization.closed:
            return f"`confirm-removals` or the right tables: they cannot explain {held.count} of its CronJobs"
        return "its CronJobs to be removed, which an ingest that reaches the cluster sees within a minute"
    going = sum(1 for _ in store.unfinished_runs(organization.id))
    return f"{going} runs to end" if going else None


def _purge(organization_id: str) -> None:
    for project_id in store.past_projects(organization_id):
        purging.purge_project(organization_id, project_id)
        store.forget_past_project(organization_id, project_id)
    log_bucket.purge(organization_id)
    for channel in CHANNELS:
        channel.sender().forget(organization_id)
    usage_keys.take(organization_id)
    audit.purge_audit_log(organization_id)
    store.forget_organization(organization_id)
