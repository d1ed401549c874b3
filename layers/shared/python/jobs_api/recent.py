"""Remembers for a while what was read, by the wall clock: a monotonic one stands still while Lambda freezes a process.

A process may sleep for hours between two requests and wake up with everything that it knew. A clock that was set back
is no reason to remember longer: what is not surely recent is read again.
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

MOST: Final = 1024


class Recent[K: Hashable, V]:
    """What `read` returned for each key in the last `seconds`; threads may share it.

    Only what `keeps` accepts is remembered: that something is missing may change at once. `most` bounds how much it is.
    """

    def __init__(
        self,
        read: Callable[[K], V],
        seconds: float,
        *,
        keeps: Callable[[V], bool] = lambda _: True,
        most: int = MOST,
        clock: Callable[[], float] = lambda: time.time(),  # noqa: PLW0108 - looked up each time, so that tests can move it
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._keeps = keeps
        self._most = most
        self._clock = clock
        self._known: dict[K, tuple[float, V]] = {}
        self._lock = threading.Lock()

    def get(self, key: K) -> V:
        """Return what is remembered of a key, or read it; raises what `read` raises, and remembers no failure."""
        now = self._clock()
        with self._lock:
            known = self._known.get(key)
        if known and 0 <= now - known[0] < self._seconds:
            return known[1]
        value = self._read(key)
        with self._lock:
            self._known.pop(key, None)
            if self._keeps(value):
                if len(self._known) >= self._most:
                    self._known.pop(next(iter(self._known)))
                # As of before it was read.
                self._known[key] = (now, value)
        return value

    def forget(self, key: K, *, older_than: float = 0) -> None:
        """Read a key anew next time, unless it was read less than `older_than` seconds ago."""
        with self._lock:
            known = self._known.get(key)
            if known and not 0 <= self._clock() - known[0] < older_than:
                del self._known[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
