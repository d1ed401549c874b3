"""Time zones by their IANA names, from the tzdata package alone, and the calculations that Go does in them."""

import calendar
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata

# The longest IANA name has 32 characters; for a longer text there is no suggestion.
_LONGEST_NAME = 32
_DATA = Path(tzdata.__file__).parent


class InvalidTimezone(ValueError):
    """A text that is not the name of a time zone; the message says what would be one.

    Attributes:
        kubernetes: the API server's message after `Invalid value: "…": `.
    """

    def __init__(self, message: str, kubernetes: str) -> None:
        super().__init__(message)
        self.kubernetes = kubernetes


def check_timezone(name: str) -> str:
    """Return a time zone's name in IANA's spelling, if it is IANA's: `Europe/Berlin`, `UTC`.

    The tzdata package has the list, whatever the machine has installed. Kubernetes accepts these names and, depending
    on the files of its host, a few others (`posix/UTC`, `localtime`).

    Raises:
        InvalidTimezone: the name is not in that list, or is `Local`, which Kubernetes rejects by name:
            https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones
    """
    if name in _names():
        return name
    if not name:
        raise InvalidTimezone(
            "the time zone is empty; leave it out for UTC", "timeZone must be nil or non-empty string"
        )
    if name.lower() == "local":
        raise InvalidTimezone(
            "Local would be wherever the cluster happens to be; name a place, such as Europe/Berlin",
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
        )
    raise InvalidTimezone(_unknown(name), f"unknown time zone {name}")


@cache
def load(name: str) -> ZoneInfo:
    """Load a time zone; the rules are from tzdata, so they are the same on every machine.

    Raises:
        InvalidTimezone: as `check_timezone`.
    """
    source = _DATA.joinpath("zoneinfo", *check_timezone(name).split("/"))
    with source.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def local(instant: int, zone: ZoneInfo) -> datetime:
    """Return the local time at an instant, in seconds since 1970."""
    return datetime.fromtimestamp(instant, zone)


def instant(zone: ZoneInfo, year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Return when a local time is, in seconds since 1970, as Go's time.Date does; month and day may overflow.

    For a local time that does not exist, the result is on one side of the gap; for one that occurs twice, it is one of
    the two. Go reads the offset twice, which decides: https://cs.opensource.google/go/go/+/master:src/time/time.go
    """
    years, month = divmod(month - 1, 12)
    wall = calendar.timegm((year + years, month + 1, day, hour, minute, second))
    return wall - _offset(zone, wall - _offset(zone, wall))


def _offset(zone: ZoneInfo, instant: int) -> int:
    offset = local(instant, zone).utcoffset() or timedelta()
    return offset.days * 86_400 + offset.seconds


@cache
def _names() -> frozenset[str]:
    return frozenset((_DATA / "zones").read_text("utf-8").split())


def _unknown(name: str) -> str:
    meant = _suggested_zone(name.lower().replace(" ", "_")) if len(name) <= _LONGEST_NAME else None
    hint = f"did you mean {meant}?" if meant else "use an IANA name such as Europe/Berlin or UTC"
    return f"there is no time zone {name[:_LONGEST_NAME]!r}; {hint}"


def _suggested_zone(wanted: str) -> str | None:
    """Guess a zone by its name in any case, or by its place; not for GMT+2, since Etc/GMT+2 is the opposite."""
    if any(c.isdigit() for c in wanted):
        return None
    names = {name.lower(): name for name in sorted(_names())}
    places = {name.rpartition("/")[2]: name for name in names}
    close = (
        [wanted]
        if wanted in names
        else [places[wanted]]
        if wanted in places
        else get_close_matches(wanted, names, 1, 0.8)
    )
    return names[close[0]] if close else None
