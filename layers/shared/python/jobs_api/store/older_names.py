"""Older slugs, from before names that lose letters got a hash: `日次 v2` was `v2`. Older jobs keep them."""

from collections.abc import Callable

from jobs_api.model import names
from jobs_api.store.project_rows import NAME_LOCK, JobRow, LockRow, ProjectRow, ProjectsRow


def kept_slug(stored: str | None, name: str) -> str | None:
    """Return the slug of a row if its name would get another one today; `stored` is None in older rows."""
    if name.isascii():
        return None
    slug = stored or names.older_slug(name)
    return None if slug == names.slug(name) else slug


def held_by_older(locks: str, name: str, own_id: str, key_of: Callable[[str], tuple[str, str]]) -> bool:
    """Return whether something else has this name under its older slug, which the lock on today's slug would not show.

    For a name that loses no letters, nothing is read. New things never take an older slug, so no other process can take
    it between this call and the write.

    Args:
        locks: the partition with the locks on names.
        name: a name that is about to be taken.
        own_id: the id of the thing that takes the name.
        key_of: returns the key of the thing with an id.
    """
    older = names.older_slug(name)
    if older == names.slug(name):
        return False
    lock = _row(locks, NAME_LOCK + older)
    if not isinstance(lock, LockRow) or lock.holder == own_id:
        return False
    holder = _row(*key_of(lock.holder))
    return isinstance(holder, JobRow | ProjectRow) and names.slug(holder.settings["name"]) == names.slug(name)


def _row(partition: str, sort: str) -> ProjectsRow | None:
    return next(iter(ProjectsRow.batch_get([(partition, sort)], consistent_read=True)), None)
