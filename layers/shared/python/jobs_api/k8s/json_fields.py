"""Reads single fields of an API server's JSON; a field that is missing, null or of another type is read as empty."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

type Object = dict[str, Any]

# Kubernetes writes Go's zero time for something that never happened.
ZERO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Later times and longer spans are typing errors, and a sum with them would exceed the calendar: a Job's deadline may
# be any 64-bit number of seconds, and an annotation may have any text.
LAST_TIME: Final = datetime(9000, 1, 1, tzinfo=UTC)
LONGEST: Final = timedelta(days=36_500)
_LONGEST_SECONDS: Final = int(LONGEST.total_seconds())
_TEXT: Final = frozenset({str})


def mapping(value: object) -> Object:
    """Return the members of an object; none for anything else."""
    return value if isinstance(value, dict) else {}


def members(value: object) -> list[Object]:
    """Return the objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text, "" for anything else."""
    return value if isinstance(value, str) else ""


def texts(value: object) -> dict[str, str]:
    """Return labels or annotations."""
    if not isinstance(value, dict):
        return {}
    if _TEXT.issuperset(map(type, value.values())):
        return dict(value)
    return {key: one for key, one in value.items() if isinstance(one, str)}


def whole(value: object) -> int:
    """Return a whole number, 0 where the field is missing, as Kubernetes reads it."""
    return value if type(value) is int else 0


def span(value: object) -> timedelta | None:
    """Return a number of seconds as a span of time, no longer than a century; None where there is none."""
    if type(value) is not int:
        return None
    return timedelta(seconds=min(max(value, 0), _LONGEST_SECONDS))


def moment(value: object) -> datetime | None:
    """Read a time of Kubernetes; None where it is missing, zero or no time."""
    if not isinstance(value, str) or not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if ZERO_TIME < at < LAST_TIME else None
