"""A queue of objects' keys, due now or later; a key that is added twice is returned once."""

import asyncio
import heapq
from datetime import datetime
from typing import Any, NamedTuple

from local.cluster.clock import Clock


class Key(NamedTuple):
    """Which object: `resource` is its plural."""

    resource: str
    namespace: str
    name: str


class WorkQueue:
    """Returns keys when they are due, and sleeps in between instead of polling."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: dict[Key, None] = {}
        self._due_at: dict[Key, datetime] = {}
        # All times that were set. Replaced times stay, because skipping them later is cheaper than finding them now.
        self._times: list[tuple[datetime, Key]] = []
        self._changed = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Return whether a key is due now."""
        return bool(self._ready)

    def add(self, key: Key) -> None:
        """Make `key` due now."""
        self._ready[key] = None
        self._changed.set()

    def add_at(self, key: Key, at: datetime | None) -> None:
        """Make `key` due at a time, unless it is due earlier; None changes nothing.

        As in Kubernetes, whose queue keeps the earlier of two times and removes none:
        https://github.com/kubernetes/client-go/blob/master/util/workqueue/delaying_queue.go
        """
        known = self._due_at.get(key)
        if at is not None and (known is None or at < known):
            self._due_at[key] = at
            heapq.heappush(self._times, (at, key))
            self._changed.set()

    async def get(self) -> Key:
        """Return the next key, in the order they were added."""
        while True:
            self._changed.clear()
            next_at = self._collect_due(self._clock.now())
            if self._ready:
                key = next(iter(self._ready))
                del self._ready[key]
                return key
            await self._until_changed_or(next_at)

    def _collect_due(self, now: datetime) -> datetime | None:
        """Move due keys to the ready ones, and return when the next is due."""
        while self._times:
            at, key = self._times[0]
            if self._due_at.get(key) == at:
                if at > now:
                    return at
                del self._due_at[key]
                self._ready.setdefault(key)
            heapq.heappop(self._times)
        return None

    async def _until_changed_or(self, at: datetime | None) -> None:
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self._changed.wait())}
        if at:
            waits.add(asyncio.create_task(self._clock.sleep_until(at)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
