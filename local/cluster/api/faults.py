"""Lets tests replace the cluster's answers by faults."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

type Fault = Callable[[Scope, Receive, Send, ASGIApp], Awaitable[None]]


class Faults:
    """An ASGI middleware: if `fault` is set, it handles every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.fault: Fault | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application, or to the fault if there is one."""
        if self.fault is None or scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self.fault(scope, receive, send, self._app)
