"""The world as a fixture, and a killer of its functions."""

from collections.abc import Iterator

import pytest

from tests.aws_of_template import within_its_policy
from tests.reliability.killing import Killer
from tests.reliability.world import World

__all__ = ["within_its_policy"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of the test's own."""
    world = World(monkeypatch)
    yield world
    world.cluster.close()


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch, world: World) -> Killer:
    """Kills functions in that world."""
    return Killer(monkeypatch, world.cluster)
