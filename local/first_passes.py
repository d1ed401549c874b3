"""Requests a pass over every organization when the stack starts, since pulses of the last start are lost."""

from datetime import UTC, datetime

from jobs_api import store
from jobs_api.pulse import queue
from jobs_api.store.organization_rows import ALL, OrganizationRow


def ask() -> None:
    """Request a pass over each organization, even where a killed process recorded that it works on one."""
    organizations = [one.id for one in store.list_organizations() if one.retired_at is None]
    for organization in organizations:
        OrganizationRow(ALL, organization).update(
            [OrganizationRow.pass_busy_until.remove()], OrganizationRow.partition.exists()
        )
    queue.ask_for_all(organizations, datetime.now(UTC))
