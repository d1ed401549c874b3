"""A request as API Gateway reads it, and the event that the Lambda proxy integration makes from it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from local.gateway.definition import ApiDefinition, Route
from local.intrinsics import ACCOUNT, REGION

# Headers that the gateway does not pass on.
_HOP_HEADERS = {
    "connection",
    "content-length",
    "content-md5",
    "expect",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
}


@dataclass(frozen=True)
class Request:
    """One HTTP request; `path` and `query` as they were sent, header names in the client's own spelling."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    received_at: float = field(default_factory=time.time)

    def header(self, name: str) -> str | None:
        """Return the last value of a header; the case of its name does not matter."""
        wanted = name.lower()
        return next((value for key, value in reversed(self.headers) if key.lower() == wanted), None)


def method_arn(api: ApiDefinition, request: Request) -> str:
    """Return the ARN that an authorizer gets: the API, its stage, the method and the path."""
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.api_id}/{api.stage}/{request.method}{request.path}"


def proxy_event(api: ApiDefinition, request: Request, route: Route, parameters: dict[str, str]) -> dict[str, Any]:
    """Make the event without the authorizer's context, which is added later as `requestContext.authorizer`."""
    headers = _grouped((name, value) for name, value in _forwarded(request) if name.lower() not in _HOP_HEADERS)
    query = _grouped(parse_qsl(request.query, keep_blank_values=True))
    body, encoded = _body(api, request)
    return {
        "resource": route.resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": request_context(api, request, route.resource),
        "body": body,
        "isBase64Encoded": encoded,
    }


def request_context(api: ApiDefinition, request: Request, resource: str) -> dict[str, Any]:
    """Make `requestContext`, which gateway responses call `$context`."""
    domain = request.header("host") or "localhost"
    received = datetime.fromtimestamp(request.received_at, UTC)
    return {
        "accountId": ACCOUNT,
        "apiId": api.api_id,
        "deploymentId": "local",
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": base64.b64encode(request.request_id.encode()[:11]).decode(),
        "httpMethod": request.method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "caller": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": request.source_ip,
            "user": None,
            "userAgent": request.header("user-agent"),
            "userArn": None,
        },
        # With a custom domain, as on a laptop, the stage is not part of the path.
        "path": request.path,
        "protocol": request.protocol,
        "requestId": request.request_id,
        "requestTime": received.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(request.received_at * 1000),
        "resourceId": resource.strip("/").replace("/", "-"),
        "resourcePath": resource,
        "stage": api.stage,
    }


def _forwarded(request: Request) -> list[tuple[str, str]]:
    """Return the headers, including those that the gateway adds."""
    _, _, port = (request.header("host") or "").partition(":")
    before = request.header("x-forwarded-for")
    kept = [(name, value) for name, value in request.headers if not name.lower().startswith("x-forwarded-")]
    return [
        *kept,
        ("X-Amzn-Trace-Id", f"Root=1-{int(request.received_at):08x}-{request.request_id.replace('-', '')[:24]}"),
        ("X-Forwarded-For", f"{before}, {request.source_ip}" if before else request.source_ip),
        ("X-Forwarded-Port", port or "80"),
        ("X-Forwarded-Proto", "http"),
    ]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _body(api: ApiDefinition, request: Request) -> tuple[str | None, bool]:
    """Return the body as text, or in base64 if its media type counts as binary in this API."""
    if not request.body:
        return None, False
    media_type = (request.header("content-type") or "application/json").partition(";")[0].strip().lower()
    if is_binary(api, media_type):
        return base64.b64encode(request.body).decode(), True
    # A body that is not UTF-8 arrives damaged, as in the cloud.
    return request.body.decode("utf-8", "replace"), False


def is_binary(api: ApiDefinition, media_type: str) -> bool:
    """Return whether the API treats a media type as binary; its list may hold `image/*` and `*/*`."""
    family = media_type.partition("/")[0]
    return not api.binary_media_types.isdisjoint({media_type, f"{family}/*", "*/*"})
