"""Limits what an update changes: all but the status and what only the server sets, or the status alone."""

from local.cluster.kinds import Kind
from local.cluster.versions import Object, copied


def plain_update(kind: Kind, old: Object, obj: Object) -> Object:
    """Return the object with the stored status and the stored fields that only the server sets."""
    new = {"apiVersion": kind.api_version, "kind": kind.name, **copied(obj)}
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


def status_update(old: Object, obj: Object) -> Object:
    """Return the stored object with another status. They share the rest, but for `metadata`, which gets a version."""
    return {**old, "metadata": {**old["metadata"]}, "status": copied(obj.get("status", {}))}
