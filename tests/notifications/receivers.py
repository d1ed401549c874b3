"""Receivers of webhooks on this machine, with real sockets and TLS, and many kinds of faults."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme


@dataclass(frozen=True)
class Received:
    """A request that arrived, and when, in seconds since the epoch."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.time)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


type Behaviour = Callable[["Handler"], None]


def accepts(handler: "Handler") -> None:
    handler.answer(200, b"thanks")


def answers(status: int, body: bytes = b"no", **headers: str) -> Behaviour:
    return lambda handler: handler.answer(status, body, **headers)


def drips(seconds: float) -> Behaviour:
    """Sends a byte of a header now and then, and never ends."""

    def drip(handler: "Handler") -> None:
        ends_at = time.monotonic() + seconds
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while time.monotonic() < ends_at:
            handler.wfile.write(b"z")
            time.sleep(0.02)

    return drip


def closes_half_way(handler: "Handler") -> None:
    handler.wfile.write(b"HTTP/1.1 20")
    handler.connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Receiver:
    """A receiver on its own port. For each request it follows the next of `plans`; without one it accepts."""

    server: ThreadingHTTPServer
    url: str
    received: list[Received] = field(default_factory=list)
    plans: list[Behaviour] = field(default_factory=list)
    always: Behaviour = accepts

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def setup(self) -> None:
        # The handshake is done here, in the connection's thread, so that a slow client does not delay others.
        context: ssl.SSLContext | None = getattr(self.server, "tls", None)
        if context:
            self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        # The server only closes the accepted socket, not the TLS socket around it.
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver: Receiver = self.server.receiver  # type: ignore[attr-defined]
        receiver.received.append(Received(self.path, headers, body))
        behave = receiver.plans.pop(0) if receiver.plans else receiver.always
        with suppress(OSError):
            behave(self)
        self.close_connection = True

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Many may connect at once; if the backlog is full, a client tries again only after a second.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing, since tests use clients that give up."""


class Authority:
    """The authority that signs the receivers' certificates, and the file with its certificate."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


@contextmanager
def receiver(context: ssl.SSLContext | None, host: str = "localhost", poll_seconds: float = 0.02) -> Iterator[Receiver]:
    server = _Server(("127.0.0.1", 0), Handler)
    server.tls = context  # type: ignore[attr-defined]
    scheme = "https" if context else "http"
    made = Receiver(server, f"{scheme}://{host}:{server.server_address[1]}/hook")
    server.receiver = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(poll_seconds,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
