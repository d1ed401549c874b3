"""Durations and ages as kubectl shows them: with two units at most, and without the smaller one if it is zero."""

from datetime import datetime

from local.cluster.clock import parse_timestamp

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
# Below so many seconds: the unit, and the smaller unit beside it (k8s.io/apimachinery/pkg/util/duration).
_STEPS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)


def age(at: str | None, now: datetime) -> str:
    """Return the time since a timestamp."""
    return human_duration((now - parse_timestamp(at)).total_seconds()) if at else "<unknown>"


def human_duration(seconds: float) -> str:
    """Write a duration like duration.HumanDuration: 90s, 2m5s, 3h, 4d5h, 2y30d."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole == -1 else "<invalid>"
    for below, unit, name, smaller, smaller_name in _STEPS:
        if whole < below:
            rest = whole % unit // smaller if smaller else 0
            return f"{whole // unit}{name}" + (f"{rest}{smaller_name}" if rest else "")
    return f"{whole // _YEAR}y"
