"""What all tests share. It starts nothing, and imports nothing that takes long: unit tests are to run in seconds."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.reliability import figures

if TYPE_CHECKING:
    from local.cluster import EmbeddedCluster

ROOT = Path(__file__).parent.parent

# Needs what `make build` makes, and an AWS of its own: `make rehearse`.
collect_ignore = ["rehearsal"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Ask last whether a function is allowed what no test saw it do.

    Workers begin with files that have slow tests, so that none of them is left alone with one at the end.
    """
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave what this worker recorded and proved; a run without workers has all of it in one process."""
    config: Any = session.config
    if not hasattr(config, "workerinput"):
        return
    # Not there where only unit tests run.
    aws = sys.modules.get("tests.aws_of_template")
    if aws:
        aws.RECORDER.record.leave(Path(config.option.basetemp).parent, config.workerinput["workerid"])
    config.workeroutput["proved"] = dict(figures.proved)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add up what the workers proved; one that died says nothing."""
    figures.proved.update(getattr(node, "workeroutput", {}).get("proved", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was proved how often."""
    for what, count in sorted(figures.proved.items()):
        terminalreporter.write_line(f"{what}: {count:,}")


@pytest.fixture(scope="session")
def embedded_cluster(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[EmbeddedCluster]":
    """A cluster that `jobs_api.cluster.connect` finds, started once; each test makes namespaces of its own in it."""
    from local.cluster import EmbeddedCluster  # noqa: PLC0415 - it takes long to import

    with (
        EmbeddedCluster(tmp_path_factory.mktemp("kubernetes"), ROOT / "local/images") as cluster,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("JOBS_API_KUBECONFIG", str(cluster.kubeconfig))
        yield cluster
