"""Listens on 127.0.0.1 and serves the gateway in a thread of its own."""

import socket
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.functions import Functions
from local.gateway.application import TIMEOUT_SECONDS, GatewayApplication
from local.gateway.authorizing import Authorization
from local.gateway.definition import ApiDefinition
from local.gateway.threads import Threads
from local.loopback import Loopback
from local.serving import ServerThread

# How long a stop waits for open requests.
_GRACE_SECONDS = 2


class Gateway:
    """The API of a template, served on a listening socket during the `with` block."""

    def __init__(
        self,
        api: ApiDefinition,
        functions: Functions,
        listener: socket.socket,
        timeout_seconds: float = TIMEOUT_SECONDS,
        beside: Mapping[str, ASGIApp] | None = None,
        knows_key: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Serve on `listener`, which is closed with the gateway; stop waiting for a handler after `timeout_seconds`.

        `beside` maps the beginning of paths, such as `/_inbox`, to the applications that are served beside the API.
        `knows_key` tells whether the API's usage plan has an API key.
        """
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._threads = Threads(functions)
        authorization = Authorization(api, functions, knows_key)
        application = GatewayApplication(api, functions, self._threads, timeout_seconds, authorization)
        config = uvicorn.Config(
            # The template lets pages of any origin call the API; the other applications check origins themselves.
            Loopback(_with_other_apps(application, beside or {}), any_origin=True),
            http=type("_Protocol", (_SpellingKept,), {"application": application}),
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            proxy_headers=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = ServerThread(config, listener, "gateway")

    def __enter__(self) -> Self:
        """Start serving; connections that arrived earlier are answered now."""
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and finish open requests."""
        self._server.end()
        self._threads.shutdown()


def _with_other_apps(api: ASGIApp, others: Mapping[str, ASGIApp]) -> ASGIApp:
    """Route each request to the application with its path, and all others to the API."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        first = "/" + scope.get("path", "").split("/", 2)[1] if scope["type"] == "http" else ""
        await others.get(first, api)(scope, receive, send)

    return application


class _SpellingKept(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which writes header names in lower case; this one keeps the client's spelling too.

    The gateway, not uvicorn, answers requests that cannot be parsed.
    """

    application: GatewayApplication

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._names: list[bytes] = []
        state: Any = self.scope["state"]
        state["header_names"] = self._names

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._names.append(name)

    def send_400_response(self, msg: str) -> None:
        del msg  # always the same, and not in the API's shape
        status, headers, body = self.application.unreadable()
        head = b"".join(b"%s: %s\r\n" % header for header in [*headers, (b"Connection", b"close")])
        self.transport.write(b"HTTP/1.1 %d Bad Request\r\n%s\r\n%s" % (status, head, body))
        self.transport.close()
