"""Fault stories in which the pulse alone makes passes: the faults of test_faults, and faults of the queue.

Messages are lost, doubled, late by minutes and out of order; the queue refuses sends, or takes them and says nothing;
the clocks of processes differ; a tick may raise an error. FAULT_SEEDS chooses the stories, as in test_faults.
"""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import override

import pytest

from jobs_api.cluster import lists
from tests.reliability import figures
from tests.reliability.faults import Faults
from tests.reliability.pulsing import Message, Pulsing
from tests.reliability.repeating import repeat
from tests.reliability.test_faults import AWS_FAILED, STEPS, Story, _seeds
from tests.reliability.world import World

pytestmark = pytest.mark.slow

# After ten minutes a lost pulse has been replaced by a tick, and all CronJobs have been compared.
REPAIRED = timedelta(minutes=12)


class PulseStory(Story):
    """A story in which nobody makes a pass but the pulse."""

    def __init__(self, world: World, random: Random, pulsing: Pulsing) -> None:
        """Begin as every fault story does."""
        super().__init__(world, random)
        self._pulsing = pulsing
        pulsing.spoil = self._spoil
        pulsing.handler_ahead = lambda: timedelta(seconds=random.randint(-30, 30))

    @override
    def _minute(self) -> None:
        self._pulsing.live(seconds=self._random.randint(1, 90))

    @override
    def _late_event(self) -> None:
        """Deliver every queue message that waits, also before its time, in a random order."""
        for message in list(self._pulsing.waiting):
            message.due_at = self._world.now() + timedelta(seconds=self._random.randint(0, 5))
        self._pulsing.live(seconds=6)

    @override
    def _drift(self) -> None:
        """Move the clock of the processes that send messages away from the clock of the queue."""
        self._pulsing.asker_ahead = timedelta(seconds=self._random.randint(-150, 150))
        figures.proved["fault injected: clocks apart"] += 1

    def _spoil(self, message: Message) -> list[Message]:
        kind = self._random.choice(["lost", "doubled", "late", *[""] * 7])
        if not kind:
            return [message]
        figures.proved[f"fault injected: pulse {kind}"] += 1
        late = replace(message, due_at=message.due_at + timedelta(seconds=self._random.choice([2, 20, 200])))
        return {"lost": [], "doubled": [message, late], "late": [late]}[kind]


@pytest.mark.parametrize("seed", _seeds())
def test_whatever_fails_an_organization_keeps_getting_passes(
    seed: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    # test_faults has the ids of the seeds themselves, and may run in the same process.
    drawn = repeat(10_000 + seed, monkeypatch)
    world = World(monkeypatch, also=AWS_FAILED)
    request.addfinalizer(world.cluster.close)
    pulsing = Pulsing(world, monkeypatch)
    story = PulseStory(world, drawn, pulsing)
    faults = Faults(seed, world.cluster, monkeypatch)
    with faults.on():
        for _ in range(STEPS):
            story.step()

    pulsing.spoil, pulsing.handler_ahead, pulsing.asker_ahead = (lambda one: [one]), timedelta, timedelta()
    world.operate(suspended=False)
    world.forget()
    pulsing.live(seconds=REPAIRED.total_seconds())
    pulsing.live_until_a_pass()
    assert pulsing.ends() == 1
    assert world.audit(waits=True).findings() == []

    pulsing.live(minutes=10)
    pulsing.live_until_a_pass()
    audit = world.audit(waits=True)
    assert audit.findings() == []
    assert story.broken_promises(audit) == []
    assert pulsing.ends() == 1
    for kind, count in faults.happened.items():
        figures.proved[f"fault injected: {kind}"] += count
