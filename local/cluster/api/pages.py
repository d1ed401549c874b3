"""Lists in pages: all pages of one list show the same version, and a token that is too old is refused.

A continue token is written like a real API server's: base64 of {"v", "rv", "start"}. References to the objects of a
list's first page and the rest are kept for five minutes, as long as etcd keeps history by default.
"""

import base64
import binascii
import json
from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.cluster.api.selectors import Matcher
from local.cluster.errors import BadRequest, Expired
from local.cluster.kinds import KINDS
from local.cluster.storage import Storage, Stored

_KEPT_FOR = timedelta(minutes=5)
_KEPT_AT_MOST = 64
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True)
class Page:
    """Some objects of a list: `next` is the continue token, `remaining` how many objects follow, if known."""

    items: list[Stored]
    version: int
    next: str = ""
    remaining: int | None = None


class Pages:
    """Lists of a storage, whole or page by page."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._moments: dict[tuple[str, str | None, int], tuple[datetime, list[Stored]]] = {}
        # While the watch cache is frozen: all its objects, by resource.
        self._held: dict[str, list[Stored]] | None = None

    def forget(self) -> None:
        """Make every continue token expire, as etcd's compaction does."""
        self._moments.clear()

    def hold(self, *, held: bool = True) -> None:
        """Freeze the watch cache, as if it lagged behind; or let it follow the storage again."""
        self._held = {resource: self._storage.ordered(resource) for resource in KINDS} if held else None

    def cached(self, resource: str, namespace: str | None, matches: Matcher | None) -> Page:
        """Return every matching object in the watch cache."""
        if self._held is None:
            return self.page(resource, namespace, matches, 0, "")
        there = [one for one in self._held[resource] if namespace is None or one.namespace == namespace]
        items, _ = _page_of(there, 0, matches, 0)
        return Page(items, max((one.version for one in self._held[resource]), default=1))

    def page(self, resource: str, namespace: str | None, matches: Matcher | None, limit: int, token: str) -> Page:
        """Return up to `limit` objects (0 for all) that match; raises BadRequest and, for an old token, Expired."""
        if token:
            version, start = _read(token)
            moment = self._moment(resource, namespace, version, start)
        else:
            version, start, moment = self._storage.version, "", self._storage.ordered(resource, namespace)
        begin = bisect_left(moment, start, key=_key if namespace is None else _name) if start else 0
        items, end = _page_of(moment, begin, matches, limit)
        if end >= len(moment):
            return Page(items, self._storage.version if version < 0 else version)
        if version > 0:
            self._keep_snapshot(resource, namespace, version, moment)
        # With a selector a real server does not count the rest, and omits the number.
        remaining = None if matches else len(moment) - end
        last = (_key if namespace is None else _name)(moment[end - 1])
        return Page(items, version, _encode(version, last + "\0"), remaining)

    def _moment(self, resource: str, namespace: str | None, version: int, start: str) -> list[Stored]:
        if version < 0:
            return self._storage.ordered(resource, namespace)
        taken = self._moments.get((resource, namespace, version))
        if taken is None or taken[0] + _KEPT_FOR < self._storage.clock.now():
            error = Expired(_TOO_OLD)
            error.list_metadata = {"continue": _encode(-1, start)}
            raise error
        return taken[1]

    def _keep_snapshot(self, resource: str, namespace: str | None, version: int, moment: list[Stored]) -> None:
        self._moments.setdefault((resource, namespace, version), (self._storage.clock.now(), moment))
        for old, (at, _) in list(self._moments.items()):
            if len(self._moments) > _KEPT_AT_MOST or at + _KEPT_FOR < self._storage.clock.now():
                del self._moments[old]


def _key(stored: Stored) -> str:
    """Return an object's sort key in a list of all namespaces, as Storage.ordered sorts."""
    return f"{stored.namespace}/{stored.name}"


def _name(stored: Stored) -> str:
    return stored.name


def _page_of(moment: list[Stored], begin: int, matches: Matcher | None, limit: int) -> tuple[list[Stored], int]:
    """Collect matching objects from `begin` on; return them and where the next page begins."""
    if matches is None:
        end = begin + limit if limit else len(moment)
        return moment[begin:end], end
    items: list[Stored] = []
    for index in range(begin, len(moment)):
        if matches(moment[index]):
            if limit and len(items) == limit:
                return items, index
            items.append(moment[index])
    return items, len(moment)


def _encode(version: int, start: str) -> str:
    token = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _read(token: str) -> tuple[int, str]:
    try:
        read = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(read["rv"]), str(read["start"])
    except (binascii.Error, ValueError, TypeError, KeyError):
        raise BadRequest("continue key is not valid") from None
