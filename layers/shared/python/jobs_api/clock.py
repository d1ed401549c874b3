"""How code that needs the time gets it: a function that returns it, which tests replace."""

from collections.abc import Callable
from datetime import UTC, datetime

# Returns the present time, aware.
type Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
