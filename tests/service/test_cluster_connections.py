"""Connections that end, and proxies: what is tried again, and what reaches a cluster directly."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from jobs_api.cluster import ClusterUnavailable
from jobs_api.cluster.connection import Connection
from jobs_api.cluster.lazy_client import Configuration

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HALF_A_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nUser"
NOTHING = b""


class Anonymous:
    def authorization(self) -> str | None:
        return None

    def renew(self) -> None:
        pass


class Server:
    """Gives each connection its answers in turn, each after a whole request, and then closes it."""

    def __init__(self, listening: socket.socket, connections: tuple[list[bytes], ...]) -> None:
        self.requests = list[str]()
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._listening, self._connections = listening, connections

    def run(self) -> None:
        with suppress(OSError):
            for answers in self._connections:
                sock, _ = self._listening.accept()
                with sock, sock.makefile("rb") as received:
                    for answer in answers:
                        method, *headers = iter(received.readline, b"\r\n")
                        length = [int(line.split(b":")[1]) for line in headers if line.startswith(b"Content-Length")]
                        received.read(sum(length))
                        self.requests.append(method.split()[0].decode())
                        sock.sendall(answer)


@contextmanager
def server(*connections: list[bytes]) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Server(listening, connections)
        thread = threading.Thread(target=made.run)
        thread.start()
        try:
            yield made
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    configuration = Configuration()
    configuration.host = url
    connection = Connection(configuration, Anonymous())
    try:
        yield connection
    finally:
        connection._pool.clear()


def test_a_write_is_sent_again_where_the_cluster_closes_a_connection_that_was_idle() -> None:
    with server([OK, NOTHING], [OK]) as cluster, connected(cluster.url) as connection:
        assert connection.write("POST", "/jobs", {}) == {}
        assert connection.write("POST", "/jobs", {}) == {}

    assert cluster.requests == ["POST"] * 3


def test_a_brief_read_is_tried_once() -> None:
    with server([NOTHING], [OK]) as cluster, connected(cluster.url) as connection, pytest.raises(ClusterUnavailable):
        connection.get("/jobs", brief=True)

    assert cluster.requests == ["GET"]


def test_a_refusal_that_breaks_off_is_a_cluster_that_is_unavailable() -> None:
    with server([HALF_A_REFUSAL]) as cluster, connected(cluster.url) as connection, pytest.raises(ClusterUnavailable):
        connection.send("GET", "/log", whole=False)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_a_host_without_a_proxy_is_reached_directly(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    for each in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(each, "http://127.0.0.1:1")
    monkeypatch.setenv(name, "127.0.0.1")

    with server([OK]) as cluster, connected(cluster.url) as connection:
        assert connection.get("/jobs") == {}
