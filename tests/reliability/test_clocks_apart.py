"""Passes while the clocks of processes differ by minutes: requested passes happen, and no pass invents a time."""

from datetime import timedelta
from random import Random

import pytest

from jobs_api.model.run import RunStatus
from tests.reliability.pulsing import Pulsing
from tests.reliability.world import World

MINUTES = timedelta(minutes=3)


@pytest.fixture
def pulsing(world: World, monkeypatch: pytest.MonkeyPatch) -> Pulsing:
    return Pulsing(world, monkeypatch)


@pytest.mark.parametrize("ahead", [-MINUTES, MINUTES], ids=["behind", "ahead"])
def test_a_request_with_a_wrong_clock_gets_a_pass_at_once(pulsing: Pulsing, world: World, ahead: timedelta) -> None:
    job = world.create(schedule="0 0 1 1 *", command="dbt run --select slow")
    pulsing.live(minutes=11, seconds=30)
    pulsing.asker_ahead = ahead
    pulsing.passes.clear()

    world.trigger(job)
    pulsing.live(seconds=12)

    assert pulsing.passes
    assert world.runs(job)[0].status is RunStatus.RUNNING
    assert pulsing.ends() == 1


@pytest.mark.parametrize("ahead", [-MINUTES, MINUTES], ids=["behind", "ahead"])
def test_one_process_with_a_wrong_clock_prevents_no_pass(pulsing: Pulsing, world: World, ahead: timedelta) -> None:
    job = world.create(schedule="0 0 1 1 *", command="dbt run --select slow")
    pulsing.handler_ahead = lambda: ahead
    pulsing.live(minutes=11, seconds=30)
    # A process with a right clock makes the requested pass, after one with a wrong clock.
    pulsing.handler_ahead = timedelta
    pulsing.passes.clear()

    world.trigger(job)
    pulsing.live(seconds=12)

    assert pulsing.passes
    assert world.runs(job)[0].status is RunStatus.RUNNING


def test_a_process_with_a_late_clock_makes_a_requested_pass_after_one_with_the_right_clock(
    pulsing: Pulsing, world: World
) -> None:
    job = world.create(schedule="0 0 1 1 *", command="dbt run --select slow")
    pulsing.live(minutes=11, seconds=30)
    pulsing.handler_ahead = lambda: -MINUTES
    pulsing.passes.clear()

    world.trigger(job)
    pulsing.live(seconds=12)

    assert 1 <= len(pulsing.passes) <= 4
    assert pulsing.ends() == 1


@pytest.mark.parametrize("seed", range(3))
def test_among_processes_with_clocks_minutes_apart_every_trigger_is_followed(
    pulsing: Pulsing, world: World, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    job = world.create(schedule="0 0 1 1 *", command="dbt build")
    pulsing.live(minutes=1)
    pulsing.handler_ahead = lambda: timedelta(seconds=chance.randint(-120, 120))

    for _ in range(6):
        pulsing.asker_ahead = timedelta(seconds=chance.randint(-120, 120))
        run = world.trigger(job)
        pulsing.live(seconds=60)
        assert next(one for one in world.runs(job) if one.id == run).status is RunStatus.SUCCESS
        assert pulsing.ends() <= 1
        pulsing.live(seconds=chance.randint(1, 400))
