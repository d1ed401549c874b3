"""The world as a fixture, and what stands before it."""

from collections.abc import Iterator

import pytest

from tests.reliability import figures
from tests.reliability.killing import Killer
from tests.reliability.world import World


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    for what, count in sorted(figures.proved.items()):
        terminalreporter.write_line(f"{what}: {count:,}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world of the test's own."""
    world = World(monkeypatch)
    yield world
    world.cluster.close()


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch, world: World) -> Killer:
    """Who kills functions in that world."""
    return Killer(monkeypatch, world.cluster)
