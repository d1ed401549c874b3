"""The response to the client: a handler's answer, or the gateway's own answer in the template's form."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from local.gateway.definition import ApiDefinition, GatewayResponse
from local.gateway.requests import Request, is_binary

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_DEFAULT_STATUS = {
    "ACCESS_DENIED": 403,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "DEFAULT_4XX": 400,
    # The answer where a function fails or returns a malformed answer.
    "DEFAULT_5XX": 502,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "REQUEST_TOO_LARGE": 413,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
}
_ERROR_TYPES = {
    "ACCESS_DENIED": "AccessDeniedException",
    "AUTHORIZER_CONFIGURATION_ERROR": "AuthorizerConfigurationException",
    "AUTHORIZER_FAILURE": "AuthorizerFailureException",
    "DEFAULT_4XX": "BadRequestException",
    "DEFAULT_5XX": "InternalServerErrorException",
    "INTEGRATION_TIMEOUT": "InternalServerErrorException",
    "INVALID_API_KEY": "ForbiddenException",
    "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationTokenException",
    "REQUEST_TOO_LARGE": "RequestTooLargeException",
    "THROTTLED": "TooManyRequestsException",
    "UNAUTHORIZED": "UnauthorizedException",
}
_DEFAULT_TEMPLATE = '{"message":$context.error.messageString}'
_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_.]+)|\$\{context\.([A-Za-z0-9_.]+)\}")
_HEADER_PREFIX = "gatewayresponse.header."
_PROXY_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
# The gateway sets these headers itself, and renames those that a function returns.
_REMAPPED = {"connection", "content-length", "date", "server", "www-authenticate"}


class MalformedAnswer(ValueError):
    """A handler's answer does not have the form of the Lambda proxy integration."""


@dataclass(frozen=True)
class Answer:
    """A response, complete except for its length."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class GatewayRefusal(Exception):
    """The gateway answers with its own response of this type."""

    def __init__(self, kind: str, message: str | None) -> None:
        """Store the response type and API Gateway's message for it."""
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


def own_answer(api: ApiDefinition, refusal: GatewayRefusal, request: Request, context: Mapping[str, Any]) -> Answer:
    """Build the answer to a refusal: the template's for its type, else the one for its class, else the default."""
    default = _DEFAULT_STATUS[refusal.kind]
    family = "DEFAULT_4XX" if default < HTTPStatus.INTERNAL_SERVER_ERROR else "DEFAULT_5XX"
    wanted = api.responses.get(refusal.kind) or api.responses.get(family) or GatewayResponse()
    error = {
        "message": refusal.message,
        "messageString": json.dumps(refusal.message),
        "responseType": refusal.kind,
        "validationErrorString": None,
    }
    variables = {**context, "error": error}
    headers = [
        ("x-amzn-ErrorType", _ERROR_TYPES[refusal.kind]),
        ("Content-Type", "application/json"),
        *_parameters(wanted.parameters, request, variables),
    ]
    body = _VARIABLE.sub(lambda match: _lookup(variables, match[1] or match[2]), wanted.template or _DEFAULT_TEMPLATE)
    return Answer(wanted.status or default, headers, body.encode())


def _parameters(parameters: dict[str, str], request: Request, variables: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the headers of a gateway response: `'literal'`, `context.…` or `method.request.header.…`."""
    headers = []
    for target, source in parameters.items():
        if not target.startswith(_HEADER_PREFIX):
            continue
        if source.startswith("'"):
            value: str | None = source.strip("'")
        elif source.startswith("context."):
            value = _lookup(variables, source.removeprefix("context."))
        else:
            value = request.header(source.removeprefix("method.request.header."))
        if value is not None:
            headers.append((target.removeprefix(_HEADER_PREFIX), value))
    return headers


def _lookup(variables: Mapping[str, Any], path: str) -> str:
    value: Any = variables
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def handler_answer(api: ApiDefinition, request: Request, returned: Any) -> Answer:
    """Turn what a handler returned into a response.

    Raises:
        MalformedAnswer: the value is not an object, has other keys than the five, or has a value of the wrong type.
    """
    if not isinstance(returned, dict) or not _PROXY_KEYS.issuperset(returned):
        raise MalformedAnswer(f"a handler returns an object with {sorted(_PROXY_KEYS)} and nothing else")
    try:
        status = int(returned.get("statusCode") or HTTPStatus.OK)
    except (TypeError, ValueError) as error:
        raise MalformedAnswer("statusCode must be a number") from error
    body = returned.get("body")
    if body is not None and not isinstance(body, str):
        raise MalformedAnswer("body must be a string")
    headers = _handler_headers(returned)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return Answer(
        status, headers, _handler_body(api, request, body or "", encoded=bool(returned.get("isBase64Encoded")))
    )


def _handler_headers(returned: dict[str, Any]) -> list[tuple[str, str]]:
    """Merge `headers` and `multiValueHeaders`; where both have a name, the values of `multiValueHeaders` count."""
    single, multiple = returned.get("headers") or {}, returned.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multiple, dict):
        raise MalformedAnswer("headers must be objects")
    several = {name.lower() for name in multiple}
    pairs = [(name, value) for name, value in single.items() if name.lower() not in several]
    pairs += [(name, value) for name, values in multiple.items() for value in _as_list(values)]
    return [(f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, _header(value)) for name, value in pairs]


def _as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _header(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise MalformedAnswer("a header's value must be a string, a number or a boolean")
    return str(value)


def _handler_body(api: ApiDefinition, request: Request, body: str, *, encoded: bool) -> bytes:
    """Decode base64 if the first media type that the client accepts is binary; otherwise return the body unchanged."""
    accepted = (request.header("accept") or "").partition(",")[0].partition(";")[0].strip().lower()
    if not encoded or not is_binary(api, accepted):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedAnswer("body is not base64") from error
