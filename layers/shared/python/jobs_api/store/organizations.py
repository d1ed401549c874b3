"""Organizations in the table: what is recorded of each, and of its cluster."""

from datetime import datetime

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from jobs_api.errors import Conflict, NotFound
from jobs_api.model.audit import StoredEntry
from jobs_api.model.document import rfc3339
from jobs_api.model.organization import (
    HeldRemovals,
    Organization,
    RemovalConfirmation,
    UsageKey,
)
from jobs_api.model.periods import Outage
from jobs_api.recent import Recent
from jobs_api.store import audit
from jobs_api.store.conditions import was_refused
from jobs_api.store.organization_items import organization_of
from jobs_api.store.organization_rows import ALL, TOKEN_KEY, OrganizationRow, OrganizationsRow
from jobs_api.store.project_rows import META
from jobs_api.store.transactions import ConditionFailed


def create_organization(organization: Organization, entry: StoredEntry | None = None) -> None:
    """Write a new organization and its audit entry in one transaction; raises Conflict if the id is taken."""
    row = OrganizationRow(
        ALL,
        organization.id,
        name=organization.name,
        cluster=organization.cluster,
        created_at=organization.created_at,
        marked_at=organization.marked_at,
    )
    is_new = OrganizationRow.partition.does_not_exist()
    try:
        audit.write_with(entry, lambda transaction: transaction.save(row, condition=is_new))
    except ConditionFailed as error:
        raise Conflict(f"There is an organization {organization.id!r} already") from error


def get_organization(organization_id: str) -> Organization:
    """Return an organization; raises NotFound."""
    try:
        row = OrganizationsRow.get(ALL, organization_id)
    except OrganizationsRow.DoesNotExist as error:
        raise NotFound(f"There is no organization {organization_id!r}") from error
    return organization_of(row)


def recent_organization(organization_id: str) -> Organization:
    """Return an organization as it was at most a minute ago, usually from a cache; raises NotFound."""
    return _recent.get(organization_id)


_recent = Recent(get_organization, seconds=60)


def list_organizations() -> list[Organization]:
    """Return every organization, by id."""
    return [organization_of(row) for row in OrganizationsRow.query(ALL)]


def record_outages(organization: Organization, outages: list[Outage]) -> None:
    """Record when the organization's cluster could not be reached."""
    documents = [outage.model_dump(mode="json") for outage in outages]
    _change(organization.id, [OrganizationRow.outages.set(documents)])


def leave_cluster(organization_id: str, now: datetime, *, closed: bool, entry: StoredEntry | None = None) -> None:
    """Record that the organization is leaving its cluster, and with `closed` that it is being deleted."""
    actions = [OrganizationRow.leaving_at.set(now), OrganizationRow.cleared_at.remove()]
    _change(organization_id, [*actions, *([OrganizationRow.closed.set(True)] if closed else [])], entry=entry)


def record_cleared(organization_id: str, now: datetime) -> bool:
    """Record that its cluster has no CronJob of the organization any more; False if it is not leaving a cluster."""
    return _change(
        organization_id, [OrganizationRow.cleared_at.set(now)], condition=OrganizationRow.leaving_at.exists()
    )


def record_labelled(organization_id: str, now: datetime) -> None:
    """Record that from now on all objects of the organization in its cluster carry the deployment label."""
    _change(organization_id, [OrganizationRow.marked_at.set(now)])


def record_label_restored(organization_id: str, now: datetime) -> None:
    """Record that an object had lost the label and has it back, because an older version had been at work."""
    _change(organization_id, [OrganizationRow.marked_at.set(now)], condition=OrganizationRow.marked_at.exists())


def record_settled_jobs_checked(organization_id: str, at: datetime | None, entry: StoredEntry | None = None) -> None:
    """Note when all Jobs that are labelled as settled were compared with their runs; None has the next ingest do it."""
    checked = OrganizationRow.settled_jobs_checked_at
    _change(organization_id, [checked.set(at) if at else checked.remove()], entry=entry)


def record_held_removals(organization_id: str, held: HeldRemovals | None) -> None:
    """Record which of the organization's CronJobs a sync holds, None for none."""
    action = (
        OrganizationRow.held_removals.set(held.model_dump(mode="json"))
        if held
        else OrganizationRow.held_removals.remove()
    )
    _change(organization_id, [action])
    _recent.forget(organization_id)


def record_removal_confirmation(
    organization_id: str, confirmation: RemovalConfirmation, entry: StoredEntry | None = None
) -> None:
    """Record an operator's confirmation of removals; raises NotFound."""
    document = confirmation.model_dump(mode="json")
    if not _change(organization_id, [OrganizationRow.removal_confirmation.set(document)], entry=entry):
        raise NotFound(f"There is no organization {organization_id!r}")


def use_removal_confirmation(organization_id: str, confirmation: RemovalConfirmation, now: datetime) -> None:
    """Record that a sync has removed everything that was confirmed, unless there is a newer confirmation."""
    as_read = confirmation.model_dump(mode="json")
    _change(
        organization_id,
        [OrganizationRow.removal_confirmation.set({**as_read, "used_at": rfc3339(now)})],
        condition=OrganizationRow.removal_confirmation == as_read,
    )


def retire_organization(organization_id: str, now: datetime) -> None:
    """Record that no more passes are made over the organization."""
    _change(organization_id, [OrganizationRow.retired_at.set(now)])


def move_organization(
    organization_id: str, cluster: str | None, now: datetime, entry: StoredEntry | None = None
) -> None:
    """Record the organization's new cluster, None for the deployment's default; the move is then complete."""
    named = OrganizationRow.cluster.set(cluster) if cluster else OrganizationRow.cluster.remove()
    left = [OrganizationRow.leaving_at.remove(), OrganizationRow.cleared_at.remove()]
    _change(organization_id, [named, OrganizationRow.cluster_since.set(now), *left], entry=entry)


def forget_organization(organization_id: str) -> None:
    """Remove an organization's tokens and last the organization, so that an interrupted removal can continue."""
    own = OrganizationsRow.sort.startswith(TOKEN_KEY)
    for pointer in OrganizationsRow.query(organization_id, own, consistent_read=True):
        OrganizationsRow(pointer.sort, META).delete()
        pointer.delete()
    OrganizationsRow(ALL, organization_id).delete()


def record_usage_key(organization_id: str, usage_key: UsageKey, entry: StoredEntry | None = None) -> None:
    """Record which API key counts an organization's requests; raises NotFound."""
    document = usage_key.model_dump(mode="json")
    if not _change(organization_id, [OrganizationRow.usage_key.set(document)], entry=entry):
        raise NotFound(f"There is no organization {organization_id!r}")


def _change(
    organization_id: str,
    actions: list[Action],
    condition: Condition | None = None,
    entry: StoredEntry | None = None,
) -> bool:
    """Change an existing organization; False if it does not exist, or if the condition is false.

    One UpdateItem; if an operator asked for it, one transaction with the entry of the audit log.
    """
    there = OrganizationRow.partition.exists()
    row, holds = OrganizationRow(ALL, organization_id), there if condition is None else there & condition
    try:
        if entry:
            audit.write_with(entry, lambda transaction: transaction.update(row, actions=actions, condition=holds))
        else:
            row.update(actions, holds)
    except ConditionFailed:
        return False
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True
