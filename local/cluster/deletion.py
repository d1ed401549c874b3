"""Deletion as in Kubernetes: grace periods of pods, finalizers, owners and dependents, namespaces and their content.

In a real cluster the garbage collector deletes dependents a moment later; here the same call does it.
"""

from dataclasses import dataclass
from datetime import timedelta

from local.cluster.clock import timestamp
from local.cluster.errors import Conflict
from local.cluster.kinds import KINDS, Kind, Propagation
from local.cluster.object_store import ObjectStore
from local.cluster.versions import Object, Stored, copied

FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True)
class Preconditions:
    """The conditions on an object before it is deleted."""

    uid: str | None = None
    version: str | None = None


class Deletion:
    """Deletes objects from a storage, with their dependents."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def delete(
        self,
        resource: str,
        stored: Stored,
        propagation: Propagation | None,
        grace_seconds: int | None,
        preconditions: Preconditions,
        *,
        dry_run: bool,
    ) -> Object:
        """Implement Storage.delete."""
        kind, obj = KINDS[resource], copied(stored.object)
        metadata = obj["metadata"]
        _check_preconditions(kind, metadata, preconditions)
        propagation = propagation or kind.propagation
        grace = _grace_seconds(resource, obj, grace_seconds)
        if propagation == "Foreground" and self._store.dependents(metadata["uid"]):
            metadata["finalizers"] = [*dict.fromkeys([*metadata.get("finalizers", []), FOREGROUND])]
        marks = grace > 0 or metadata.get("finalizers") or resource == "namespaces"
        if marks:
            self._mark(resource, obj, grace)
        if dry_run:
            return obj
        if propagation == "Orphan":
            self._orphan(metadata["uid"])
        if not marks:
            obj = self._remove(resource, stored)
        elif obj != stored.object:
            self.write(resource, obj, stored)
        self._cascade(resource, obj, propagation)
        left = self._store.find(resource, stored.namespace, stored.name)
        return copied(left.object) if left else obj

    def write(self, resource: str, new: Object, stored: Stored) -> None:
        """Replace `stored` by `new`, or delete it if it only waited for its last finalizer."""
        put = self._store.put(resource, new, stored)
        if self._may_go(resource, new):
            self._remove(resource, put)

    def collect_if_orphaned(self, resource: str, stored: Stored) -> None:
        """Delete an object whose owners are all deleted, as the garbage collector does."""
        owners = stored.object["metadata"].get("ownerReferences", [])
        known = {kind.name for kind in KINDS.values()}
        if owners and all(owner.get("kind") in known and not self._store.exists(owner["uid"]) for owner in owners):
            self._delete_dependent(resource, stored, "Background")

    def _may_go(self, resource: str, obj: Object) -> bool:
        metadata = obj["metadata"]
        if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
            return False
        if resource == "namespaces":
            return not self._store.contents(metadata["name"])
        return not metadata.get("deletionGracePeriodSeconds")

    def _mark(self, resource: str, obj: Object, grace: int) -> None:
        metadata = obj["metadata"]
        at = timestamp(self._store.clock.now() + timedelta(seconds=grace))
        # A second deletion may only shorten the grace period.
        metadata["deletionTimestamp"] = min(at, metadata.get("deletionTimestamp", at))
        if resource == "namespaces":
            obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}
        else:
            metadata["deletionGracePeriodSeconds"] = min(grace, metadata.get("deletionGracePeriodSeconds", grace))

    def _remove(self, resource: str, stored: Stored) -> Object:
        current = self._store.find(resource, stored.namespace, stored.name)
        if current is None:
            return stored.object
        gone = self._store.take(resource, current)
        self._after_removal(current)
        return gone

    def _after_removal(self, gone: Stored) -> None:
        """Remove owners and a namespace that only waited for this object, and delete its dependents."""
        for owner in gone.object["metadata"].get("ownerReferences", []):
            self._finish_foreground(gone.namespace, owner)
        for resource, dependent in self._store.dependents(gone.object["metadata"]["uid"]):
            self.collect_if_orphaned(resource, dependent)
        self._finish_namespace(gone.namespace)

    def _finish_namespace(self, name: str) -> None:
        space = self._store.find("namespaces", None, name)
        if space and self._may_go("namespaces", space.object):
            self._remove("namespaces", space)

    def _finish_foreground(self, namespace: str, owner: Object) -> None:
        if self._store.dependents(owner["uid"]):
            return
        for kind in KINDS.values():
            stored = self._store.find(kind.resource, namespace, owner["name"]) if kind.name == owner["kind"] else None
            if stored is None or stored.object["metadata"]["uid"] != owner["uid"]:
                continue
            obj = copied(stored.object)
            finalizers = obj["metadata"].get("finalizers", [])
            if FOREGROUND in finalizers:
                obj["metadata"]["finalizers"] = [one for one in finalizers if one != FOREGROUND]
                self.write(kind.resource, obj, stored)

    def _cascade(self, resource: str, obj: Object, propagation: Propagation) -> None:
        if resource == "namespaces":
            for held, content in self._store.contents(obj["metadata"]["name"]):
                self._delete_dependent(held, content, "Background")
            self._finish_namespace(obj["metadata"]["name"])
        elif propagation == "Foreground":
            for held, dependent in self._store.dependents(obj["metadata"]["uid"]):
                self._delete_dependent(held, dependent, "Foreground")

    def _delete_dependent(self, resource: str, stored: Stored, propagation: Propagation) -> None:
        current = self._store.find(resource, stored.namespace, stored.name)
        if current and "deletionTimestamp" not in current.object["metadata"]:
            self.delete(resource, current, propagation, None, Preconditions(), dry_run=False)

    def _orphan(self, uid: str) -> None:
        for resource, stored in self._store.dependents(uid):
            obj = copied(stored.object)
            owners = [owner for owner in obj["metadata"]["ownerReferences"] if owner["uid"] != uid]
            obj["metadata"]["ownerReferences"] = owners
            if not owners:
                del obj["metadata"]["ownerReferences"]
            self.write(resource, obj, stored)


def _grace_seconds(resource: str, obj: Object, asked: int | None) -> int:
    """Return a pod's grace period in seconds (podStrategy.CheckGracefulDelete); other kinds have none."""
    if resource != "pods":
        return 0
    spec, phase = obj.get("spec", {}), obj.get("status", {}).get("phase")
    if not spec.get("nodeName") or phase in {"Succeeded", "Failed"}:
        return 0
    return int(spec.get("terminationGracePeriodSeconds", 30) if asked is None else asked)


def _check_preconditions(kind: Kind, metadata: Object, expected: Preconditions) -> None:
    if expected.uid is not None and expected.uid != metadata["uid"]:
        why = f"UID in precondition: {expected.uid}, UID in object meta: {metadata['uid']}"
    elif expected.version is not None and expected.version != metadata["resourceVersion"]:
        had = metadata["resourceVersion"]
        why = f"ResourceVersion in precondition: {expected.version}, ResourceVersion in object meta: {had}"
    else:
        return
    raise Conflict.named(kind, metadata["name"], f"Precondition failed: {why}")
