"""Has every organization looked at when the stack starts: what its pulses were, the last start took with it."""

from datetime import UTC, datetime

from jobs_api import store
from jobs_api.pulse import queue
from jobs_api.store.organizations import ALL
from jobs_api.store.tables import OrganizationRow


def ask() -> None:
    """Ask for a pass over each organization; nobody works on one, whatever a killed process has noted."""
    organizations = [one.id for one in store.list_organizations() if one.retired_at is None]
    for organization in organizations:
        OrganizationRow(ALL, organization).update(
            [OrganizationRow.pass_busy_until.remove()], OrganizationRow.partition.exists()
        )
    queue.ask_for_all(organizations, datetime.now(UTC))
