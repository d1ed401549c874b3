"""The keys of objects to look at, now or at a later time; a key that is in twice is looked at once."""

import asyncio
from datetime import datetime
from typing import Any, NamedTuple

from local.cluster.clock import Clock


class Key(NamedTuple):
    """Which object: `resource` is its plural."""

    resource: str
    namespace: str
    name: str


class WorkQueue:
    """Hands out keys as they become due, and sleeps in between: nothing here polls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: dict[Key, None] = {}
        self._later: dict[Key, datetime] = {}
        self._changed = asyncio.Event()

    def add(self, key: Key) -> None:
        """Have `key` looked at now."""
        self._ready[key] = None
        self._changed.set()

    def add_at(self, key: Key, at: datetime | None) -> None:
        """Have `key` looked at `at` a time, instead of any time set before; None for no time at all."""
        self._later.pop(key, None)
        if at is not None:
            self._later[key] = at
            self._changed.set()

    async def get(self) -> Key:
        """Return the next key, in the order they were added."""
        while True:
            self._changed.clear()
            now = self._clock.now()
            for key in [key for key, at in self._later.items() if at <= now]:
                del self._later[key]
                self._ready.setdefault(key)
            if self._ready:
                return self._pop()
            await self._until_due_or_changed()

    def _pop(self) -> Key:
        key = next(iter(self._ready))
        del self._ready[key]
        return key

    async def _until_due_or_changed(self) -> None:
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self._changed.wait())}
        if self._later:
            waits.add(asyncio.create_task(self._clock.sleep_until(min(self._later.values()))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
