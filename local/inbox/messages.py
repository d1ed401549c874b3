"""What arrived, newest first, as long as this process lives; the oldest go when there are many."""

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

_MOST = 2000


@dataclass(frozen=True)
class Message:
    """A webhook or a Slack message; `verdict` is what became of its signature, or of the token it was posted with."""

    number: int
    kind: str
    received_at: str
    to: str
    verdict: str
    headers: dict[str, str]
    body: Any


@dataclass
class Messages:
    """All that arrived."""

    _kept: deque[Message] = field(default_factory=lambda: deque(maxlen=_MOST))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, to: str, verdict: str, headers: Mapping[str, str], body: Any) -> Message:
        """Keep a message."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shown = {name: value for name, value in headers.items() if name != "authorization"}
        with self._lock:
            message = Message(next(self._numbers), kind, now, to, verdict, shown, body)
            self._kept.append(message)
        return message

    def documents(self, after: int = 0) -> list[dict[str, Any]]:
        """Return messages with a number over `after`, newest first."""
        with self._lock:
            return [asdict(message) for message in reversed(self._kept) if message.number > after]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
