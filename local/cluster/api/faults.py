"""The one place where answers of the cluster can be made to go wrong, on purpose."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

type Fault = Callable[[Scope, Receive, Send, ASGIApp], Awaitable[None]]


class Faults:
    """An ASGI middleware: with `fault` set, that decides what becomes of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.fault: Fault | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or let the fault deal with it."""
        if self.fault is None or scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self.fault(scope, receive, send, self._app)
