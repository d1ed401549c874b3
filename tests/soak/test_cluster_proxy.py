"""The proxy before the cluster passes requests on, or fails in the ways that it names."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_api.cluster import access
from jobs_api.cluster.client import Cluster
from jobs_api.errors import ClusterUnavailable
from tests.soak.cluster_proxy import ClusterProxy
from tests.soak.node import Node
from tests.soak.scripted import Scripted

NAMESPACE = "default"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    made = Node(tmp_path_factory.mktemp("node"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def proxy(node: Node, tmp_path: Path) -> Iterator[ClusterProxy]:
    made = ClusterProxy(node, tmp_path, Scripted())
    made.open()
    yield made
    made.close()


def cluster_of(proxy: ClusterProxy) -> Cluster:
    return access._from_kubeconfig(str(proxy.kubeconfig))


def go_wrong(proxy: ClusterProxy, kind: str) -> None:
    assert isinstance(proxy.trouble, Scripted)
    proxy.trouble.next = kind


def test_the_cluster_answers_requests_through_the_proxy(proxy: ClusterProxy) -> None:
    assert list(cluster_of(proxy).list_jobs(NAMESPACE, "a=b")) == [[]]


@pytest.mark.parametrize("kind", ["429 with Retry-After", "500", "503"])
def test_a_refusal_is_one_that_the_service_knows(proxy: ClusterProxy, kind: str) -> None:
    go_wrong(proxy, kind)
    with pytest.raises(ClusterUnavailable):
        list(cluster_of(proxy).list_jobs(NAMESPACE, "a=b"))


@pytest.mark.parametrize("kind", ["closed before the request", "closed after the request was done", "token expired"])
def test_a_fault_that_a_retry_repairs_is_not_noticed(proxy: ClusterProxy, kind: str) -> None:
    go_wrong(proxy, kind)
    assert list(cluster_of(proxy).list_jobs(NAMESPACE, "a=b")) == [[]]


def test_a_proxy_that_is_closed_refuses_connections_and_opens_at_the_same_address(proxy: ClusterProxy) -> None:
    port = proxy._port
    proxy.close()
    with socket.socket() as asking:
        assert asking.connect_ex(("127.0.0.1", port)) != 0
    proxy.open()
    assert proxy._port == port
    assert list(cluster_of(proxy).list_jobs(NAMESPACE, "a=b")) == [[]]


def test_a_node_that_was_killed_answers_through_the_same_address(proxy: ClusterProxy, node: Node) -> None:
    node.kill()
    begun = time.monotonic()
    with pytest.raises(ClusterUnavailable):
        list(cluster_of(proxy).list_jobs(NAMESPACE, "a=b"))
    assert time.monotonic() - begun < 10
    node.start()
    assert list(cluster_of(proxy).list_jobs(NAMESPACE, "a=b")) == [[]]
