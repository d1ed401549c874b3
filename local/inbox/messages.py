"""The messages that arrived since this process started, newest first; the oldest are dropped when there are many."""

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

_MOST = 2000


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Message:
    """A webhook or a Slack message; `verdict` says whether the signature is right, or is Slack's answer."""

    number: int
    kind: str
    received_at: str
    to: str
    verdict: str
    good: bool
    headers: dict[str, str]
    body: Any


@dataclass
class Messages:
    """All messages since the start or the last `clear`."""

    since: str = field(default_factory=_now)
    _kept: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, to: str, verdict: str, headers: Mapping[str, str], body: Any, *, good: bool) -> Message:
        """Store a message; `good` says whether its receiver would accept it."""
        shown = {name: value for name, value in headers.items() if name != "authorization"}
        with self._lock:
            message = Message(next(self._numbers), kind, _now(), to, verdict, good, shown, body)
            self._kept.append(message)
        return message

    def documents(self, after: int = 0) -> list[dict[str, Any]]:
        """Return messages with a number over `after`, newest first."""
        with self._lock:
            return [asdict(message) for message in reversed(self._kept) if message.number > after]

    def clear(self) -> None:
        """Remove all messages."""
        with self._lock:
            self._kept.clear()
            self.since = _now()
