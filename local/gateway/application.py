"""The gateway as an ASGI application: from a request to a route, an authorizer, a handler and an answer."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from local.functions import Functions, HandlerFailed
from local.gateway.answers import Answer, GatewayRefusal, MalformedAnswer, handler_answer, own_answer
from local.gateway.authorizing import Authorization
from local.gateway.compression import compressed
from local.gateway.definition import ApiDefinition, Route
from local.gateway.requests import Request, proxy_event, request_context
from local.gateway.routing import Router
from local.gateway.threads import Threads

type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
BODY_LIMIT_BYTES = 10 * 1024 * 1024
TIMEOUT_SECONDS = 29.0
_INTERNAL = "Internal server error"


class GatewayApplication:
    """Serves one API."""

    def __init__(
        self,
        api: ApiDefinition,
        functions: Functions,
        threads: Threads,
        timeout_seconds: float,
        authorization: Authorization,
    ) -> None:
        """Run handlers in `threads`, and stop waiting for one after `timeout_seconds`."""
        self._api = api
        self._functions = functions
        self._threads = threads
        self._timeout = timeout_seconds
        self._router = Router(api.routes)
        self._authorization = authorization

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        request, complete = await _read(scope, receive)
        answer = compressed(
            await self._answer(request, complete=complete), request, self._api.minimum_compression_bytes
        )
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(request, answer)})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else answer.body})

    def unreadable(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return the status, headers and body for a request that is not valid HTTP, or whose path is over 64 KiB."""
        request = Request("GET", "/", "", [], b"", source_ip="127.0.0.1")
        answer = self._refuse(GatewayRefusal("DEFAULT_4XX", "Bad Request"), request, "/")
        return answer.status, _headers(request, answer), answer.body

    async def _answer(self, request: Request, *, complete: bool) -> Answer:
        found = self._router.find(request.method, request.path)
        if not found:
            return self._refuse(
                GatewayRefusal("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token"), request, request.path
            )
        route, parameters = found
        if route.mock:
            headers = [("Content-Type", "application/json"), *route.mock.headers.items()]
            return Answer(route.mock.status, headers, route.mock.body.encode())
        if not complete:
            return self._refuse(GatewayRefusal("REQUEST_TOO_LARGE", "Request Too Long"), request, route.resource)
        try:
            return await self._in_time(request, route, parameters)
        except GatewayRefusal as refusal:
            return self._refuse(refusal, request, route.resource)

    def _refuse(self, refusal: GatewayRefusal, request: Request, resource: str) -> Answer:
        return own_answer(self._api, refusal, request, request_context(self._api, request, resource))

    async def _in_time(self, request: Request, route: Route, parameters: dict[str, str]) -> Answer:
        work = asyncio.ensure_future(self._through(request, route, parameters))
        function_timeout = self._functions[route.function].spec.timeout_seconds
        try:
            return await asyncio.wait_for(asyncio.shield(work), min(self._timeout, function_timeout))
        except TimeoutError:
            # A thread cannot be stopped: the handler continues, and its answer is ignored.
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            if function_timeout < self._timeout:
                raise GatewayRefusal("DEFAULT_5XX", _INTERNAL) from None
            raise GatewayRefusal("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None

    async def _through(self, request: Request, route: Route, parameters: dict[str, str]) -> Answer:
        """Authorize a request and call its handler, each in the threads of its own function."""
        loop = asyncio.get_running_loop()
        if self._authorization.is_quick(route, request):
            # A thread of its own would only be one more to wait for.
            event = self._authorized(request, route, parameters)
        else:
            event = await loop.run_in_executor(self._threads.authorizing, self._authorized, request, route, parameters)
        return await loop.run_in_executor(self._threads.of(route.function), self._invoke, request, route, event)

    def _authorized(self, request: Request, route: Route, parameters: dict[str, str]) -> dict[str, Any]:
        event = proxy_event(self._api, request, route, parameters)
        authorizer = self._authorization.authorize(route, request, event)
        if authorizer is not None:
            event["requestContext"]["authorizer"] = authorizer
        return event

    def _invoke(self, request: Request, route: Route, event: dict[str, Any]) -> Answer:
        try:
            return handler_answer(self._api, request, self._functions[route.function].invoke(event))
        except HandlerFailed as error:
            raise GatewayRefusal("DEFAULT_5XX", _INTERNAL) from error
        except MalformedAnswer as error:
            print(f"[ERROR] {route.function} {request.request_id}\n{traceback.format_exc()}")  # noqa: T201
            raise GatewayRefusal("DEFAULT_5XX", _INTERNAL) from error


def _headers(request: Request, answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [("x-amzn-RequestId", request.request_id), *answer.headers, ("Content-Length", str(len(answer.body)))]
    return [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers]


async def _read(scope: MutableMapping[str, Any], receive: Receive) -> tuple[Request, bool]:
    """Read a request; the second value is False if its body is over the limit, and then the body is dropped."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        size += len(message.get("body", b""))
        if size <= BODY_LIMIT_BYTES:
            chunks.append(message.get("body", b""))
    names = scope.get("state", {}).get("header_names") or [name for name, _ in scope["headers"]]
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, (_, value) in zip(names, scope["headers"], strict=True)
    ]
    request = Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=b"".join(chunks) if size <= BODY_LIMIT_BYTES else b"",
        source_ip=scope["client"][0] if scope.get("client") else "127.0.0.1",
        protocol=f"HTTP/{scope['http_version']}",
    )
    return request, size <= BODY_LIMIT_BYTES
