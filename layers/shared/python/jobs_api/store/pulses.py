"""The pulse of each organization, in its item. Every write is conditional, so that one pass runs at a time."""

from datetime import datetime, timedelta
from typing import Final

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from jobs_api.model.organization import Organization
from jobs_api.model.pulse import FARTHEST
from jobs_api.store.conditions import was_refused
from jobs_api.store.organization_items import organization_of
from jobs_api.store.organization_rows import ALL, OrganizationRow, OrganizationsRow

# After this time a pass counts as dead, and another may begin beside it: all their writes are conditional.
BUSY_FOR: Final = timedelta(minutes=2)
# Requested passes begin no closer to each other than this. A pass that began so shortly after its request may have
# begun earlier by the requester's clock.
CLOSEST: Final = timedelta(seconds=1)


def begin_pass(
    organization_id: str, generation: int, now: datetime, due_at: datetime | None = None
) -> Organization | None:
    """Take the pulse of a generation, which uses it up; None where it is not the current one.

    With `due_at` the next pass is announced for that time, and this one does not count as running: its end needs no
    write if it finds the same time. A requested pass may then begin beside it, `CLOSEST` after its beginning.

    Returns the organization as it is now, with the generation of the pass that begins. One UpdateItem.
    """
    return _begin(organization_id, OrganizationRow.pulse_generation == generation, now, due_at)


def begin_asked_pass(organization_id: str, asked_at: datetime, now: datetime) -> Organization | None:
    """Begin a requested pass, in place of the next pulse; None where another process has begun it, or a pass runs.

    A last pass that began in the future has a wrong clock, or `now` has: then it is ignored.
    """
    began_at = OrganizationRow.pass_began_at
    early_enough = (began_at < asked_at + CLOSEST) & (began_at <= now - CLOSEST)
    is_possible = began_at.does_not_exist() | early_enough | (began_at > now + CLOSEST)
    return _begin(organization_id, is_possible, now)


def current_organization(organization_id: str) -> Organization | None:
    """Return an organization with its pulse as it is now. One consistent GetItem."""
    try:
        return organization_of(OrganizationsRow.get(ALL, organization_id, consistent_read=True))
    except OrganizationsRow.DoesNotExist:
        return None


def ask_busy_pass(organization: Organization, asked_at: datetime) -> bool:
    """Let another pass follow the running one at once; False where that has ended since. One UpdateItem."""
    same = OrganizationRow.pulse_generation == organization.pulse.generation
    busy = OrganizationRow.pass_busy_until.exists()
    return _update(organization.id, [OrganizationRow.pass_asked_at.set(asked_at)], same & busy) is not None


def note_asked(organization: Organization, asked_at: datetime) -> None:
    """Record that a pass was requested just after one began, and that its message is under way. One UpdateItem."""
    same = OrganizationRow.pulse_generation == organization.pulse.generation
    _update(organization.id, [OrganizationRow.pass_asked_at.set(asked_at)], same)


def end_pass(
    organization: Organization, due_at: datetime | None, sync_due_at: datetime | None, *, asked: bool = False
) -> bool:
    """Record when the next pass is due, None for never; False where another pass has begun, or was requested.

    With `asked` the caller knows of a request, so that one does not count. One UpdateItem.
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
    """Record that the next sync of the whole organization is due by then. One UpdateItem."""
    due = OrganizationRow.sync_due_at
    _update(organization_id, [due.set(due_at)], due.does_not_exist() | (due > due_at))


def _begin(
    organization_id: str, condition: Condition, now: datetime, due_at: datetime | None = None
) -> Organization | None:
    busy_until = OrganizationRow.pass_busy_until
    free = busy_until.does_not_exist() | (busy_until <= now) | (busy_until > now + FARTHEST)
    actions: list[Action] = [
        OrganizationRow.pulse_generation.add(1),
        OrganizationRow.pass_began_at.set(now),
        busy_until.remove() if due_at else busy_until.set(now + BUSY_FOR),
        OrganizationRow.pass_asked_at.remove(),
        # The pulse that was due next no longer has an effect.
        OrganizationRow.pass_due_at.set(due_at) if due_at else OrganizationRow.pass_due_at.remove(),
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
