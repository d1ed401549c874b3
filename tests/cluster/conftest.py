"""A cluster for the tests in this folder: the embedded one, or with TEST_KUBECONFIG=path any real one.

TEST_IMAGE names an image with `python` and `sh` on its path; the default exists on the embedded cluster, and a real one
can pull it. A real one pulls images, ends pods with their grace and deletes namespaces bit by bit: there a test may
take TEST_SECONDS (900), and wait for TEST_WAIT_SECONDS (300) for one thing.
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
    """Give every test here the time that a real cluster takes, whatever its own mark says."""
    for item in items:
        if REAL and HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS), append=False)


@dataclass(frozen=True)
class Cluster:
    """What tests are given: `kubeconfig` always, `embedded` where it is ours and can be interfered with."""

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
    """Give a namespace of the test's own; it goes, with all that is in it, when the test is over."""
    core = client.CoreV1Api(api)
    name = f"test-{uuid.uuid4().hex[:10]}"
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Give a function that asks until the answer is true, and returns it; it fails after WAIT_SECONDS."""

    def wait(ask: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"it has not come true within {WAIT_SECONDS} seconds"
            time.sleep(0.5 if REAL else 0.02)
        return answer

    return wait


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Callable[..., str]:
    """Give a function that runs kubectl in the test's namespace and returns what it printed."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")

    def run(*arguments: str, stdin: str = "") -> str:
        command = [program, "--kubeconfig", str(cluster.kubeconfig), "--namespace", namespace, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
