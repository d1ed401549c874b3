"""LimitRanges and ResourceQuotas: a namespace's defaults and limits for containers.

Supports a LimitRange's items for containers, and a quota's counts of objects and sums of requests and limits.
https://github.com/kubernetes/kubernetes/blob/v1.34.0/plugin/pkg/admission/limitranger/admission.go
https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/quota/v1/evaluator/core/pods.go
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from jobs_api.model.resources import canonical, parse_quantity
from local.cluster.errors import Forbidden
from local.cluster.kinds import Kind
from local.cluster.storage import Object, Storage

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_BINARY = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


def give_defaults(pod: Object, storage: Storage) -> None:
    """Set missing requests and limits of a pod's containers; a missing request is the container's limit."""
    for item in _items(pod["metadata"]["namespace"], storage):
        limits = {**item.get("max", {}), **item.get("default", {})}
        requests = {**item.get("min", {}), **limits, **item.get("defaultRequest", {})}
        for container in _containers(pod):
            resources = container.get("resources") or {}
            own, asked = resources.get("limits") or {}, resources.get("requests") or {}
            container["resources"] = {
                **resources,
                "limits": {**limits, **own},
                "requests": {**requests, **own, **asked},
            }


def check(kind: Kind, obj: Object, storage: Storage) -> None:
    """Refuse an object beyond a limit or quota of its namespace (Forbidden)."""
    namespace = obj["metadata"].get("namespace")
    if kind.resource == "pods" and (said := [one for item in _items(namespace, storage) for one in _breaks(item, obj)]):
        raise _forbidden(kind, obj, said[0] if len(said) == 1 else f"[{', '.join(said)}]")
    for quota in storage.view("resourcequotas", namespace) if namespace else ():
        _check_quota(kind, obj, quota.object, storage)


def _items(namespace: str, storage: Storage) -> Iterator[Object]:
    for held in storage.view("limitranges", namespace):
        yield from (item for item in held.object["spec"]["limits"] if item["type"] == "Container")


def _containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("containers", []), *pod["spec"].get("initContainers", [])]


def _breaks(item: Object, pod: Object) -> Iterator[str]:
    for container in _containers(pod):
        resources = container.get("resources") or {}
        asked = {"limit": resources.get("limits") or {}, "request": resources.get("requests") or {}}
        for name, most in sorted(item.get("max", {}).items()):
            yield from _exceeded(f"maximum {name} usage per Container is {most}", name, most, asked, over=True)
        for name, least in sorted(item.get("min", {}).items()):
            yield from _exceeded(f"minimum {name} usage per Container is {least}", name, least, asked, over=False)


def _exceeded(message: str, name: str, bound: str, asked: dict[str, dict[str, str]], *, over: bool) -> Iterator[str]:
    first, second = ("limit", "request") if over else ("request", "limit")
    if name not in asked[first]:
        yield f"{message}.  No {first} is specified"
        return
    for part in (first, second):
        if name in asked[part]:
            amount, edge = parse_quantity(asked[part][name]), parse_quantity(bound)
            if (amount > edge) if over else (amount < edge):
                yield f"{message}, but {part} is {asked[part][name]}"
                return


def _check_quota(kind: Kind, obj: Object, quota: Object, storage: Storage) -> None:
    hard: dict[str, str] = quota["spec"].get("hard") or {}
    name, asked = quota["metadata"]["name"], _usage(kind, obj)
    wanted = {key for key in hard if key in asked}
    if kind.resource == "pods":
        missing = sorted(key for key in hard if _is_compute(key) and key not in asked)
        if missing:
            names = ",".join(one["name"] for one in obj["spec"]["containers"])
            raise _forbidden(kind, obj, f"failed quota: {name}: must specify {','.join(missing)} for: {names}")
    used = _sum(_usage(kind, held.object) for held in storage.view(kind.resource, obj["metadata"]["namespace"]))
    over = sorted(key for key in wanted if asked[key] + used.get(key, Decimal()) > parse_quantity(hard[key]))
    if over:
        amounts_in_words = (
            ",".join(f"{key}={_written(key, amounts.get(key, Decimal()))}" for key in over) for amounts in (asked, used)
        )
        limited = ",".join(f"{key}={hard[key]}" for key in over)
        requested, in_use = amounts_in_words
        raise _forbidden(
            kind, obj, f"exceeded quota: {name}, requested: {requested}, used: {in_use}, limited: {limited}"
        )


def _usage(kind: Kind, obj: Object) -> dict[str, Decimal]:
    """Return what an object counts in a quota; an ended pod counts nothing."""
    counted = {f"count/{kind.qualified}": Decimal(1)}
    if kind.resource != "pods" or obj.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return counted
    counted["pods"] = Decimal(1)
    for container in obj["spec"].get("containers", []):
        for part in ("requests", "limits"):
            for name, text in ((container.get("resources") or {}).get(part) or {}).items():
                for key in (f"{part}.{name}", *([name] if part == "requests" else [])):
                    counted[key] = counted.get(key, Decimal()) + parse_quantity(text)
    return counted


def _is_compute(key: str) -> bool:
    return key.removeprefix("requests.").removeprefix("limits.") in _COMPUTE


def _sum(usages: Iterable[dict[str, Decimal]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for usage in usages:
        for key, amount in usage.items():
            total[key] = total.get(key, Decimal()) + amount
    return total


def _written(key: str, amount: Decimal) -> str:
    if key.endswith(("memory", "storage")):
        for unit, size in _BINARY:
            if amount and amount % size == 0:
                return f"{int(amount // size)}{unit}"
    return canonical(f"{amount:f}")


def _forbidden(kind: Kind, obj: Object, why: str) -> Forbidden:
    name = obj["metadata"]["name"]
    details = {"name": name, "kind": kind.resource, **({"group": kind.group} if kind.group else {})}
    return Forbidden(f'{kind.qualified} "{name}" is forbidden: {why}', details)
