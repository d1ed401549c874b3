"""The clock that tests set: sleepers wake at their time, whichever thread moves the clock."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from local.cluster.clock import Clock, TestClock, parse_timestamp, timestamp

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_a_sleeper_wakes_when_its_time_has_come() -> None:
    clock, woke = TestClock(NOON), []

    async def sleep() -> None:
        sleeper = asyncio.create_task(clock.sleep(60))
        await asyncio.sleep(0)
        clock.advance(59)
        for _ in range(3):
            await asyncio.sleep(0)
        assert not sleeper.done()
        clock.advance(1)
        await sleeper
        woke.append(clock.now())

    asyncio.run(sleep())
    assert woke == [NOON + timedelta(minutes=1)]


def test_a_clock_that_another_thread_moves_wakes_a_sleeper() -> None:
    clock = TestClock(NOON)

    async def sleep() -> None:
        threading.Timer(0, clock.advance, [10]).start()
        await asyncio.wait_for(clock.sleep_until(NOON + timedelta(seconds=10)), 20)

    asyncio.run(sleep())
    assert clock.now() == NOON + timedelta(seconds=10)


def test_the_real_clock_does_not_sleep_until_the_past() -> None:
    clock = Clock()
    asyncio.run(clock.sleep_until(clock.now() - timedelta(hours=1)))


def test_a_timestamp_is_what_kubernetes_writes() -> None:
    at = datetime(2026, 1, 15, 12, 30, 5, 999_999, tzinfo=UTC)
    assert timestamp(at) == "2026-01-15T12:30:05Z"
    assert parse_timestamp("2026-01-15T13:30:05+01:00") == at.replace(microsecond=0)
    with pytest.raises(ValueError, match="offset"):
        parse_timestamp("2026-01-15T12:30:05")
