"""The objects of the cluster as they are stored: their versions, their owners, the history, and the database.

Used from one event loop only, so nothing here locks. A stored object is never changed: a write replaces it by a new
one. So lists, watches and page snapshots share one copy of each object and of its JSON.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local.cluster.change_history import COME_AND_STAY, ChangeHistory
from local.cluster.clock import Clock
from local.cluster.database import Database
from local.cluster.kinds import KINDS
from local.cluster.object_index import ObjectIndex, Owned
from local.cluster.versions import Change, Object, Stored, copied


class ObjectStore:
    """The objects, by resource (a plural such as "pods"), namespace ("" or None for cluster-wide) and name."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.version = 1
        self._history = ChangeHistory()
        self._index = ObjectIndex()
        self._database: Database | None = None
        # The changes of the current call, None outside of calls.
        self._unwritten: list[Change] | None = None

    @property
    def history(self) -> deque[Change]:
        """The last changes, in the order of versions."""
        return self._history.changes

    @property
    def compacted(self) -> int:
        """The version after which the history begins."""
        return self._history.compacted

    # -- reading

    def find(self, resource: str, namespace: str | None, name: str) -> Stored | None:
        """Return the stored object itself, to be read only, or None."""
        return self._index.find(resource, namespace, name)

    def view(self, resource: str, namespace: str | None = None) -> Iterator[Stored]:
        """Iterate over the stored objects themselves, to be read only, in no order; None means every namespace."""
        return self._index.view(resource, namespace)

    def dependents(self, uid: str) -> Owned:
        """Return (resource, object) of everything that names `uid` among its owners, to be read only."""
        return self._index.dependents(uid)

    def exists(self, uid: str) -> bool:
        """Return whether an object with that uid is stored."""
        return self._index.exists(uid)

    def contents(self, namespace: str) -> Owned:
        """Return (resource, object) of all in a namespace, owners first, so that no controller creates one again."""
        ordered = dict.fromkeys(("cronjobs", "jobs", *KINDS))
        return [(resource, stored) for resource in ordered for stored in self.view(resource, namespace)]

    # -- writing

    def put(self, resource: str, obj: Object, previous: Stored | None = None) -> Stored:
        """Store `obj` itself under a new version, as it is: nothing is checked."""
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        stored = Stored(obj, self.version)
        self._index.put(resource, stored, previous)
        self._changed(Change("MODIFIED" if previous else "ADDED", resource, stored, previous))
        return stored

    def take(self, resource: str, stored: Stored) -> Object:
        """Remove an object, and return it with the version of the removal."""
        self._index.take(resource, stored)
        self.version += 1
        gone = copied(stored.object)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._changed(Change("DELETED", resource, Stored(gone, self.version), stored))
        return gone

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """Write all changes of a call at once, then inform the listeners; if the write fails, nothing has changed."""
        if self._unwritten is not None:
            yield
            return
        self._unwritten, version = [], self.version
        try:
            yield
            if self._database and self._unwritten:
                self._database.write(self._unwritten, self.version, self.clock.now())
        except BaseException:
            self._take_back(self._unwritten)
            self.version = version
            raise
        else:
            self._history.add(self._unwritten)
        finally:
            self._unwritten = None
        self._history.tell()

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with every write from now on, until the returned function is called."""
        return self._history.listen(listener)

    # -- persistence

    def rest(self) -> None:
        """Reduce the memory of objects that were written before the last call."""
        self._history.rest()

    def keep_in(self, database: Database) -> None:
        """Fill an empty storage from a database, and write all later changes to it.

        Raises DamagedDatabase; then the storage must not be used. From now on a call whose changes cannot be written
        changes nothing and raises ApiError.
        """
        for resource, obj in database.objects():
            stored = Stored(obj, int(obj["metadata"]["resourceVersion"]))
            self._index.put(resource, stored)
            if resource in COME_AND_STAY:
                stored.rest()
        self.version = self._history.compacted = database.version
        self._database = database

    def _take_back(self, changes: list[Change]) -> None:
        for change in reversed(changes):
            if change.type != "DELETED":
                self._index.take(change.resource, change.stored)
            if change.previous:
                self._index.put(change.resource, change.previous)

    def _changed(self, change: Change) -> None:
        with self.as_one():
            if self._unwritten is not None:
                self._unwritten.append(change)
