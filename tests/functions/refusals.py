"""A cluster that refuses, on purpose."""

from typing import Protocol

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Refuse(Protocol):
    """What the fixture `refuse` gives: refuse requests that have all the marks; without any, none from now on."""

    def __call__(self, *marks: str, status: int = 503, message: str = "not today") -> None:
        """Set what is refused."""


class Refusals:
    """Answers requests whose method and path have all the marks with a Kubernetes error."""

    def __init__(self, marks: tuple[str, ...], status: int, message: str) -> None:
        """Take what to refuse, and how."""
        self._marks = marks
        self._body = {"kind": "Status", "status": "Failure", "message": message, "code": status}
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """Refuse a request, or pass it on."""
        request = f"{scope['method']} {scope['path']}"
        refused = all(mark in request for mark in self._marks)
        answer: ASGIApp = JSONResponse(self._body, status_code=self._status) if refused else app
        await answer(scope, receive, send)
