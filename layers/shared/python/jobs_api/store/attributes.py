"""How values stand in the tables: times, JSON documents and variables."""

import json
from datetime import UTC, datetime
from typing import Any

from pynamodb.attributes import (
    Attribute,
    JSONAttribute,
)
from pynamodb.constants import STRING

MOMENT_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class MomentAttribute(Attribute[datetime]):
    """An aware time as RFC 3339 in UTC with microseconds, so that text order is time order."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """Return the value as the table has it."""
        return time_text(value)

    def deserialize(self, value: str) -> datetime:
        """Return the value from what the table has."""
        # strptime, which reads exactly this format, takes ten times as long.
        return datetime.fromisoformat(value)


class DocumentAttribute(JSONAttribute):
    """A JSON document, in UTF-8: DynamoDB takes items of 400 KB, and an escaped letter would be three times as long."""

    def serialize(self, value: Any) -> str:
        """Return the value as the table has it."""
        return json.dumps(value, ensure_ascii=False)

    def deserialize(self, value: str) -> Any:
        """Return the value from what the table has."""
        # PynamoDB would make a decoder for each value.
        return json.loads(value)


class VariablesAttribute(Attribute[dict[str, str]]):
    """Variables as `name=value` and a NUL, which neither contains; in JSON a control character would take six bytes."""

    attr_type = STRING

    def serialize(self, value: dict[str, str]) -> str:
        """Return the variables as the table has them."""
        return "".join(f"{name}={one}\0" for name, one in value.items())

    def deserialize(self, value: str) -> dict[str, str]:
        """Return the variables from what the table has."""
        return dict(one.split("=", 1) for one in value.split("\0")[:-1])


def time_text(value: datetime) -> str:
    """Write a time as the tables do."""
    return value.astimezone(UTC).strftime(MOMENT_FORMAT)
