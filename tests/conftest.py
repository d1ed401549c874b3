"""What all tests share. It starts nothing, and imports nothing that takes long: unit tests are to run in seconds."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reliability import figures

if TYPE_CHECKING:
    from local.cluster import EmbeddedCluster

ROOT = Path(__file__).parent.parent

# Needs what `make build` makes, and an AWS of its own: `make rehearse`.
collect_ignore = ["rehearsal"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask last whether a function is allowed what no test saw it do."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


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
