"""The inbox over HTTP: hooks to send webhooks to, Slack's chat.postMessage, a page, and the same as JSON.

`/_inbox/hooks/anything` accepts every webhook; `?status=500`, `?delay=20` (seconds) and `?retry_after=60` change its
answer. Slack has every channel except those that begin with `#no-`; `#archived-…` is archived and `#busy-…` is rate
limited. Requests of other web pages are refused.
"""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.inbox.messages import Messages
from local.loopback import Loopback

PREFIX = "/_inbox"
# The variable that tells each channel's sender where its receiver is.
RECEIVERS = {"webhook": f"{PREFIX}/hooks/{{name:path}}", "slack": f"{PREFIX}/slack/api/chat.postMessage"}
_PAGE = Path(__file__).parent / "page.html"
# The console's, so that both look alike.
_STYLE = Path(__file__).parents[2] / "console" / "style.css"
_REFUSALS = {"#no-": "channel_not_found", "#archived-": "is_archived", "#busy-": "ratelimited"}
_BUSY_SECONDS = 30


@dataclass(frozen=True)
class _Endpoints:
    """The answers of the inbox; its Slack accepts these tokens, and `hooks` is the address for webhooks."""

    messages: Messages
    slack_tokens: frozenset[str]
    hooks: str

    async def hook(self, request: Request) -> Response:
        """Receive a webhook, and answer as its query says."""
        status = _whole(request, "status", HTTPStatus.OK, least=200, most=599)
        delay = _whole(request, "delay", 0, most=600)
        wait = request.query_params.get("retry_after", "")
        if not (wait.isascii() and (not wait or wait.isprintable())):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "retry_after is a header, and can hold no such characters")
        body = await request.body()
        document = _document(body)
        # In a thread, because reading the secret takes time and must not delay other senders.
        from local.inbox.signatures import verdict  # noqa: PLC0415 - the store wants its tables' names

        verified, checked = await run_in_threadpool(verdict, body, document, request.headers)
        taken = status < HTTPStatus.MULTIPLE_CHOICES
        verdict_text = checked if taken else f"{checked}; answered {status}"
        self.messages.add("webhook", _target(request), verdict_text, request.headers, document, good=verified and taken)
        await asyncio.sleep(delay)
        return JSONResponse({"ok": taken}, status, {"Retry-After": wait} if wait else {})

    async def post_message(self, request: Request) -> Response:
        """Receive a message for Slack, as Slack's API does."""
        message = await _slack_message(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        error = _slack_error(token, message, self.slack_tokens) or (
            None if message.get("channel") else "channel_not_found"
        )
        self.messages.add(
            "slack", message.get("channel", ""), error or "posted", request.headers, message, good=error is None
        )
        if error == "ratelimited":
            headers = {"Retry-After": str(_BUSY_SECONDS)}
            return JSONResponse({"ok": False, "error": error}, HTTPStatus.TOO_MANY_REQUESTS, headers)
        if error:
            return JSONResponse({"ok": False, "error": error})
        return JSONResponse(
            {"ok": True, "channel": message["channel"], "ts": "1", "message": {"text": message.get("text")}}
        )

    async def shown(self, request: Request) -> Response:
        """Return what was received."""
        after = _whole(request, "after", 0)
        return JSONResponse(
            {"since": self.messages.since, "hooks": self.hooks, "messages": self.messages.documents(after)}
        )

    async def clear(self, _: Request) -> Response:
        """Forget what was received."""
        self.messages.clear()
        return Response(status_code=204)

    async def page(self, _: Request) -> Response:
        """Return the page."""
        return HTMLResponse(_PAGE.read_text(), headers={"Content-Security-Policy": "frame-ancestors 'none'"})

    async def style(self, _: Request) -> Response:
        """Return the page's style."""
        return Response(_STYLE.read_text(), media_type="text/css")


def application(messages: Messages, slack_tokens: frozenset[str], hooks: str) -> Starlette:
    """Make the application; its Slack accepts these tokens, and `hooks` is the address for webhooks."""
    endpoints = _Endpoints(messages, slack_tokens, hooks)
    return Starlette(
        routes=[
            Route(PREFIX, endpoints.page),
            Route(f"{PREFIX}/style.css", endpoints.style),
            Route(f"{PREFIX}/messages", endpoints.shown),
            Route(f"{PREFIX}/messages", endpoints.clear, methods=["DELETE"]),
            Route(RECEIVERS["webhook"], endpoints.hook, methods=["POST"]),
            Route(RECEIVERS["slack"], endpoints.post_message, methods=["POST"]),
        ],
        middleware=[Middleware(Loopback)],
    )


def _whole(request: Request, name: str, default: int, *, least: int = 0, most: int = 999_999_999) -> int:
    """Read a whole number from the query; raises HTTPException with 400 if it is not one."""
    text = request.query_params.get(name, str(int(default)))
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text) <= most):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _target(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _document(body: bytes) -> Any:
    """Read a body as JSON that can be written as JSON again, else as text."""
    try:
        return _json(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _json(text: bytes | str) -> Any:
    """Read JSON; raises ValueError or RecursionError, also for half a surrogate pair, which cannot be sent."""
    document = json.loads(text, parse_constant=str)
    json.dumps(document, ensure_ascii=False).encode()
    return document


async def _slack_message(request: Request) -> dict[str, Any]:
    """Read a message as slack_sdk sends it: JSON, or a form whose blocks are JSON."""
    body = await request.body()
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            message = _json(body)
        else:
            message = dict(parse_qsl(body.decode()))
            message["blocks"] = _json(message.get("blocks", "[]"))
    except (ValueError, RecursionError) as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body must be JSON, or a form whose blocks are") from error
    if not isinstance(message, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body must be an object")
    return message


def _slack_error(token: str, message: dict[str, Any], tokens: frozenset[str]) -> str | None:
    if not token:
        return "not_authed"
    if token not in tokens:
        return "invalid_auth"
    channel = str(message.get("channel", ""))
    return next((error for beginning, error in _REFUSALS.items() if channel.startswith(beginning)), None)
