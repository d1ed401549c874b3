"""The cluster's clock, which also waits for a later time; tests set their own time."""

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the present, aware and in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, at: datetime) -> None:
        """Return once `now()` has reached `at`; at once if it has already."""
        while (left := (at - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - the clock has no event for it
            # In short waits, because after a laptop's sleep the wall clock has moved on and the loop's has not.
            await asyncio.sleep(min(left, 60))

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock's time."""
        await self.sleep_until(self.now() + timedelta(seconds=seconds))


class TestClock(Clock):
    """A clock that stands still until a test moves it, from any thread; sleepers wake when their time has come."""

    __test__ = False  # not a test case, whatever its name suggests to pytest

    def __init__(self, at: datetime) -> None:
        self._now = at.astimezone(UTC)
        self._sleepers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def now(self) -> datetime:
        """Return the time that was last set."""
        return self._now

    def set(self, at: datetime) -> None:
        """Set the time to `at` (aware) and wake all sleepers, which check the time again."""
        self._now = at.astimezone(UTC)
        for loop, moved in self._sleepers.copy():
            if not loop.is_closed():
                loop.call_soon_threadsafe(moved.set)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.set(self._now + timedelta(seconds=seconds))

    async def sleep_until(self, at: datetime) -> None:
        """Return once a test has moved the time to `at` or beyond."""
        moved = asyncio.Event()
        sleeper = (asyncio.get_running_loop(), moved)
        self._sleepers.add(sleeper)
        try:
            while self._now < at:
                await moved.wait()
                moved.clear()
        finally:
            self._sleepers.discard(sleeper)


def timestamp(at: datetime) -> str:
    """Write an aware time the way metav1.Time does: RFC 3339, UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Read an RFC 3339 time as aware UTC; raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        msg = f"{text!r} has no offset"
        raise ValueError(msg)
    return at.astimezone(UTC)
