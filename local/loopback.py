"""Refuses requests of web pages to the servers of a laptop.

Any page in a browser can send requests to 127.0.0.1. If the page's domain name resolves to 127.0.0.1 (DNS rebinding),
the page can also read the answers. The browser sends the name in `Host` and the page's origin in `Origin`, and a page
can change neither header.
"""

import json
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
REFUSAL = "This answers only on 127.0.0.1 and localhost, and never a web page from elsewhere"


def is_loopback(host: str) -> bool:
    """Return whether a `Host` names this machine; any port counts, since another port may be forwarded to this one."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in NAMES and "@" not in host


def is_own_page(origin: str, host: str) -> bool:
    """Return whether an `Origin` is the server itself; a page of another port of this machine is not."""
    return origin in {f"http://{host}", f"https://{host}"}


class Loopback:
    """An ASGI middleware that answers 403 to a foreign `Host`, and to a foreign `Origin` unless all are allowed."""

    def __init__(self, app: ASGIApp, *, any_origin: bool = False) -> None:
        """Wrap an application."""
        self._app = app
        self._any_origin = any_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it. A request without `Host` cannot come from a browser."""
        if scope["type"] == "http" and not self._may_pass(scope):
            await _refuse(send)
        else:
            await self._app(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        if not all(map(is_loopback, hosts)):
            return False
        return self._any_origin or all(any(is_own_page(origin, host) for host in hosts) for origin in origins)


async def _refuse(send: Send) -> None:
    body = json.dumps({"message": REFUSAL, "code": "forbidden"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": HTTPStatus.FORBIDDEN, "headers": headers})
    await send({"type": "http.response.body", "body": body})
