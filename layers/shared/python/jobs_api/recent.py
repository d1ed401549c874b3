"""Caches what was read for a short time, by the wall clock: a monotonic clock stops while Lambda freezes a process.

A process may be frozen for hours between two requests and continue with its old cache. If the clock was set back,
values are not kept longer: whatever may be too old is read again.
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

MOST: Final = 1024


class Recent[K: Hashable, V]:
    """Caches what `read` returned for each key in the last `seconds`; threads may share it.

    Only values that `keeps` accepts are cached, since a missing thing may exist a moment later. At most `most` values
    are kept.
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
        """Return the cached value of a key, or read it; raises what `read` raises, and caches no failure."""
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
                # The time before the read counts.
                self._known[key] = (now, value)
        return value

    def forget(self, key: K, *, older_than: float = 0) -> None:
        """Read a key again next time, unless it was read less than `older_than` seconds ago."""
        with self._lock:
            known = self._known.get(key)
            if known and not 0 <= self._clock() - known[0] < older_than:
                del self._known[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
