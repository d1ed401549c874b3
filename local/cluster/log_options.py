"""The options of a request for a container's log."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LogOptions:
    """How to read a log: the last `tail` lines, those not before `since` (aware), and whether to wait for more.

    `previous` is the log of the run before the last restart.
    """

    tail: int | None = None
    follow: bool = False
    timestamps: bool = False
    since: datetime | None = None
    limit_bytes: int | None = None
    previous: bool = False
