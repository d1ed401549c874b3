"""Facts about Jobs and Pods that several decisions use, and the references between objects."""

from datetime import datetime
from typing import Any

from local.cluster.clock import parse_timestamp

type Object = dict[str, Any]

TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking"


def condition(obj: Object, kind: str) -> Object | None:
    """Return the status condition of that type, whatever its status."""
    conditions: list[Object] = obj.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), None)


def has_condition(obj: Object, kind: str) -> bool:
    """Return whether the condition of that type is True."""
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def finished(job: Object) -> str | None:
    """Return "Complete" or "Failed" for a Job that has ended, else None."""
    return next((kind for kind in ("Complete", "Failed") if has_condition(job, kind)), None)


def time_in(obj: Object, field: str) -> datetime | None:
    """Read an optional timestamp of an object's metadata or status."""
    text = obj.get(field)
    return parse_timestamp(text) if text else None


def controller_reference(owner: Object, api_version: str, kind: str) -> Object:
    """Build what metav1.NewControllerRef builds."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Object) -> Object | None:
    """Return the ownerReference of the object's controller, if it has one."""
    references: list[Object] = obj["metadata"].get("ownerReferences", [])
    return next((reference for reference in references if reference.get("controller")), None)


def controlled_by(obj: Object, uid: str) -> bool:
    """Return whether the object's controller is the one with `uid`."""
    controller = controller_of(obj)
    return controller is not None and controller["uid"] == uid
