"""The API server: its paths, its authentication, and the form of its refusals."""

import hmac
import logging
from typing import cast

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.cluster.api import collections, discovery, issuer, logs, objects, openapi
from local.cluster.api.faults import Faults
from local.cluster.api.logs import LogReader
from local.cluster.api.pages import Pages
from local.cluster.api.responses import refusal
from local.cluster.api.watches import Watches
from local.cluster.errors import ApiError, MethodNotAllowed, Unauthorized
from local.cluster.service_accounts import JWKS_PATH, TokenIssuer
from local.cluster.storage import Storage

_log = logging.getLogger(__name__)
_OPEN = {"/healthz", "/livez", "/readyz", "/version"}


class _Own(StringConvertor):
    """The subresources of a namespace."""

    regex = "status|finalize"


class _Namespaces(StringConvertor):
    """Namespaces, the only kind whose objects contain other paths."""

    regex = "namespaces"


register_url_convertor("own", _Own())
register_url_convertor("namespaces", _Namespaces())


def build(storage: Storage, kubelet: LogReader, token: str, tokens: TokenIssuer) -> tuple[Starlette, Faults]:
    """Return the application and its middleware for faults; `token` is the only bearer token that it accepts.

    `tokens` signs those of Pods, which are for others: the API accepts none of them.
    """
    app = Starlette(
        routes=_routes(),
        exception_handlers={
            ApiError: _refused,
            HTTPException: _unrouted,
            Exception: _failed,
        },
    )
    app.state.storage, app.state.kubelet, app.state.issuer = storage, kubelet, tokens
    app.state.pages, app.state.watches = Pages(storage), Watches(storage)
    return app, Faults(BearerToken(app, token))


class BearerToken:
    """Refuses requests without the token, except health checks."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        app = self._app
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            stated = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(stated, self._expected):
                app = refusal(Unauthorized("Unauthorized"))
        await app(scope, receive, send)


def _routes() -> list[Route]:
    return [
        Route("/version", discovery.version),
        *(Route(path, discovery.healthy) for path in ("/healthz", "/livez", "/readyz")),
        Route("/.well-known/openid-configuration", issuer.configuration),
        Route(JWKS_PATH, issuer.keys),
        Route("/openapi/v2", openapi.version_2),
        Route("/openapi/v3", openapi.version_3),
        Route("/openapi/v3/{path:path}", openapi.version_3),
        Route("/api", discovery.api_versions),
        Route("/apis", discovery.groups),
        Route("/apis/{group}", discovery.group),
        # A namespace's own subresources look like collections within it, so they come first.
        *_object("/api/v1/{resource:namespaces}/{name}/{subresource:own}"),
        Route("/api/v1/namespaces/{namespace}/pods/{name}/log", logs.pod_log),
        *_resources("/api/v1"),
        *_resources("/apis/{group}/v1"),
    ]


def _resources(base: str) -> list[Route]:
    return [
        Route(base, discovery.resources),
        *_collection(base + "/namespaces/{namespace}/{resource}"),
        *_object(base + "/namespaces/{namespace}/{resource}/{name}"),
        *_object(base + "/namespaces/{namespace}/{resource}/{name}/{subresource:str}"),
        *_collection(base + "/{resource}"),
        *_object(base + "/{resource}/{name}"),
    ]


def _collection(path: str) -> list[Route]:
    return [
        Route(path, collections.listing, methods=["GET"]),
        Route(path, objects.create, methods=["POST"]),
        Route(path, collections.delete_all, methods=["DELETE"]),
    ]


def _object(path: str) -> list[Route]:
    routes = [
        Route(path, objects.show, methods=["GET"]),
        Route(path, objects.replace, methods=["PUT"]),
        Route(path, objects.patch, methods=["PATCH"]),
    ]
    return routes if "{subresource" in path else [*routes, Route(path, objects.delete, methods=["DELETE"])]


async def _refused(_request: Request, error: Exception) -> Response:
    return refusal(cast("ApiError", error))


async def _unrouted(_request: Request, error: Exception) -> Response:
    if cast("HTTPException", error).status_code == 405:
        return refusal(MethodNotAllowed("the server does not allow this method on the requested resource", {}))
    return refusal(objects.no_such_path())


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return refusal(ApiError(f"Internal error occurred: {error}"))
