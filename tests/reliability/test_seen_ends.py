"""How soon the end of a run is seen, of a hundred at random moments, with the default parameters and time passed in."""

from random import Random

import pytest

from jobs_api.model.pulse import LOST_AFTER
from jobs_api.model.run import RunStatus
from tests.reliability.pulsing import TICK, Message, Pulsing
from tests.reliability.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

RUNS = 100
JOBS = 8


@pytest.fixture
def pulsing(world: World, monkeypatch: pytest.MonkeyPatch) -> Pulsing:
    return Pulsing(world, monkeypatch)


def test_the_ends_of_a_hundred_runs_are_seen_within_seconds(pulsing: Pulsing, world: World) -> None:
    lags = ends_of_runs(pulsing, world, Random(4))  # noqa: S311 - to be repeated, not to be secret

    assert len(lags) == RUNS
    assert lags[RUNS // 2 - 1] <= 5
    assert lags[98] <= 12


def test_where_one_pulse_of_a_hundred_is_lost_the_ends_are_seen_as_soon(pulsing: Pulsing, world: World) -> None:
    chance = Random(4)  # noqa: S311 - to be repeated, not to be secret
    lost: list[Message] = []

    def spoil(message: Message) -> list[Message]:
        # Triggers request passes too, which would hide a lost pulse.
        if '"generation"' not in message.body and "if_overdue" not in message.body:
            return [message]
        if chance.random() > 0.01:
            return [message]
        lost.append(message)
        return []

    pulsing.spoil = spoil
    lags = ends_of_runs(pulsing, world, chance)

    assert lost
    assert lags[RUNS // 2 - 1] <= 5
    assert lags[98] <= 12
    assert lags[-1] <= (LOST_AFTER + TICK).total_seconds() + 5


def ends_of_runs(pulsing: Pulsing, world: World, chance: Random) -> list[float]:
    """Start and end runs at random moments; return how late each end was seen, the soonest first."""
    jobs = [
        world.create(f"job {at}", f"dbt run --select seconds_{chance.randint(0, 120)}", schedule="0 0 1 1 *")
        for at in range(JOBS)
    ]
    pulsing.live(minutes=12)
    for _ in range(RUNS):
        world.trigger(chance.choice(jobs))
        pulsing.live(seconds=chance.expovariate(1 / 5))
    pulsing.live(minutes=11)
    runs = world.runs()
    assert {run.status for run in runs} == {RunStatus.SUCCESS}
    return sorted((run.updated_at - run.end_time).total_seconds() for run in runs if run.end_time)
