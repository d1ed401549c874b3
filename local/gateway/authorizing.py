"""Calls the template's Lambda authorizer, caches its answer for the TTL, and applies its policy to each request."""

import threading
import time
from collections.abc import Callable
from typing import Any

from local.functions import Functions, HandlerFailed
from local.gateway.answers import GatewayRefusal
from local.gateway.definition import ApiDefinition, Authorizer, Route
from local.gateway.policies import InvalidPolicy, allows
from local.gateway.requests import Request, method_arn
from local.gateway.throttling import Throttle

_UNAUTHORIZED = "Unauthorized"


class Authorization:
    """The authorizers of one API and their cached answers."""

    def __init__(
        self,
        api: ApiDefinition,
        functions: Functions,
        knows_key: Callable[[str], bool] = lambda _: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with an empty cache; `knows_key` tells if the usage plan has an API key, `clock` returns seconds."""
        self._api = api
        self._functions = functions
        self._clock = clock
        self._throttle = Throttle(api.usage_plan, knows_key, clock)
        self._kept: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def authorize(self, route: Route, request: Request, event: dict[str, Any]) -> dict[str, Any] | None:
        """Return the handler's `requestContext.authorizer`; None if the route has no authorizer.

        Raises:
            GatewayRefusal: 401, 403, 429, or 500 if the authorizer itself fails.
        """
        if route.authorizer is None:
            return None
        authorizer = self._api.authorizers[route.authorizer]
        identity = [request.header(name) for name in authorizer.headers]
        if not all(identity) or (authorizer.pattern and not authorizer.pattern.match(identity[0] or "")):
            raise GatewayRefusal("UNAUTHORIZED", _UNAUTHORIZED)
        answer = self._answer(authorizer, [str(value) for value in identity], request, event)
        context = self._decision_of(answer, method_arn(self._api, request))
        if route.needs_key:
            self._throttle.take(answer.get("usageIdentifierKey"), f"{route.resource}/{route.method}")
        return context

    def is_quick(self, route: Route, request: Request) -> bool:
        """Return whether no function has to be called, so that nobody waits."""
        if route.authorizer is None:
            return True
        authorizer = self._api.authorizers[route.authorizer]
        key = (authorizer.name, *(str(request.header(name)) for name in authorizer.headers))
        with self._lock:
            return self._clock() < self._kept.get(key, (0.0, {}))[0]

    def _answer(
        self, authorizer: Authorizer, identity: list[str], request: Request, event: dict[str, Any]
    ) -> dict[str, Any]:
        key = (authorizer.name, *identity)
        with self._lock:
            kept_until, answer = self._kept.get(key, (0.0, {}))
        if identity and self._clock() < kept_until:
            return answer
        answer = self._ask(authorizer, identity, request, event)
        if authorizer.ttl_seconds and identity:
            with self._lock:
                self._forget_the_old()
                self._kept[key] = (self._clock() + authorizer.ttl_seconds, answer)
        return answer

    def _ask(
        self, authorizer: Authorizer, identity: list[str], request: Request, event: dict[str, Any]
    ) -> dict[str, Any]:
        asked: dict[str, Any] = {"type": authorizer.kind, "methodArn": method_arn(self._api, request)}
        if authorizer.kind == "TOKEN":
            asked["authorizationToken"] = identity[0]
        else:
            asked |= {key: value for key, value in event.items() if key not in {"body", "isBase64Encoded"}}
        try:
            answer = self._functions[authorizer.function].invoke(asked)
        except HandlerFailed as error:
            if error.message == _UNAUTHORIZED:
                raise GatewayRefusal("UNAUTHORIZED", _UNAUTHORIZED) from error
            # API Gateway has no message for this refusal: `$context.error.messageString` is null.
            raise GatewayRefusal("AUTHORIZER_FAILURE", None) from error
        if not isinstance(answer, dict) or not isinstance(answer.get("principalId"), str):
            raise GatewayRefusal("AUTHORIZER_CONFIGURATION_ERROR", None)
        return answer

    def _decision_of(self, answer: dict[str, Any], arn: str) -> dict[str, Any]:
        try:
            context = _context(answer)
            allowed = allows(answer.get("policyDocument"), arn)
        except InvalidPolicy as error:
            print(f"[ERROR] The authorizer's answer is not usable: {error}")  # noqa: T201
            raise GatewayRefusal("AUTHORIZER_CONFIGURATION_ERROR", None) from error
        if not allowed:
            raise GatewayRefusal("ACCESS_DENIED", "User is not authorized to access this resource")
        return {"principalId": answer["principalId"], "integrationLatency": 0, **context}

    def _forget_the_old(self) -> None:
        now = self._clock()
        for key in [key for key, (kept_until, _) in self._kept.items() if kept_until <= now]:
            del self._kept[key]


def _context(answer: dict[str, Any]) -> dict[str, str]:
    """Return the context's values as strings, as a proxy integration gets them."""
    context = answer.get("context") or {}
    if any(not isinstance(value, str | int | float) for value in context.values()):
        raise InvalidPolicy("context values must be strings, numbers or booleans")
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in context.items()}
