"""A proxy before the cluster's API: it passes requests on, or makes them fail as networks and API servers do."""

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

from local.cluster import serving
from tests.soak.node import Node
from tests.soak.trouble import Trouble

# Longer than a client waits for an answer.
TOO_LATE_SECONDS = 9
EVERYWHERE = {
    "closed before the request": 4,
    "closed after the request was done": 4,
    "429 with Retry-After": 4,
    "500": 4,
    "503": 4,
    "token expired": 3,
    "answered a second late": 4,
    "answered too late": 1,
}
STATUS = {
    "429 with Retry-After": (429, "TooManyRequests"),
    "500": (500, "InternalError"),
    "503": (503, "ServiceUnavailable"),
    "token expired": (401, "Unauthorized"),
    "409": (409, "Conflict"),
    "410 in the middle of a list": (410, "Expired"),
}
DROPPED = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date", "server"})


class ClusterProxy:
    """A proxy with its own certificate and token, on a fixed port."""

    def __init__(self, node: Node, home: Path, trouble: Trouble) -> None:
        """Write the proxy's kubeconfig."""
        self.trouble = trouble
        self.kubeconfig = home / "kubeconfig"
        self.node = node
        self._credentials = serving.issue(home)
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.pool = urllib3.PoolManager(ca_certs=str(node.authority), maxsize=32, retries=False, timeout=30)

    def open(self) -> None:
        """Accept connections."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._credentials.certificate, self._credentials.key)
        handler = type("Handler", (_Handler,), {"proxy": self})
        server = _Server(("127.0.0.1", self._port), handler)
        # Done in the thread of each connection, so that a silent client does not delay the others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._port = server.server_address[1]
        serving.write_kubeconfig(self.kubeconfig, f"https://127.0.0.1:{self._port}", self._credentials)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), name="cluster proxy", daemon=True).start()

    def close(self) -> None:
        """Refuse connections."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        self._server = None


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing, since connections break on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 60
    proxy: ClusterProxy

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        kind = self.proxy.trouble.drawn(self._kinds(), "cluster")
        if kind == "closed before the request":
            self.close_connection = True
        elif kind in STATUS:
            self._refuse(*STATUS[kind])
        else:
            self._pass_on(body, kind)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _kinds(self) -> dict[str, int]:
        kinds = dict(EVERYWHERE)
        if self.command in {"PUT", "DELETE"}:
            kinds["409"] = 8
        if "continue=" in self.path:
            kinds["410 in the middle of a list"] = 12
        if "/log" in self.path:
            kinds |= {"log cut off": 10, "log that stops coming": 2}
        return kinds

    def _pass_on(self, body: bytes, kind: str | None) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {*DROPPED, "host"}}
        headers["authorization"] = f"Bearer {self.proxy.node.token}"
        try:
            answer = self.proxy.pool.request(
                self.command, self.proxy.node.url + self.path, body=body or None, headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            # The node is down, or was frozen during the request.
            self.close_connection = True
            return
        if kind == "closed after the request was done":
            self.close_connection = True
            return
        time.sleep({"answered a second late": 1, "answered too late": TOO_LATE_SECONDS}.get(kind or "", 0))
        self._answer(answer.status, dict(answer.headers), answer.data, kind)

    def _refuse(self, status: int, reason: str) -> None:
        document = {"kind": "Status", "status": "Failure", "reason": reason, "message": "on purpose", "code": status}
        headers = {"content-type": "application/json", **({"retry-after": "1"} if status == 429 else {})}
        self._answer(status, headers, json.dumps(document).encode(), None)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, kind: str | None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in DROPPED:
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if kind in {"log cut off", "log that stops coming"}:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(TOO_LATE_SECONDS if kind == "log that stops coming" else 0)
            self.close_connection = True
            return
        self.wfile.write(body)
