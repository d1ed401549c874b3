"""The controllers' queue: each key is returned when it is due, and not earlier."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from local.cluster.clock import TestClock
from local.cluster.controllers.queue import Key, WorkQueue

START = datetime(2026, 4, 28, 2, tzinfo=UTC)
A, B = Key("jobs", "org-acme", "a"), Key("jobs", "org-acme", "b")
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> TestClock:
    return TestClock(START)


def queued[T](clock: TestClock, work: Callable[[WorkQueue], Awaitable[T]]) -> T:
    async def run() -> T:
        return await asyncio.wait_for(work(WorkQueue(clock)), 10)

    return asyncio.run(run())


async def is_idle(queue: WorkQueue) -> bool:
    """Say whether nobody would get anything, given the chance to."""
    getting = asyncio.create_task(queue.get())
    for _ in range(10):
        await asyncio.sleep(0)
    idle = not getting.done()
    getting.cancel()
    return idle


def test_keys_come_in_the_order_they_were_added_and_once(clock: TestClock) -> None:
    async def work(queue: WorkQueue) -> tuple[Key, Key, bool]:
        for key in (A, B, A):
            queue.add(key)
        return await queue.get(), await queue.get(), await is_idle(queue)

    assert queued(clock, work) == (A, B, True)


def test_a_key_comes_when_its_time_has_come(clock: TestClock) -> None:
    async def work(queue: WorkQueue) -> Key:
        queue.add_at(A, START + 60 * SECOND)
        clock.advance(59)
        assert await is_idle(queue)
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        clock.advance(1)
        return await waiting

    assert queued(clock, work) == A


@pytest.mark.parametrize("other", [None, START + 90 * SECOND])
@pytest.mark.parametrize("other_first", [True, False])
def test_the_earlier_of_two_times_counts(clock: TestClock, other: datetime | None, *, other_first: bool) -> None:
    async def work(queue: WorkQueue) -> tuple[Key, bool]:
        times = [START + 60 * SECOND, other]
        for at in reversed(times) if other_first else times:
            queue.add_at(A, at)
        clock.advance(60)
        first = await queue.get()
        clock.advance(60)
        return first, await is_idle(queue)

    assert queued(clock, work) == (A, True)


def test_an_earlier_time_wakes_who_sleeps_until_a_later(clock: TestClock) -> None:
    async def work(queue: WorkQueue) -> Key:
        queue.add_at(A, START + 60 * SECOND)
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add_at(B, START + 10 * SECOND)
        clock.advance(10)
        return await waiting

    assert queued(clock, work) == B


def test_a_key_that_is_handled_now_is_returned_again_when_due(clock: TestClock) -> None:
    async def work(queue: WorkQueue) -> list[Key]:
        queue.add_at(A, START + SECOND)
        queue.add(A)
        first = await queue.get()
        clock.advance(1)
        return [first, await queue.get()]

    assert queued(clock, work) == [A, A]


def test_thousands_of_keys_that_wait_slow_nobody_down(clock: TestClock) -> None:
    async def work(queue: WorkQueue) -> float:
        began = time.process_time()
        for number in range(10_000):
            key = Key("cronjobs", "org-acme", str(number))
            queue.add(key)
            assert await queue.get() == key
            queue.add_at(key, START + (number + 1) * SECOND)
        return time.process_time() - began

    # This takes a tenth of a second; with quadratic work it would take a minute.
    assert queued(clock, work) < 5
