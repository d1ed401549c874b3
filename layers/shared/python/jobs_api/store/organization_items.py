"""How an organization is read from its row."""

from jobs_api.model.organization import (
    HeldRemovals,
    Organization,
    RemovalConfirmation,
    UsageKey,
)
from jobs_api.model.periods import Outage
from jobs_api.model.pulse import Pulse
from jobs_api.store.organization_rows import OrganizationRow, OrganizationsRow


def organization_of(row: OrganizationsRow) -> Organization:
    """Read an organization out of its row."""
    if not isinstance(row, OrganizationRow):
        raise TypeError(f"{row.partition} {row.sort} is not an organization")
    return Organization.known(
        id=row.sort,
        name=row.name,
        cluster=row.cluster,
        created_at=row.created_at,
        usage_key=UsageKey.model_validate(row.usage_key) if row.usage_key else None,
        outages=[Outage.model_validate(outage) for outage in row.outages or ()],
        cluster_since=row.cluster_since,
        leaving_at=row.leaving_at,
        cleared_at=row.cleared_at,
        closed=bool(row.closed),
        retired_at=row.retired_at,
        marked_at=row.marked_at,
        settled_jobs_checked_at=row.settled_jobs_checked_at,
        held_removals=HeldRemovals.model_validate(row.held_removals) if row.held_removals else None,
        removal_confirmation=(
            RemovalConfirmation.model_validate(row.removal_confirmation) if row.removal_confirmation else None
        ),
        pulse=Pulse.known(
            generation=int(row.pulse_generation or 0),
            began_at=row.pass_began_at,
            busy_until=row.pass_busy_until,
            asked_at=row.pass_asked_at,
            due_at=row.pass_due_at,
            sync_due_at=row.sync_due_at,
        ),
    )
