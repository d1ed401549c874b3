"""A cluster for the tests in this folder: the embedded one, or with TEST_KUBECONFIG=path any real one.

TEST_IMAGE names an image with `python` and `sh` on its path; the default exists on the embedded cluster, and a real one
can pull it. On a real cluster pulls, ends of pods and deletions of namespaces take longer: there a test may take
TEST_SECONDS (900), and wait TEST_WAIT_SECONDS (300) for one condition.
"""

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from local.cluster import EmbeddedCluster

ROOT = Path(__file__).parents[2]
REAL = os.environ.get("TEST_KUBECONFIG")
TEST_SECONDS = int(os.environ.get("TEST_SECONDS", "900"))
WAIT_SECONDS = int(os.environ.get("TEST_WAIT_SECONDS", "300" if REAL else "60"))
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow every test here the time that a real cluster takes, instead of the time in its own mark."""
    for item in items:
        if REAL and HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS), append=False)


@dataclass(frozen=True)
class Cluster:
    """The cluster of the tests; `embedded` is set for the embedded one, with which tests can interfere."""

    kubeconfig: Path
    image: str
    embedded: EmbeddedCluster | None


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    image = os.environ.get("TEST_IMAGE", "python")
    if REAL:
        yield Cluster(Path(REAL), image, None)
        return
    with EmbeddedCluster(tmp_path_factory.mktemp("cluster"), ROOT / "local/images") as embedded:
        yield Cluster(embedded.kubeconfig, image, embedded)


@pytest.fixture
def embedded(cluster: Cluster) -> EmbeddedCluster:
    if cluster.embedded is None:
        pytest.skip("only the embedded cluster can be interfered with")
    return cluster.embedded


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(str(cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


@pytest.fixture
def batch(api: client.ApiClient) -> client.BatchV1Api:
    return client.BatchV1Api(api)


@pytest.fixture
def image(cluster: Cluster) -> str:
    return cluster.image


@pytest.fixture
def namespace(api: client.ApiClient) -> Iterator[str]:
    """Create a namespace for one test, and delete it with its content after the test."""
    core = client.CoreV1Api(api)
    name = f"test-{uuid.uuid4().hex[:10]}"
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Return a function that calls another until its result is true, and returns that; it fails after WAIT_SECONDS."""

    def wait(ask: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"it has not come true within {WAIT_SECONDS} seconds"
            time.sleep(0.5 if REAL else 0.02)
        return answer

    return wait


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Callable[..., str]:
    """Return a function that runs kubectl in the test's namespace and returns its output."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")

    def run(*arguments: str, stdin: str = "") -> str:
        command = [program, "--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
