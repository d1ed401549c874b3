"""The resources that a job may request: `resources` of the API, under the rules for a Kubernetes container.

The rules are those of Kubernetes' own validation (`ValidateResourceRequirements`); `jobs_api.model.quantity` reads and
writes the quantities. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails

from jobs_api.model.document import COMPILED_LATE, Document
from jobs_api.model.names import is_dns_subdomain
from jobs_api.model.quantity import InvalidQuantity, Quantity, parse
from jobs_api.model.resource_bounds import HUGEPAGES, STANDARD, ResourceFault, bound_faults, name_faults

__all__ = [
    "InvalidQuantity",
    "ResourceFault",
    "Resources",
    "canonical",
    "check_resource_name",
    "parse_quantity",
    "resource_faults",
]

# A Pod has a few resources; a larger object is a mistake, and would fill an item of the table.
MAX_BYTES = 16 * 1024

_MIN_INT64, _MAX_INT64 = Decimal(-(1 << 63)), Decimal((1 << 63) - 1)
_COMPUTE = ("cpu", "memory")
_NAME_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def parse_quantity(text: str) -> Decimal:
    """Read a quantity as the number that an API server stores: exact, but rounded up to thousandths.

    Beyond an int64 it is the largest or smallest int64, as everywhere in Kubernetes.

    Raises:
        InvalidQuantity: the text is not a quantity.
    """
    return max(_MIN_INT64, min(_MAX_INT64, parse(text).stored().value))


def canonical(text: str) -> str:
    """Write a resource's quantity as an API server stores it: `0.5` is `500m`, `1024Mi` is `1Gi`.

    Raises:
        InvalidQuantity: the text is not a quantity.
    """
    return str(parse(text).stored())


def resource_faults(requests: Mapping[str, str], limits: Mapping[str, str]) -> list[ResourceFault]:
    """Return everything that an API server would reject in a container's resources."""
    faults: list[ResourceFault] = []
    asked = {"limits": _read(limits, "limits", faults), "requests": _read(requests, "requests", faults)}
    for part, quantities in asked.items():
        for name, quantity in quantities.items():
            faults += [ResourceFault((part, name), message) for message in _faults_of(name, quantity)]
    for name, request in asked["requests"].items():
        faults += _faults_between(name, request, asked["limits"].get(name), limits)
    named = asked["limits"].keys() | asked["requests"].keys()
    if any(name.startswith(HUGEPAGES) for name in named) and not named & set(_COMPUTE):
        faults.append(ResourceFault((), "has huge pages, which need cpu or memory too, in requests or limits"))
    return faults


class Resources(Document):
    """The requests and limits of a job: names and quantities in Kubernetes' terms, as they were sent.

    A number becomes the text of its digits; empty means that nothing is requested. Validated with a project's settings
    as context, a job may request less than Kubernetes would allow.
    """

    model_config = COMPILED_LATE

    requests: dict[str, str] = Field(default={}, exclude_if=lambda asked: not asked)
    limits: dict[str, str] = Field(default={}, exclude_if=lambda asked: not asked)

    @model_validator(mode="before")
    @classmethod
    def _obeys_kubernetes(cls, document: Any, info: ValidationInfo) -> Any:
        """Collect every fault, each at its own path."""
        if isinstance(document, Resources):
            return document
        if not isinstance(document, dict):
            raise ValueError('must be an object with "requests" and "limits", such as {"limits": {"memory": "1Gi"}}')  # noqa: TRY004
        faults = [ResourceFault((str(key),), _STRANGE) for key in document if key not in cls.model_fields]
        asked = {part: _texts(document.get(part), part, faults) for part in ("requests", "limits")}
        size = sum(len(name) + len(text) for quantities in asked.values() for name, text in quantities.items())
        if size > MAX_BYTES:
            faults.append(ResourceFault((), f"has {size} characters in all; at most {MAX_BYTES} are allowed"))
        else:
            faults += resource_faults(**asked)
            if info.context is not None:
                faults += bound_faults(**asked) + name_faults(**asked, allowed=info.context.allowed_resources)
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, [_detail(fault, document) for fault in faults])
        return asked


_STRANGE = "is not a field of resources; its fields are requests and limits"


def _texts(quantities: Any, part: str, faults: list[ResourceFault]) -> dict[str, str]:
    """Return each quantity as text; `null` counts as none."""
    if quantities is None:
        return {}
    if not isinstance(quantities, dict):
        faults.append(ResourceFault((part,), 'must be an object of names and quantities, such as {"memory": "1Gi"}'))
        return {}
    texts = {}
    for name, quantity in quantities.items():
        if isinstance(quantity, str):
            texts[name] = quantity
        elif isinstance(quantity, int | float) and not isinstance(quantity, bool):
            texts[name] = str(quantity)
        elif quantity is not None:
            faults.append(ResourceFault((part, name), 'must be a quantity, such as "500m" or "1Gi"'))
    return texts


def _read(quantities: Mapping[str, str], part: str, faults: list[ResourceFault]) -> dict[str, Quantity]:
    read = {}
    for name, text in quantities.items():
        try:
            read[name] = parse(text).stored()
        except InvalidQuantity as error:
            faults.append(ResourceFault((part, name), str(error)))
            faults += [ResourceFault((part, name), message) for message in _name_faults(name)]
    return read


def _faults_of(name: str, quantity: Quantity) -> Iterator[str]:
    yield from _name_faults(name)
    if quantity.mantissa < 0:
        yield f"must not be negative, but is {quantity}"
    if _is_extended(name) and not quantity.is_whole:
        yield f"{name} comes in whole numbers, but this is {quantity}"
    if name.startswith(HUGEPAGES) and not _is_multiple(quantity, name.removeprefix(HUGEPAGES)):
        yield f"must be a whole number of pages of {name.removeprefix(HUGEPAGES)}, but is {quantity}"


def _faults_between(
    name: str, request: Quantity, limit: Quantity | None, limits: Mapping[str, str]
) -> Iterator[ResourceFault]:
    """Compare a request with its limit. A resource that cannot be overcommitted needs both, with the same quantity."""
    overcommitted = _is_native(name) and not name.startswith(HUGEPAGES)
    if limit is None:
        if not overcommitted and name not in limits:
            yield ResourceFault(("limits", name), f"is needed too, and the same as the request of {request}")
    elif not overcommitted and request.value != limit.value:
        yield ResourceFault(("limits", name), f"must be equal to the request of {request}, but is {limit}")
    elif request.value > limit.value:
        yield ResourceFault(("limits", name), f"must not be below the request of {request}, but is {limit}")


def _name_faults(name: str) -> Iterator[str]:
    if "/" not in name:
        if name not in STANDARD and not (name.startswith(HUGEPAGES) and _is_qualified(name)):
            close = next((known for known in STANDARD if known.startswith(name.lower()[:3]) and name), None)
            hint = f"; did you mean {close}?" if close else ""
            yield f"must be {', '.join(STANDARD)}, {HUGEPAGES}<size> or a device such as nvidia.com/gpu{hint}"
    elif not _is_qualified(name) or not (_is_native(name) or _is_extended(name)):
        yield "must be a device's name such as nvidia.com/gpu: a domain in lower case, a slash and a name"


def _is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _is_extended(name: str) -> bool:
    return not _is_native(name) and not name.startswith("requests.") and _is_qualified(f"requests.{name}")


def _is_qualified(name: str) -> bool:
    """Return whether a name is `name` or `domain/name`, like the keys of labels."""
    prefix, slash, last = name.rpartition("/")
    return _NAME_PART.fullmatch(last) is not None and (not slash or is_dns_subdomain(prefix))


def _is_multiple(quantity: Quantity, page_size: str) -> bool:
    try:
        page = parse(page_size)
    except InvalidQuantity:
        return False
    size, asked = page.rounded_up(), quantity.rounded_up()
    if size is None or size <= 0 or not page.is_whole:
        return False
    # A quantity beyond an int64 counts as no pages at all.
    return asked is None or asked % size == 0


def check_resource_name(name: str) -> str:
    """Return the name of a resource that Kubernetes or a device plugin may know; raise ValueError for any other."""
    if fault := next(_name_faults(name), None):
        raise ValueError(fault)
    return name


def _detail(fault: ResourceFault, document: Any) -> InitErrorDetails:
    return InitErrorDetails(
        type="value_error", loc=fault.path, input=document, ctx={"error": ValueError(fault.message)}
    )
