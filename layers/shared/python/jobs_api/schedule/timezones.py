"""Time zones by their IANA names, from the tzdata package alone, and the arithmetic that Go does in them."""

import calendar
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata

# The longest IANA name has 32 characters; there is nothing to suggest for a longer one.
_LONGEST_NAME = 32
_DATA = Path(tzdata.__file__).parent


class InvalidTimezone(ValueError):
    """Not the name of a time zone; the text says what would be one.

    Attributes:
        kubernetes: what an API server says of it after `Invalid value: "…": `.
    """

    def __init__(self, message: str, kubernetes: str) -> None:
        super().__init__(message)
        self.kubernetes = kubernetes


def check_timezone(name: str) -> str:
    """Give back a time zone's name if it is IANA's, in IANA's own spelling: `Europe/Berlin`, `UTC`.

    What counts is the list in the tzdata package, never what the machine has installed. Kubernetes takes these names
    and, depending on the files of its host, a few that are none (`posix/UTC`, `localtime`).

    Raises:
        InvalidTimezone: it is not in that list, or is `Local`, which Kubernetes rejects by name:
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
    """Load a time zone; the rules are tzdata's, so they are the same on every machine.

    Raises:
        InvalidTimezone: as `check_timezone`.
    """
    source = _DATA.joinpath("zoneinfo", *check_timezone(name).split("/"))
    with source.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def local(instant: int, zone: ZoneInfo) -> datetime:
    """Tell the local time at an instant, in seconds since 1970."""
    return datetime.fromtimestamp(instant, zone)


def instant(zone: ZoneInfo, year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Find when a local time is, in seconds since 1970, as Go's time.Date does it; month and day may overflow.

    A local time that does not exist comes out on one side of the gap, one that comes twice as one of the two. Which
    one follows from the two looks at the offset: https://cs.opensource.google/go/go/+/master:src/time/time.go
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
    meant = _meant(name.lower().replace(" ", "_")) if len(name) <= _LONGEST_NAME else None
    hint = f"did you mean {meant}?" if meant else "use an IANA name such as Europe/Berlin or UTC"
    return f"there is no time zone {name[:_LONGEST_NAME]!r}; {hint}"


def _meant(wanted: str) -> str | None:
    """Guess a zone by its name in any case, or its place alone; not for GMT+2, which Etc/GMT+2 is the opposite of."""
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
