"""Rules for the resources of containers (ValidateContainerResourceRequirements)."""

from typing import Any

from jobs_api.model.quantity import InvalidQuantity, Quantity, Style, parse
from local.cluster.rules.faults import Bare, Faults
from local.cluster.rules.formats import qualified_name

_CONTAINER = {"cpu", "memory", "ephemeral-storage"}
_INTEGERS = {
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
}
# Resources that only a quota may name.
_QUOTA = {
    *_INTEGERS,
    "storage",
    "requests.storage",
    *(f"{side}.{name}" for side in ("requests", "limits") for name in _CONTAINER),
}
_FORMATS = {Style.DECIMAL: "DecimalSI", Style.BINARY: "BinarySI", Style.EXPONENT: "DecimalExponent"}


def check_resources(resources: dict[str, Any], path: str, faults: Faults) -> None:
    """Check requests and limits, alone and against each other; their quantities are readable."""
    limits = {name: parse(text) for name, text in (resources.get("limits") or {}).items()}
    requests = {name: parse(text) for name, text in (resources.get("requests") or {}).items()}
    for name, quantity in limits.items():
        _check_quantity(name, quantity, f"{path}.limits[{name}]", faults)
    for name, quantity in requests.items():
        _check_quantity(name, quantity, f"{path}.requests[{name}]", faults, between=(path, limits.get(name)))
    named = limits.keys() | requests.keys()
    if any(map(_is_hugepages, named)) and not named & {"cpu", "memory"}:
        faults.forbidden(path, "HugePages require cpu or memory")


def _check_quantity(
    name: str, quantity: Quantity, path: str, faults: Faults, between: tuple[str, Quantity | None] | None = None
) -> None:
    """Check one quantity; `between` is the path of the resources and the limit, for a request."""
    _check_name(name, path, faults)
    if quantity.mantissa < 0:
        faults.invalid(path, str(quantity), "must be greater than or equal to 0")
    if (name in _INTEGERS or _is_extended(name)) and not quantity.stored().is_whole:
        faults.invalid(path, Bare(_struct(quantity)), "must be an integer")
    if between:
        _check_request(name, quantity, *between, faults)
    if _is_hugepages(name) and not _divides(name.removeprefix("hugepages-"), quantity):
        faults.invalid(path, str(quantity), f"{quantity} is not positive integer multiple of {name}")


def _check_request(name: str, request: Quantity, path: str, limit: Quantity | None, faults: Faults) -> None:
    overcommitted = is_native(name) and not _is_hugepages(name)
    if limit is None:
        if not overcommitted:
            faults.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    elif request.value != limit.value and not overcommitted:
        faults.invalid(f"{path}.requests", str(request), f"must be equal to {name} limit of {limit}")
    elif request.value > limit.value:
        faults.invalid(f"{path}.requests", str(request), f"must be less than or equal to {name} limit of {limit}")


def _check_name(name: str, path: str, faults: Faults) -> None:
    unqualified = qualified_name(name)
    faults.invalid(path, Bare(name), *unqualified)
    if "/" not in name:
        hugepages = _is_hugepages(name) or name.startswith("requests.hugepages-")
        if not unqualified and name not in _CONTAINER | _QUOTA and not hugepages:
            faults.invalid(path, Bare(name), "must be a standard resource type or fully qualified")
        if name not in _CONTAINER and not _is_hugepages(name):
            faults.invalid(path, Bare(name), "must be a standard resource for containers")
    elif not is_native(name) and not _is_extended(name):
        faults.invalid(path, Bare(name), "doesn't follow extended resource name standard")


def is_native(name: str) -> bool:
    """Return whether a resource is Kubernetes' own and not a device's."""
    return "/" not in name or "kubernetes.io/" in name


def _is_extended(name: str) -> bool:
    return not is_native(name) and not name.startswith("requests.") and not qualified_name(f"requests.{name}")


def _is_hugepages(name: str) -> bool:
    return name.startswith("hugepages-")


def _divides(page_size: str, quantity: Quantity) -> bool:
    try:
        page = parse(page_size)
    except InvalidQuantity:
        return False
    if page.mantissa <= 0 or not page.is_whole:
        return False
    # Go first rounds both up to whole numbers.
    return -(-quantity.value // 1) % -(-page.value // 1) == 0


def _struct(quantity: Quantity) -> str:
    """Write a quantity as Go prints the struct of one."""
    amount = f"i:resource.int64Amount{{value:{quantity.mantissa}, scale:{quantity.exponent}}}"
    exact = "d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}"
    return f'resource.Quantity{{{amount}, {exact}, s:"{quantity.text or ""}", Format:"{_FORMATS[quantity.style]}"}}'
