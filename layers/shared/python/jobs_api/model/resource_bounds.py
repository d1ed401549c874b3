"""Quantities that Kubernetes accepts but nobody means: a fraction of a byte, more than any node has, or too little.

An API server only warns of fractions of a byte, and the kubelet then never starts the container:
https://github.com/kubernetes/kubernetes/blob/master/pkg/api/pod/warnings.go
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from jobs_api.errors import shortened
from jobs_api.model.quantity import InvalidQuantity, parse

STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
HUGEPAGES: Final = "hugepages-"
# Above the largest machines of EC2 (1,920 processors, 32 TiB of memory, 120 TB of disk, 128 accelerators' cores), in
# round numbers. https://docs.aws.amazon.com/ec2/latest/instancetypes/
LARGEST: Final = {"cpu": "2000", "memory": "64Ti", "ephemeral-storage": "128Ti"}
MOST_DEVICES: Final = "256"
# With less, a container runtime refuses to start, or its own first process is killed.
LEAST_MEMORY_LIMIT: Final = "4Mi"

_MEBI: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ResourceFault:
    """One fault in a container's resources: its `path`, such as `("limits", "cpu")`, and what would be right."""

    path: tuple[str, ...]
    message: str


def bound_faults(requests: Mapping[str, str], limits: Mapping[str, str]) -> list[ResourceFault]:
    """Return the quantities that nobody can mean; `resource_faults` reports texts that are not quantities."""
    return [
        ResourceFault((part, name), message)
        for part, quantities in (("requests", requests), ("limits", limits))
        for name, text in quantities.items()
        for message in _faults_of(part, name, text)
    ]


def name_faults(
    requests: Mapping[str, str], limits: Mapping[str, str], allowed: Collection[str]
) -> list[ResourceFault]:
    """Return the names that a job may use only where its project's `allowed_resources` has them."""
    return [
        ResourceFault(
            (part, name),
            f"{shortened(name)} is not allowed in this project; an operator can add it to the project's "
            "allowed_resources",
        )
        for part, quantities in (("requests", requests), ("limits", limits))
        for name in quantities
        if name not in STANDARD and name not in allowed and ("/" in name or name.startswith(HUGEPAGES))
    ]


def _faults_of(part: str, name: str, text: str) -> Iterator[str]:
    try:
        quantity = parse(text).stored()
    except InvalidQuantity:
        return
    if not (name in STANDARD or "/" in name or name.startswith(HUGEPAGES)):
        # `name_faults` reports a resource that does not exist.
        return
    value, shown = quantity.value, shortened(text)
    most = LARGEST.get("memory" if name.startswith(HUGEPAGES) else name, MOST_DEVICES)
    if not any(map(str.isdecimal, text)):
        yield f"{shown} has no digits, which Kubernetes reads as 0; write 0 if that is meant"
    elif value > parse(most).value:
        yield f"{shown} is more than any node has; at most {most}"
    elif _is_in_bytes(name) and not quantity.is_whole:
        yield f"{shown} is a fraction of a byte; did you mean {_suggested_quantity(text, value)}?"
    elif (part, name) == ("limits", "memory") and 0 < value < _LEAST:
        hint = f"; did you mean {_with_unit(int(text))}?" if text.isdecimal() and value <= _MEBI else ""
        yield f"{shown} is too little for any container; at least {LEAST_MEMORY_LIMIT}{hint}"


def _is_in_bytes(name: str) -> bool:
    return name in {"memory", "ephemeral-storage"} or name.startswith(HUGEPAGES)


def _suggested_quantity(text: str, value: Decimal) -> str:
    """Guess a valid quantity: with the unit that is missing or incomplete, or else in whole mebibytes."""
    text = text.strip(" ")
    number = text.removesuffix("m")
    unit = "Mi" if number != text else "Gi"
    if number.replace(".", "", 1).isdecimal() and value < 1_000:
        meant = parse(f"{number}{unit}").stored()
        if meant.is_whole and meant.value >= _LEAST:
            return f"{number}{unit}"
        value = meant.value
    return f"{int((max(value, _LEAST) / _MEBI).to_integral_value(ROUND_CEILING))}Mi"


def _with_unit(number: int) -> str:
    return f"{number}Mi" if number * _MEBI >= _LEAST else f"{number}Gi"


_LEAST: Final = parse(LEAST_MEMORY_LIMIT).value
