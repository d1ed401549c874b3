"""Kubernetes' rules for reading and writing objects: names, versions, conflicts and deletion."""

import asyncio
import random
import uuid

from local.cluster.admission import Admission, AdmitEverything
from local.cluster.clock import Clock, timestamp
from local.cluster.deletion import Deletion, Preconditions
from local.cluster.errors import AlreadyExists, Conflict, Forbidden, NotFound
from local.cluster.kinds import KINDS, Kind, Propagation
from local.cluster.object_store import ObjectStore
from local.cluster.updates import plain_update, status_update
from local.cluster.versions import Change, Event, EventType, Object, Stored, copied

__all__ = ["Admission", "Change", "Event", "EventType", "Object", "Preconditions", "Storage", "Stored", "copied"]

# Named here, because inside Storage `list` is a method.
type StoredList = list[Stored]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, so that no suffix is a word
_GENERATED_BASE_LENGTH = 58  # 63 less the five letters


class Storage(ObjectStore):
    """The objects, with the rules. They are copied on the way in and out, except by `view` and `find`."""

    def __init__(self, clock: Clock, admission: Admission | None = None) -> None:
        super().__init__(clock)
        self.admission: Admission = admission or AdmitEverything()
        self._deletion = Deletion(self)

    # -- reading

    def get(self, resource: str, namespace: str | None, name: str) -> Object:
        """Return one object; raises NotFound."""
        return copied(self._require(resource, namespace, name).object)

    def list(self, resource: str, namespace: str | None = None) -> list[Object]:
        """Return the objects of one namespace, or of all, ordered by "namespace/name"."""
        return [copied(stored.object) for stored in self.ordered(resource, namespace)]

    def ordered(self, resource: str, namespace: str | None = None) -> StoredList:
        """Return what `view` gives, ordered as etcd orders keys: by "namespace/name"."""
        return sorted(self.view(resource, namespace), key=lambda stored: f"{stored.namespace}/{stored.name}")

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a queue that receives every write from now on."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self.listen(lambda change: queue.put_nowait(Event(change.type, change.resource, copied(change.stored.object))))
        return queue

    # -- writing

    def create(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new object and return it as stored.

        Raises AlreadyExists, NotFound if its namespace does not exist, Forbidden if the namespace is being deleted, and
        the errors of admission.
        """
        kind = KINDS[resource]
        obj = {"apiVersion": kind.api_version, "kind": kind.name, **copied(obj)}
        metadata = obj.setdefault("metadata", {})
        self._name(resource, metadata)
        self._check_namespace(kind, metadata)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp(self.clock.now())
        for field in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            metadata.pop(field, None)
        if kind.counts_generations:
            metadata["generation"] = 1
        self.admission.give_defaults(kind, obj, self)
        self.admission.create(kind, obj)
        if self.find(resource, metadata.get("namespace"), metadata["name"]):
            raise AlreadyExists.named(kind, metadata["name"])
        self.admission.limit(kind, obj, self)
        if dry_run:
            return obj
        with self.as_one():
            stored = self.put(resource, obj)
            self._deletion.collect_if_orphaned(resource, stored)
        return copied(obj)

    def replace(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new version of everything but the status; return it as stored.

        Raises NotFound, Conflict if `obj` states another metadata.resourceVersion or .uid than the stored one, and the
        errors of admission. Writing an equal object changes nothing, not even the version.
        """
        return self._replace(resource, obj, dry_run=dry_run, status=False)

    def replace_status(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Store only the status of `obj`; otherwise like `replace`."""
        return self._replace(resource, obj, dry_run=dry_run, status=True)

    def delete(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        propagation: Propagation | None = None,
        *,
        grace_seconds: int | None = None,
        preconditions: Preconditions | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete an object, or set its deletionTimestamp, and return its last version.

        A pod that is on a node and has not ended only gets the timestamp, and stays until its kubelet deletes it with
        `grace_seconds=0`. The same is true of an object with a finalizer, of Foreground propagation with dependents,
        and of a namespace with content. Raises NotFound and, for preconditions that do not hold, Conflict.
        """
        stored = self._require(resource, namespace, name)
        expected = preconditions or Preconditions()
        with self.as_one():
            return self._deletion.delete(resource, stored, propagation, grace_seconds, expected, dry_run=dry_run)

    # -- naming and checks

    def _require(self, resource: str, namespace: str | None, name: str) -> Stored:
        if stored := self.find(resource, namespace, name):
            return stored
        raise NotFound.named(KINDS[resource], name)

    def _name(self, resource: str, metadata: Object) -> None:
        if metadata.get("name") or not metadata.get("generateName"):
            metadata.setdefault("name", "")
            return
        base = metadata["generateName"][:_GENERATED_BASE_LENGTH]
        while True:
            metadata["name"] = base + "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311 - a name, no secret
            if not self.find(resource, metadata.get("namespace"), metadata["name"]):
                return

    def _check_namespace(self, kind: Kind, metadata: Object) -> None:
        if not kind.namespaced:
            metadata.pop("namespace", None)
            return
        name = metadata.setdefault("namespace", "default")
        space = self.find("namespaces", None, name)
        if space is None:
            raise NotFound.named(KINDS["namespaces"], name)
        if "deletionTimestamp" in space.object["metadata"]:
            raise Forbidden.in_terminating(kind, metadata["name"], name)

    # -- replacing

    def _replace(self, resource: str, obj: Object, *, dry_run: bool, status: bool) -> Object:
        kind, stated = KINDS[resource], obj["metadata"]
        stored = self._require(resource, stated.get("namespace"), stated["name"])
        old = stored.object
        if stated.get("resourceVersion") not in {None, "", str(stored.version)}:
            raise Conflict.named(kind, stored.name)
        if stated.get("uid") not in {None, "", old["metadata"]["uid"]}:
            why = f"UID in precondition: {stated['uid']}, UID in object meta: {old['metadata']['uid']}"
            raise Conflict.named(kind, stored.name, f"Precondition failed: {why}")
        new = status_update(old, obj) if status else plain_update(kind, old, obj)
        if not status:
            self.admission.update(kind, new, old)
            if kind.counts_generations and new.get("spec") != old.get("spec"):
                new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        if dry_run or new == old:
            return copied(new)
        with self.as_one():
            self._deletion.write(resource, new, stored)
        return copied(new)
