"""AWS for all tests: moto in this process with the resources of template.yaml, started once.

It starts when this file is imported, since the tables' names have to stand in the environment before `jobs_api.store`
is imported anywhere. Tests do not clean up: each has organizations of its own.
"""

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import LocalAws
from local.cluster import EmbeddedCluster
from local.template import read
from tests.permissions.recording import Recorder
from tests.reliability import figures

ROOT = Path(__file__).parent.parent

# Needs what `make build` makes, and an AWS of its own: `make rehearse`.
collect_ignore = ["rehearsal"]

_template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
_aws = LocalAws(_template)
_aws.__enter__()
atexit.register(_aws.__exit__, None, None, None)
_recorder = Recorder(_template)
_recorder.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask last whether a function is allowed what no test saw it do."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was proved how often."""
    for what, count in sorted(figures.proved.items()):
        terminalreporter.write_line(f"{what}: {count:,}")


@pytest.fixture(scope="session")
def recorder() -> Recorder:
    """What the functions asked for so far."""
    return _recorder


@pytest.fixture(autouse=True)
def within_its_policy() -> Iterator[None]:
    """Fail a test in which a function asks AWS for what the template does not let it."""
    yield
    assert not _recorder.take_refused()


@pytest.fixture(scope="session")
def embedded_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A cluster that `jobs_api.cluster.connect` finds, started once; each test makes namespaces of its own in it."""
    with (
        EmbeddedCluster(tmp_path_factory.mktemp("kubernetes"), ROOT / "local/images") as cluster,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("JOBS_API_KUBECONFIG", str(cluster.kubeconfig))
        yield cluster
