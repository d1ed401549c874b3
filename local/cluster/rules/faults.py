"""The faults of an object, collected in the words of Kubernetes' field.Error."""

import json
from collections.abc import Iterable
from typing import Any

from jobs_api.schedule.go_text import quote
from local.cluster.errors import Cause


class Bare(str):
    """A text that Go prints without quotes, since its type has a String method."""

    __slots__ = ()


class Faults:
    """A list of faults; each method adds one for the field at a path such as spec.containers[0].name."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def required(self, path: str, detail: str = "") -> None:
        """Add: the field must have a value."""
        self._add("Required", path, "Required value" + (f": {detail}" if detail else ""))

    def invalid(self, path: str, value: Any, *details: str) -> None:
        """Add a fault of a value for each detail."""
        for detail in details:
            self._add("Invalid", path, f"Invalid value: {shown(value)}: {detail}")

    def unsupported(self, path: str, value: Any, supported: Iterable[str]) -> None:
        """Add: the value is not one of those allowed."""
        listed = ", ".join(f'"{one}"' for one in supported)
        self._add("NotSupported", path, f"Unsupported value: {shown(value)}: supported values: {listed}")

    def forbidden(self, path: str, detail: str) -> None:
        """Add: the field may not be set here."""
        self._add("Forbidden", path, f"Forbidden: {detail}")

    def duplicate(self, path: str, value: Any) -> None:
        """Add: another item has the same value."""
        self._add("Duplicate", path, f"Duplicate value: {shown(value)}")

    def missing(self, path: str, value: Any) -> None:
        """Add: the value refers to something that does not exist."""
        self._add("NotFound", path, f"Not found: {shown(value)}")

    def too_long(self, path: str, limit: int) -> None:
        """Add: the value has more than `limit` bytes."""
        self._add("TooLong", path, f"Too long: may not be more than {limit} bytes")

    def too_many(self, path: str, count: int, limit: int) -> None:
        """Add: the list has more than `limit` items."""
        self._add("TooMany", path, f"Too many: {count}: must have at most {limit} items")

    def negative(self, path: str, value: int | None) -> None:
        """Check that a number, where there is one, is not below zero."""
        if value is not None and value < 0:
            self.invalid(path, value, "must be greater than or equal to 0")

    def _add(self, kind: str, path: str, message: str) -> None:
        self.causes.append(Cause(f"FieldValue{kind}", message, path))


def shown(value: Any) -> str:
    """Write a value as field.Error does."""
    if isinstance(value, Bare):
        return value
    if isinstance(value, str):
        return quote(value)
    return json.dumps(value, separators=(",", ":"))
