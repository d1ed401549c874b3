"""Where a reading of a run's log has ended: what was taken of which file, so that another process can read on."""

import json
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from zlib import crc32


class OtherLog(Exception):
    """The answer does not continue at the place."""


class NotStamped(Exception):
    """A line has no time: it is a message of the kubelet and not a log."""


@dataclass(frozen=True)
class TakenSince:
    """The part that was taken of the lines from a second on: how many bytes, with their times, and their CRC."""

    since: int = 0
    size: int = 0
    crc: int = 0

    def with_bytes(self, data: bytes | memoryview) -> "TakenSince":
        """Return the window with more taken."""
        return TakenSince(self.since, self.size + len(data), crc32(data, self.crc))


@dataclass(frozen=True)
class LogPlace:
    """Where a reading of a run's log has ended.

    Attributes:
        log: its file, as `log_name` names it; "" before the first line.
        offset: how many bytes of the file's text were taken.
        window: where to read on. Lines may be written a moment out of order, because two streams are read at once; so
            its second is earlier than the last one.
        later: the window of the next second, taken once a line of a still later second is read; None without one.
        newest: the latest second of a line, seconds since 1970.
        inside: whether the last byte taken was not a line's end.
    """

    log: str = ""
    offset: int = 0
    window: TakenSince = TakenSince()
    later: TakenSince | None = None
    newest: int = 0
    inside: bool = False

    def text(self) -> str:
        """Return the place as a text, which `read` reads."""
        later = astuple(self.later) if self.later else None
        return json.dumps([self.log, self.offset, astuple(self.window), later, self.newest, self.inside])

    @classmethod
    def read(cls, text: str) -> "LogPlace":
        """Read what `text` wrote."""
        log, offset, window, later, newest, inside = json.loads(text)
        return cls(log, offset, TakenSince(*window), TakenSince(*later) if later else None, newest, inside)

    @property
    def since(self) -> str | None:
        """The time to ask the kubelet for, None for the whole file."""
        return f"{datetime.fromtimestamp(self.window.since, UTC):%Y-%m-%dT%H:%M:%SZ}" if self.window.size else None


@dataclass(frozen=True)
class Piece:
    """A part of a log, and the place after it. `elsewhere`: it begins another file, so lines before it may be lost."""

    content: bytes
    place: LogPlace
    elsewhere: bool = False
