"""The pulse of each organization, noted on its item. Every write is conditional, so that one pass at a time goes on."""

from datetime import datetime, timedelta
from typing import Final

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from jobs_api.model.organization import Organization
from jobs_api.store.conditions import was_refused
from jobs_api.store.organizations import ALL, organization_of
from jobs_api.store.tables import OrganizationRow, OrganizationsRow

# A pass that takes longer is taken for dead, and another may begin beside it: all they write is conditional.
BUSY_FOR: Final = timedelta(minutes=2)
# Passes that are asked for begin no closer to each other than this. One that began so shortly after it was asked for
# may have begun earlier by the clock of who asked.
CLOSEST: Final = timedelta(seconds=1)


def begin_pass(organization_id: str, generation: int, now: datetime) -> Organization | None:
    """Take the pulse of a generation, which is used up by that; None where it is not the current one.

    Returns the organization as it is now, with the generation of the pass that begins. One UpdateItem.
    """
    return _begin(organization_id, OrganizationRow.pulse_generation == generation, now)


def begin_asked_pass(organization_id: str, asked_at: datetime, now: datetime) -> Organization | None:
    """Begin a pass that was asked for, in place of the pulse to come; None where another has done it, or does.

    A last pass that began in the future has a wrong clock, or `now` is one: it says nothing about what is asked for.
    """
    began_at = OrganizationRow.pass_began_at
    early_enough = (began_at < asked_at + CLOSEST) & (began_at <= now - CLOSEST)
    is_possible = began_at.does_not_exist() | early_enough | (began_at > now + CLOSEST)
    return _begin(organization_id, is_possible, now)


def current_organization(organization_id: str) -> Organization | None:
    """Return an organization with its pulse as it is at this moment. One consistent GetItem."""
    try:
        return organization_of(OrganizationsRow.get(ALL, organization_id, consistent_read=True))
    except OrganizationsRow.DoesNotExist:
        return None


def ask_busy_pass(organization: Organization, asked_at: datetime) -> bool:
    """Have the pass that goes on be followed by another at once; False where it has ended since. One UpdateItem."""
    same = OrganizationRow.pulse_generation == organization.pulse.generation
    busy = OrganizationRow.pass_busy_until.exists()
    return _update(organization.id, [OrganizationRow.pass_asked_at.set(asked_at)], same & busy) is not None


def end_pass(
    organization: Organization, due_at: datetime | None, sync_due_at: datetime | None, *, asked: bool = False
) -> bool:
    """Note when the next pass is due, None for never; False where another pass has begun, or one was asked for.

    With `asked` the caller knows of that, and it makes no difference. One UpdateItem.
    """
    actions: list[Action] = [OrganizationRow.pass_busy_until.remove(), OrganizationRow.pass_asked_at.remove()]
    actions.append(OrganizationRow.pass_due_at.set(due_at) if due_at else OrganizationRow.pass_due_at.remove())
    if sync_due_at:
        actions.append(OrganizationRow.sync_due_at.set(sync_due_at))
    condition = OrganizationRow.pulse_generation == organization.pulse.generation
    if not asked:
        condition &= OrganizationRow.pass_asked_at.does_not_exist()
    return _update(organization.id, actions, condition) is not None


def sync_sooner(organization_id: str, due_at: datetime) -> None:
    """Note that the next sync of the whole organization is due by then. One UpdateItem."""
    due = OrganizationRow.sync_due_at
    _update(organization_id, [due.set(due_at)], due.does_not_exist() | (due > due_at))


def _begin(organization_id: str, condition: Condition, now: datetime) -> Organization | None:
    busy_until = OrganizationRow.pass_busy_until
    free = busy_until.does_not_exist() | (busy_until <= now)
    actions: list[Action] = [
        OrganizationRow.pulse_generation.add(1),
        OrganizationRow.pass_began_at.set(now),
        busy_until.set(now + BUSY_FOR),
        OrganizationRow.pass_asked_at.remove(),
        # The pulse that was to come does nothing any more.
        OrganizationRow.pass_due_at.remove(),
    ]
    row = _update(organization_id, actions, condition & free)
    return organization_of(row) if row else None


def _update(organization_id: str, actions: list[Action], condition: Condition) -> OrganizationRow | None:
    there = OrganizationRow.partition.exists()
    try:
        return OrganizationRow(ALL, organization_id).update_and_read(actions, there & condition)
    except UpdateError as error:
        if not was_refused(error):
            raise
        return None
