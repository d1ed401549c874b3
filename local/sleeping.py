"""Notices that the machine slept: the embedded cluster fired nothing meanwhile, and that is why slots were missed."""

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

_LOOK_SECONDS: Final = 5.0
# A machine that is only busy lets this process wait for less.
LONGEST_PAUSE: Final = timedelta(seconds=30)


def _now() -> datetime:
    return datetime.now(UTC)


class SleepWatch:
    """Calls `slept` with the beginning and the end of each sleep of the machine, or stop of this process.

    It looks at the clock every few seconds during its `with` block, and whenever somebody calls `look`. A clock that is
    set forward looks the same: the cluster fires no slot of that time either, but for each job's last one.
    """

    def __init__(self, slept: Callable[[datetime, datetime], None], now: Callable[[], datetime] = _now) -> None:
        """Begin to watch at the first look."""
        self._slept = slept
        self._now = now
        self._seen: datetime | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sleep", daemon=True)

    def __enter__(self) -> Self:
        """Start looking."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Return once a sleep that has ended is known to whom `slept` tells, whichever thread noticed it."""
        with self._lock:
            now = self._now()
            before, self._seen = self._seen, now
            if before is None or now - before <= LONGEST_PAUSE:
                return
            try:
                self._slept(before, now)
            except Exception as error:  # noqa: BLE001 - only the reason of missed slots is lost
                print(f"make run: a sleep since {before} could not be recorded: {error}", file=sys.stderr)  # noqa: T201

    def _watch(self) -> None:
        self.look()
        while not self._ended.wait(_LOOK_SECONDS):
            self.look()
