"""Makes the cluster refuse requests."""

from typing import Protocol

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Refuse(Protocol):
    """The type of the fixture `refuse`: refuse requests that contain all of these texts; without texts, refuse none."""

    def __call__(self, *marks: str, status: int = 503, message: str = "not today") -> None:
        """Set which requests are refused."""


class Refusals:
    """Answers requests whose method and path contain all of the texts with a Kubernetes error."""

    def __init__(self, marks: tuple[str, ...], status: int, message: str) -> None:
        """Set which requests are refused, and with which error."""
        self._marks = marks
        self._body = {"kind": "Status", "status": "Failure", "message": message, "code": status}
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """Refuse a request, or pass it to the cluster."""
        request = f"{scope['method']} {scope['path']}"
        refused = all(mark in request for mark in self._marks)
        answer: ASGIApp = JSONResponse(self._body, status_code=self._status) if refused else app
        await answer(scope, receive, send)
