"""The audit log in the table: an entry is in the transaction of its write, or precedes what no transaction spans."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pynamodb.transactions import TransactWrite

from jobs_api.model.actor import Actor
from jobs_api.model.audit import AUDIT_KEPT_FOR, AuditEntry, StoredEntry
from jobs_api.store.attributes import time_text
from jobs_api.store.audit_rows import AuditRow, EntryRow
from jobs_api.store.pages import Listing
from jobs_api.store.transactions import write_all

# Characters of a position sort before this one.
LAST: Final = "~"


def write_with(entry: StoredEntry | None, fill: Callable[[TransactWrite], None]) -> None:
    """Write everything that `fill` puts into a transaction together with an entry; `write_all`'s errors."""

    def fill_both(transaction: TransactWrite) -> None:
        fill(transaction)
        if entry:
            transaction.save(row_of(entry))

    write_all(fill_both)


def record(entry: StoredEntry) -> None:
    """Write an entry alone, before the work that it is about. One PutItem."""
    row_of(entry).save()


def list_entries(
    organization_id: str,
    *,
    since: datetime,
    until: datetime | None,
    actor: str | None,
    limit: int,
    before: str | None,
) -> tuple[list[AuditEntry], str | None]:
    """Return up to `limit` entries, newest first, older than the position `before`; and where to continue.

    At most `pages.QUERIES` Queries of the index, which may lag behind the table by a moment. A page may have fewer
    entries than `limit`, or none, although more match.

    Args:
        organization_id: whose entries.
        since: the earliest time that is wanted.
        until: the earliest that is not, None for all that are newer.
        actor: the id or the name of a token, None for all.
        limit: at least 1.
        before: a position that an earlier page ended with.
    """
    earliest = time_text(since)
    newest = _just_before(before) if before else time_text(until) if until else LAST
    if newest < earliest:
        return [], None
    within = EntryRow.position.between(earliest, newest)
    # Versions of jobs that were made before writes had entries are in the index so that `purge_audit_log` finds them.
    wanted = EntryRow.token_id.exists()
    if actor is not None:
        wanted &= (EntryRow.token_id == actor) | (EntryRow.token_name == actor)
    listing = Listing(AuditRow.by_organization, EntryRow, organization_id, within, wanted, selective=actor is not None)
    rows, position = listing.page(limit)
    return [_entry_of(row) for row in rows], position


def purge_audit_log(organization_id: str) -> None:
    """Remove all entries of an organization, and with them the versions of its jobs."""
    with AuditRow.batch_write() as batch:
        for row in AuditRow.by_organization.query(organization_id):
            batch.delete(AuditRow(row.partition, row.sort))


def row_of(entry: StoredEntry) -> EntryRow:
    """Return an entry as it is stored."""
    return EntryRow(partition_of_target(entry.organization_id, entry.target), entry.once, **attributes_of_entry(entry))


def attributes_of_entry(entry: StoredEntry) -> dict[str, Any]:
    """Return the attributes of an entry, its keys left out."""
    return {
        "organization_id": entry.organization_id,
        "position": f"{time_text(entry.at)}#{entry.target}#{entry.once}",
        "at": entry.at,
        "token_id": entry.actor.token_id,
        "token_name": entry.actor.name,
        "action": str(entry.action),
        "target": entry.target,
        "project_id": entry.project_id,
        "job_id": entry.job_id,
        "run_id": entry.run_id,
        "request_id": entry.request_id,
        "expires_at": expiry_of(entry.at),
    }


def expiry_of(at: datetime) -> int:
    """Return when a row of this time expires, in seconds since 1970."""
    return int((at + AUDIT_KEPT_FOR).timestamp())


def partition_of_target(organization_id: str, target: str) -> str:
    """Return the partition of the writes on a target."""
    return f"{organization_id}/{target}"


def actor_of(row: EntryRow) -> Actor | None:
    """Return who made a write, None where that is not known."""
    return Actor(token_id=row.token_id, name=row.token_name) if row.token_id else None


def _entry_of(row: EntryRow) -> AuditEntry:
    return AuditEntry.known(
        at=row.at,
        actor=actor_of(row),
        action=row.action,
        target=row.target,
        project_id=row.project_id,
        job_id=row.job_id,
        run_id=row.run_id,
        request_id=row.request_id,
    )


def _just_before(position: str) -> str:
    """Return a text that sorts before a position, and after all smaller ones: a range of an index has its ends."""
    return f"{position[:-1]}{chr(ord(position[-1]) - 1)}{LAST}"
