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

ROOT = Path(__file__).parent.parent

# Needs what `make build` makes, and an AWS of its own: `make rehearse`.
collect_ignore = ["rehearsal"]

_aws = LocalAws(read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache"))
_aws.__enter__()
atexit.register(_aws.__exit__, None, None, None)


@pytest.fixture(scope="session")
def embedded_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A cluster that `jobs_api.cluster.connect` finds, started once; each test makes namespaces of its own in it."""
    with (
        EmbeddedCluster(tmp_path_factory.mktemp("kubernetes"), ROOT / "local/images") as cluster,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("KUBECONFIG", str(cluster.kubeconfig))
        yield cluster
