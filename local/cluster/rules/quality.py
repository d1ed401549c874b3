"""The quality of service class of a pod, by its requests and limits."""

from jobs_api.model.quantity import parse
from local.cluster.storage import Object

_COMPUTE = ("cpu", "memory")


def quality_of_service(spec: Object) -> str:
    """Return Guaranteed, Burstable or BestEffort (https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/)."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    asked = [container.get("resources") or {} for container in containers]
    if not any(_positive(resources.get(side)) for resources in asked for side in ("limits", "requests")):
        return "BestEffort"
    return "Guaranteed" if all(map(_is_guaranteed, asked)) else "Burstable"


def _positive(quantities: dict[str, str] | None) -> bool:
    return any(parse(text).mantissa > 0 for name, text in (quantities or {}).items() if name in _COMPUTE)


def _is_guaranteed(resources: Object) -> bool:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return all(
        name in limits and parse(requests.get(name, limits[name])).value == parse(limits[name]).value
        for name in _COMPUTE
    )
