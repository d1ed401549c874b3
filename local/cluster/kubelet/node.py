"""The node of all containers on this machine: a clock, images, the launcher, and delays after failures."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.cluster.clock import Clock
from local.cluster.errors import ApiError
from local.cluster.kubelet.images import Images
from local.cluster.kubelet.processes import Launcher
from local.cluster.service_accounts import TokenIssuer

NODE_NAME = "embedded"
# The delay before a write to a full disk is tried again, in the machine's time, because the disk is real.
ROOM_CHECK_SECONDS = 1.0
_FIRST_BACKOFF = timedelta(seconds=10)
_LONGEST_BACKOFF = timedelta(minutes=5)


@dataclass(frozen=True)
class Node:
    """The machine on which pods run."""

    clock: Clock
    images: Images
    launcher: Launcher
    tokens: TokenIssuer


class Backoff:
    """Delays between attempts: 10 s after the first failure, then twice as long each time, up to 5 minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._delay = _FIRST_BACKOFF

    @property
    def seconds(self) -> int:
        """Return how long the next wait is."""
        return int(self._delay.total_seconds())

    async def wait(self, since: datetime) -> None:
        """Return when the delay has passed."""
        await self._clock.sleep_until(since + self._delay)
        self._delay = min(self._delay * 2, _LONGEST_BACKOFF)


async def once_there_is_room[T](write: Callable[[], T]) -> T:
    """Run a function that writes to the disk, and repeat it while the disk is full."""
    while True:
        try:
            return write()
        except (ApiError, OSError):
            await asyncio.sleep(ROOM_CHECK_SECONDS)
