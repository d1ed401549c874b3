"""Which objects the cluster has: by name, by uid and by owner. Nothing is checked or written here."""

from collections.abc import Iterator

from local.cluster.kinds import KINDS
from local.cluster.versions import Stored

type Owned = list[tuple[str, Stored]]


class ObjectIndex:
    """The objects, by resource, namespace ("" for cluster-wide) and name."""

    def __init__(self) -> None:
        """Begin without objects."""
        self._objects: dict[str, dict[str, dict[str, Stored]]] = {resource: {} for resource in KINDS}
        self._owned: dict[str, set[tuple[str, str, str]]] = {}
        self._uids: set[str] = set()

    def find(self, resource: str, namespace: str | None, name: str) -> Stored | None:
        """Return an object, or None."""
        return self._objects[resource].get(namespace or "", {}).get(name)

    def view(self, resource: str, namespace: str | None = None) -> Iterator[Stored]:
        """Iterate over the objects in no order; None means every namespace."""
        spaces = self._objects[resource]
        for names in list(spaces.values()) if namespace is None else [spaces.get(namespace, {})]:
            yield from list(names.values())

    def dependents(self, uid: str) -> Owned:
        """Return (resource, object) of everything that names `uid` among its owners."""
        keys = sorted(self._owned.get(uid, ()))
        return [(resource, self._objects[resource][namespace][name]) for resource, namespace, name in keys]

    def exists(self, uid: str) -> bool:
        """Return whether there is an object with that uid."""
        return uid in self._uids

    def put(self, resource: str, stored: Stored, previous: Stored | None = None) -> None:
        """Add an object, in place of the previous one if there is one."""
        space = self._objects[resource].setdefault(stored.namespace, {})
        if previous:
            self._unindex(resource, previous)
        space[stored.name] = stored
        self._uids.add(stored.object["metadata"]["uid"])
        for owner in stored.object["metadata"].get("ownerReferences", []):
            self._owned.setdefault(owner["uid"], set()).add((resource, stored.namespace, stored.name))

    def take(self, resource: str, stored: Stored) -> None:
        """Remove the object that has this one's name."""
        self._unindex(resource, self._objects[resource][stored.namespace].pop(stored.name))

    def _unindex(self, resource: str, stored: Stored) -> None:
        self._uids.discard(stored.object["metadata"]["uid"])
        for owner in stored.object["metadata"].get("ownerReferences", []):
            keys = self._owned.get(owner["uid"], set())
            keys.discard((resource, stored.namespace, stored.name))
            if not keys:
                self._owned.pop(owner["uid"], None)
