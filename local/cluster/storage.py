"""Every object of the cluster, in memory, with Kubernetes' rules for versions, conflicts and deletion.

Used from one event loop only, so nothing here locks. What is stored is never changed in place: a write puts a new
object in its place, which is what lets lists, watches and page snapshots share one copy of each and of its JSON.
"""

import asyncio
import json
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple, Protocol

from local.cluster.clock import Clock, timestamp
from local.cluster.errors import AlreadyExists, Conflict, Forbidden, NotFound
from local.cluster.kinds import KINDS, Kind, Propagation

type Object = dict[str, Any]
type EventType = Literal["ADDED", "MODIFIED", "DELETED"]
# Named out here, because inside Storage `list` is a method.
type StoredList = list[Stored]
type Dependents = list[tuple[str, Stored]]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, so that no suffix is a word
_GENERATED_BASE_LENGTH = 58  # 63 less the five letters
_HISTORY = 10_000
FOREGROUND = "foregroundDeletion"


class Event(NamedTuple):
    """What a subscriber gets; `object` is the subscriber's own copy."""

    type: EventType
    resource: str
    object: Object


class Stored:
    """One version of one object. `object` is shared and must not be changed."""

    __slots__ = ("_item", "object", "version")

    def __init__(self, obj: Object, version: int) -> None:
        self.object = obj
        self.version = version
        self._item: bytes | None = None

    @property
    def item(self) -> bytes:
        """Give the object as JSON, made once, without the apiVersion and kind that items of a list do not have."""
        if self._item is None:
            bare = {key: value for key, value in self.object.items() if key not in {"apiVersion", "kind"}}
            self._item = json.dumps(bare, separators=(",", ":")).encode()
        return self._item

    @property
    def body(self) -> bytes:
        """Give the object as JSON."""
        head = f'{{"kind":"{self.object["kind"]}","apiVersion":"{self.object["apiVersion"]}",'
        return head.encode() + self.item[1:]

    @property
    def name(self) -> str:
        """Give metadata.name."""
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Give metadata.namespace, "" for what has none."""
        return str(self.object["metadata"].get("namespace", ""))


@dataclass(frozen=True)
class Change:
    """A write, as watches see it: the version it made, what it put there, and what stood there before."""

    type: EventType
    resource: str
    stored: Stored
    previous: Stored | None


@dataclass(frozen=True)
class Preconditions:
    """What must still be true of an object for it to be deleted."""

    uid: str | None = None
    version: str | None = None


class Admission(Protocol):
    """Fills in defaults and refuses what breaks a rule (ApiError); may change the object it is given."""

    def create(self, kind: Kind, obj: Object) -> None:
        """Look at an object that is about to be stored for the first time."""

    def update(self, kind: Kind, obj: Object, old: Object) -> None:
        """Look at an object that is about to take the place of `old`."""


class _AdmitEverything:
    def create(self, kind: Kind, obj: Object) -> None:
        pass

    def update(self, kind: Kind, obj: Object, old: Object) -> None:
        pass


class Storage:
    """The objects, by resource (a plural such as "pods"), namespace ("" or None for cluster-wide) and name.

    Objects go in and out as copies, `view` and `find` excepted.
    """

    def __init__(self, clock: Clock, admission: Admission | None = None) -> None:
        self.clock = clock
        self.version = 1
        self.admission: Admission = admission or _AdmitEverything()
        self.history: deque[Change] = deque(maxlen=_HISTORY)
        self._objects: dict[str, dict[str, dict[str, Stored]]] = {resource: {} for resource in KINDS}
        self._owned: dict[str, set[tuple[str, str, str]]] = {}
        self._uids: set[str] = set()
        self._listeners: list[Callable[[Change], None]] = []

    # -- reading

    def find(self, resource: str, namespace: str | None, name: str) -> Stored | None:
        """Return the stored object itself, to be read only, or None."""
        return self._objects[resource].get(namespace or "", {}).get(name)

    def view(self, resource: str, namespace: str | None = None) -> Iterator[Stored]:
        """Iterate over the stored objects themselves, to be read only, in no order; None means every namespace."""
        spaces = self._objects[resource]
        for names in list(spaces.values()) if namespace is None else [spaces.get(namespace, {})]:
            yield from list(names.values())

    def get(self, resource: str, namespace: str | None, name: str) -> Object:
        """Return one object; raises NotFound."""
        return copied(self._require(resource, namespace, name).object)

    def list(self, resource: str, namespace: str | None = None) -> list[Object]:
        """Return the objects of one namespace, or of all, ordered by "namespace/name"."""
        return [copied(stored.object) for stored in self.ordered(resource, namespace)]

    def ordered(self, resource: str, namespace: str | None = None) -> StoredList:
        """Return what `view` gives, ordered as etcd orders keys: by "namespace/name"."""
        return sorted(self.view(resource, namespace), key=lambda stored: f"{stored.namespace}/{stored.name}")

    def dependents(self, uid: str) -> Dependents:
        """Return (resource, object) of everything that names `uid` among its owners, to be read only."""
        keys = sorted(self._owned.get(uid, ()))
        return [(resource, self._objects[resource][namespace][name]) for resource, namespace, name in keys]

    def subscribe(self) -> asyncio.Queue[Event]:
        """Return a queue that receives every write from now on."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self.listen(lambda change: queue.put_nowait(Event(change.type, change.resource, copied(change.stored.object))))
        return queue

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with every write from now on, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- writing

    def create(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new object and return it as stored.

        Raises AlreadyExists, NotFound where its namespace does not exist, Forbidden where that is being deleted, and
        what admission refuses.
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
        self.admission.create(kind, obj)
        if self.find(resource, metadata.get("namespace"), metadata["name"]):
            raise AlreadyExists.named(kind, metadata["name"])
        if dry_run:
            return obj
        stored = self._put("ADDED", resource, obj)
        self._collect_if_orphaned(resource, stored)
        return copied(obj)

    def replace(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new version of everything but the status; return it as stored.

        Raises NotFound, Conflict where metadata.resourceVersion or .uid is stated and is not the stored one, and what
        admission refuses. Writing what is there already changes nothing, the version included.
        """
        return self._replace(resource, obj, dry_run=dry_run, status=False)

    def replace_status(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new status, and nothing else of `obj`; otherwise like `replace`."""
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
        """Delete an object, or mark it as being deleted, and return how it looked last.

        A pod that is on a node and has not ended is only marked, and stays until its kubelet deletes it with
        `grace_seconds=0`. A finalizer, Foreground propagation with dependents left, and a namespace with content mark
        too. Raises NotFound and, for preconditions that do not hold, Conflict.
        """
        stored = self._require(resource, namespace, name)
        kind, obj = KINDS[resource], copied(stored.object)
        metadata = obj["metadata"]
        _check_preconditions(kind, metadata, preconditions or Preconditions())
        propagation = propagation or kind.propagation
        grace = _grace_seconds(resource, obj, grace_seconds)
        if propagation == "Foreground" and self.dependents(metadata["uid"]):
            metadata["finalizers"] = [*dict.fromkeys([*metadata.get("finalizers", []), FOREGROUND])]
        marks = grace > 0 or metadata.get("finalizers") or resource == "namespaces"
        if marks:
            self._mark(resource, obj, grace)
        if dry_run:
            return obj
        if propagation == "Orphan":
            self._orphan(metadata["uid"])
        if marks:
            self._write(resource, obj, stored)
        else:
            obj = self._remove(resource, stored)
        self._cascade(resource, obj, propagation)
        left = self.find(resource, namespace, name)
        return copied(left.object) if left else obj

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
            why = f"unable to create new content in namespace {name} because it is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": f"namespace {name} is being terminated"}
            details = {"name": metadata["name"], "group": kind.group, "kind": kind.resource}
            raise Forbidden(
                f'{kind.qualified} "{metadata["name"]}" is forbidden: {why}',
                {
                    **{key: value for key, value in details.items() if value},
                    "causes": [{**cause, "field": "metadata.namespace"}],
                },
            )

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
        new = _status_update(old, obj) if status else _plain_update(kind, old, obj)
        if not status:
            self.admission.update(kind, new, old)
            if kind.counts_generations and new.get("spec") != old.get("spec"):
                new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        if dry_run or new == old:
            return copied(new)
        self._write(resource, new, stored)
        return copied(new)

    def _write(self, resource: str, new: Object, stored: Stored) -> None:
        """Store `new` in the place of `stored`; one that was only waiting for its last finalizer goes instead."""
        put = self._put("MODIFIED", resource, new, stored)
        if self._may_go(resource, new):
            self._remove(resource, put)

    def _may_go(self, resource: str, obj: Object) -> bool:
        metadata = obj["metadata"]
        if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
            return False
        if resource == "namespaces":
            return not any(self._objects[held].get(metadata["name"]) for held in KINDS)
        return not metadata.get("deletionGracePeriodSeconds")

    def _put(self, change: EventType, resource: str, obj: Object, previous: Stored | None = None) -> Stored:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        stored = Stored(obj, self.version)
        space = self._objects[resource].setdefault(stored.namespace, {})
        if previous:
            self._unindex(resource, previous)
        space[stored.name] = stored
        self._index(resource, stored)
        self._tell(Change(change, resource, stored, previous))
        return stored

    def _index(self, resource: str, stored: Stored) -> None:
        self._uids.add(stored.object["metadata"]["uid"])
        for owner in stored.object["metadata"].get("ownerReferences", []):
            self._owned.setdefault(owner["uid"], set()).add((resource, stored.namespace, stored.name))

    def _unindex(self, resource: str, stored: Stored) -> None:
        self._uids.discard(stored.object["metadata"]["uid"])
        for owner in stored.object["metadata"].get("ownerReferences", []):
            keys = self._owned.get(owner["uid"], set())
            keys.discard((resource, stored.namespace, stored.name))
            if not keys:
                self._owned.pop(owner["uid"], None)

    def _tell(self, change: Change) -> None:
        self.history.append(change)
        for listener in list(self._listeners):
            listener(change)

    # -- deleting

    def _mark(self, resource: str, obj: Object, grace: int) -> None:
        metadata = obj["metadata"]
        at = timestamp(self.clock.now() + timedelta(seconds=grace))
        # A second deletion may only bring the end nearer.
        metadata["deletionTimestamp"] = min(at, metadata.get("deletionTimestamp", at))
        if resource != "namespaces":
            metadata["deletionGracePeriodSeconds"] = min(grace, metadata.get("deletionGracePeriodSeconds", grace))
        else:
            obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}

    def _remove(self, resource: str, stored: Stored) -> Object:
        current = self.find(resource, stored.namespace, stored.name)
        if current is None:
            return stored.object
        del self._objects[resource][stored.namespace][stored.name]
        self._unindex(resource, current)
        self.version += 1
        gone = copied(current.object)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._tell(Change("DELETED", resource, Stored(gone, self.version), current))
        self._after_removal(current)
        return gone

    def _after_removal(self, gone: Stored) -> None:
        """Let go of owners and of a namespace that were only waiting for this object; collect what it owned."""
        for owner in gone.object["metadata"].get("ownerReferences", []):
            self._finish_foreground(gone.namespace, owner)
        for held, dependent in self.dependents(gone.object["metadata"]["uid"]):
            self._collect_if_orphaned(held, dependent)
        space = self.find("namespaces", None, gone.namespace)
        if space and self._may_go("namespaces", space.object):
            self._remove("namespaces", space)

    def _finish_foreground(self, namespace: str, owner: Object) -> None:
        for kind in KINDS.values():
            stored = self.find(kind.resource, namespace, owner["name"]) if kind.name == owner.get("kind") else None
            if stored is None or stored.object["metadata"]["uid"] != owner["uid"] or self.dependents(owner["uid"]):
                continue
            obj = copied(stored.object)
            finalizers = obj["metadata"].get("finalizers", [])
            if FOREGROUND in finalizers:
                obj["metadata"]["finalizers"] = [one for one in finalizers if one != FOREGROUND]
                self._write(kind.resource, obj, stored)

    def _cascade(self, resource: str, obj: Object, propagation: Propagation) -> None:
        if resource == "namespaces":
            self._empty(obj["metadata"]["name"])
        elif propagation == "Foreground":
            for held, dependent in self.dependents(obj["metadata"]["uid"]):
                self._delete_dependent(held, dependent, "Foreground")

    def _empty(self, namespace: str) -> None:
        """Delete what a namespace holds, owners before what they own, so that no controller makes it anew."""
        for resource in ("cronjobs", "jobs", *KINDS):
            for stored in self.view(resource, namespace):
                self._delete_dependent(resource, stored, "Background")
        space = self.find("namespaces", None, namespace)
        if space and self._may_go("namespaces", space.object):
            self._remove("namespaces", space)

    def _collect_if_orphaned(self, resource: str, stored: Stored) -> None:
        """Delete an object whose owners are all gone, as the garbage collector does."""
        owners = stored.object["metadata"].get("ownerReferences", [])
        known = {kind.name for kind in KINDS.values()}
        if owners and all(owner.get("kind") in known and owner["uid"] not in self._uids for owner in owners):
            self._delete_dependent(resource, stored, "Background")

    def _delete_dependent(self, resource: str, stored: Stored, propagation: Propagation) -> None:
        current = self.find(resource, stored.namespace, stored.name)
        if current and "deletionTimestamp" not in current.object["metadata"]:
            self.delete(resource, stored.namespace, stored.name, propagation)

    def _orphan(self, uid: str) -> None:
        for resource, stored in self.dependents(uid):
            obj = copied(stored.object)
            owners = [owner for owner in obj["metadata"]["ownerReferences"] if owner["uid"] != uid]
            obj["metadata"]["ownerReferences"] = owners
            if not owners:
                del obj["metadata"]["ownerReferences"]
            self._write(resource, obj, stored)


def copied[T](value: T) -> T:
    """Copy JSON data; several times faster than copy.deepcopy, which has to expect cycles and classes."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}  # type: ignore[return-value]  # same type as given
    if isinstance(value, list):
        return [copied(item) for item in value]  # type: ignore[return-value]  # same type as given
    return value


def _plain_update(kind: Kind, old: Object, obj: Object) -> Object:
    """Give the object with what only the server sets, and the status, as they were."""
    new = copied(obj)
    if kind.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    kept = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
    for field in (*kept, "generation", "resourceVersion", "generateName"):
        new["metadata"].pop(field, None)
        if field in old["metadata"]:
            new["metadata"][field] = old["metadata"][field]
    return new


def _status_update(old: Object, obj: Object) -> Object:
    new = copied(old)
    new["status"] = copied(obj.get("status", {}))
    return new


def _grace_seconds(resource: str, obj: Object, asked: int | None) -> int:
    """Give the seconds a pod has to end (podStrategy.CheckGracefulDelete); other kinds have none."""
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
