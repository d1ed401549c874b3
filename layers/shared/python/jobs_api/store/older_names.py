"""Slugs from before names that lose letters had slugs of their own: `日次 v2` was `v2`, and who was, stays so."""

from collections.abc import Callable

from jobs_api.model import names
from jobs_api.store.tables import NAME_LOCK, JobRow, LockRow, ProjectRow, ProjectsRow


def kept_slug(stored: str | None, name: str) -> str | None:
    """Return the slug of a row where it is not the one that its name has today; `stored` is None in older rows."""
    if name.isascii():
        return None
    slug = stored or names.older_slug(name)
    return None if slug == names.slug(name) else slug


def held_by_older(locks: str, name: str, own_id: str, key_of: Callable[[str], tuple[str, str]]) -> bool:
    """Tell whether something else has this very name under its older slug, where today's slug would not meet it.

    Nothing is read for a name that loses no letters. What is made from now on never takes an older slug, so nothing
    can come between this and the write.

    Args:
        locks: the partition with the locks on names.
        name: a name that is about to be taken.
        own_id: the id of what takes it.
        key_of: gives the key of what has an id.
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
