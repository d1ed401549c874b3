"""Fixtures of all tests. Nothing here starts a process or is slow to import, so that unit tests run in seconds."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import seeds
from tests.reliability import figures

if TYPE_CHECKING:
    from local.cluster import EmbeddedCluster

ROOT = Path(__file__).parent.parent

# These tests need the output of `make build` and their own AWS: `make rehearse` runs them.
collect_ignore = ["rehearsal"]

seeds.set_up()

# The file whose tests run at the moment.
_latest: list[Path | None] = [None]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run last the test for granted permissions that no test used.

    Workers begin with the files that have slow tests, so that no slow file runs alone at the end.
    """
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Run each test on a Python stack of one piece, so that no chance depth of calls decides how long it takes.

    Remove the rows of the file before; the fixtures of that module have ended.
    """
    aws = sys.modules.get("tests.aws_of_template")
    if aws and _latest[0] != item.path:
        aws.remove_rows()
    _latest[0] = item.path
    seeds.start(f"fixtures of {item.nodeid}")
    run: Any = item
    run.runtest = partial(_with_room, item.runtest)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Begin the random numbers of the test; how many its fixtures drew depends on what earlier tests had started."""
    seeds.start(item.nodeid)


def _with_room(run: Callable[[], None]) -> None:
    run()


# The stack is made of pieces of 16 KiB. Before Python 3.13.13, a loop whose calls cross from one into the next maps and
# unmaps memory at each call, and takes twice as long: https://github.com/python/cpython/issues/142183.
# A frame of this many words is given a piece of 1 MiB, in which the calls below it have 480 KiB.
_with_room.__code__ = _with_room.__code__.replace(co_stacksize=70_000)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write this worker's record and figures for the other workers; a run without workers has one process."""
    config: Any = session.config
    if not hasattr(config, "workerinput"):
        return
    # Missing if only unit tests run.
    aws = sys.modules.get("tests.aws_of_template")
    if aws:
        aws.RECORDER.record.leave(Path(config.option.basetemp).parent, config.workerinput["workerid"])
    config.workeroutput["proved"] = dict(figures.proved)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up the workers' figures; a worker that died has none."""
    figures.proved.update(getattr(node, "workeroutput", {}).get("proved", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how often each property was checked."""
    for what, count in sorted(figures.proved.items()):
        terminalreporter.write_line(f"{what}: {count:,}")


@pytest.fixture(scope="session")
def embedded_cluster(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[EmbeddedCluster]":
    """A cluster for `jobs_api.cluster.connect`, started once; each test creates its own namespaces in it."""
    from local.cluster import EmbeddedCluster  # noqa: PLC0415 - it takes long to import

    with (
        EmbeddedCluster(tmp_path_factory.mktemp("kubernetes"), ROOT / "local/images") as cluster,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("JOBS_API_KUBECONFIG", str(cluster.kubeconfig))
        yield cluster
