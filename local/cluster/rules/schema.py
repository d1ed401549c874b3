"""The fields each kind has, and their types, as Go's JSON decoding would have them."""

from typing import Any

from local.cluster.kinds import Kind


def read(kind: Kind, parsed: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the object and the paths of fields nobody knows."""
    return parsed, []
