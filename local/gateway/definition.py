"""Reads the template's API from the OpenAPI document that the SAM transform makes for API Gateway.

Extensions: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.intrinsics import UnsupportedTemplate
from local.template import Template

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}
_HEADER_SOURCE = "method.request.header."
_HEADER_TARGET = "method.response.header."
_ANY_METHOD = "x-amazon-apigateway-any-method"
_SCHEME_OF_AUTHORIZER = "x-amazon-apigateway-authorizer"


@dataclass(frozen=True)
class Authorizer:
    """A Lambda authorizer.

    Args:
        function: the URI that names its function.
        headers: the headers it needs; a request without one of them is refused, and the function is not called.
        pattern: what a TOKEN authorizer's header must match; otherwise the function is not called.
    """

    name: str
    kind: str
    function: str
    headers: tuple[str, ...]
    pattern: re.Pattern[str] | None
    ttl_seconds: float


@dataclass(frozen=True)
class Mock:
    """An answer of the gateway itself, such as to a CORS preflight (OPTIONS)."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Route:
    """A resource and a method on it; `function` is the URI that names its function.

    If the route needs a key, its requests count for the API key that the authorizer names. A mock has no function.
    """

    method: str
    resource: str
    function: str
    authorizer: str | None
    needs_key: bool
    mock: Mock | None = None


@dataclass(frozen=True)
class GatewayResponse:
    """The template's form of one type of the gateway's own answers; None means the default."""

    status: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    template: str | None = None


@dataclass(frozen=True)
class Limit:
    """How many requests are allowed: `rate` a second on average, and `burst` at once."""

    rate: float
    burst: int


@dataclass(frozen=True)
class UsagePlan:
    """The limits of each API key of the plan: in total, and by method, named like `/pets/{id}/GET`."""

    name: str
    rate: float
    burst: int
    by_method: Mapping[str, Limit] = field(default_factory=dict)

    def limits(self, method: str) -> dict[str, Limit]:
        """Return the limits for a request to a method: the total one under the name "", and the method's own."""
        every = {"": Limit(self.rate, self.burst)}
        return every | ({method: self.by_method[method]} if method in self.by_method else {})


@dataclass(frozen=True)
class ApiDefinition:
    """One REST API and its stage; it compresses no answer that is smaller than the minimum, and none without one."""

    api_id: str
    stage: str
    routes: list[Route]
    authorizers: dict[str, Authorizer]
    responses: dict[str, GatewayResponse]
    binary_media_types: frozenset[str]
    minimum_compression_bytes: int | None = None
    usage_plan: UsagePlan | None = None


def definition_of(template: Template) -> ApiDefinition:
    """Read the one API of a template.

    Raises:
        UnsupportedTemplate: there is not exactly one API, or it uses a feature that this gateway lacks.
    """
    apis = list(template.resources("AWS::ApiGateway::RestApi"))
    stages = [stage.properties["StageName"] for stage in template.resources("AWS::ApiGateway::Stage")]
    if len(apis) != 1 or len(stages) != 1:
        raise UnsupportedTemplate(f"the gateway serves one API with one stage; the template has {len(apis)}")
    body = apis[0].properties["Body"]
    schemes = body.get("securityDefinitions") or body.get("components", {}).get("securitySchemes", {})
    authorizers = {
        name: _authorizer(name, scheme) for name, scheme in schemes.items() if _SCHEME_OF_AUTHORIZER in scheme
    }
    keys = schemes.keys() - authorizers.keys()
    if keys and apis[0].properties.get("ApiKeySourceType") != "AUTHORIZER":
        raise UnsupportedTemplate("only authorizers name API keys here, so ApiKeySourceType must be AUTHORIZER")
    binary = [*body.get("x-amazon-apigateway-binary-media-types", []), *apis[0].properties.get("BinaryMediaTypes", [])]
    return ApiDefinition(
        api_id=apis[0].name,
        stage=stages[0],
        routes=[
            _route(path, method, operation, body, keys)
            for path, operations in body["paths"].items()
            for method, operation in operations.items()
            if method in _METHODS or method == _ANY_METHOD
        ],
        authorizers=authorizers,
        responses={
            kind: _response(response)
            for kind, response in body.get("x-amazon-apigateway-gateway-responses", {}).items()
        },
        binary_media_types=frozenset(kind.replace("~1", "/") for kind in binary),
        minimum_compression_bytes=apis[0].properties.get("MinimumCompressionSize"),
        usage_plan=_usage_plan(template),
    )


def _usage_plan(template: Template) -> UsagePlan | None:
    for plan in template.resources("AWS::ApiGateway::UsagePlan"):
        by_method = {
            name: _limit(throttle)
            for stage in plan.properties.get("ApiStages", [])
            for name, throttle in stage.get("Throttle", {}).items()
        }
        every = _limit(plan.properties["Throttle"])
        return UsagePlan(plan.name, every.rate, every.burst, by_method)
    return None


def _limit(throttle: Mapping[str, Any]) -> Limit:
    return Limit(float(throttle["RateLimit"]), int(throttle["BurstLimit"]))


def _route(path: str, method: str, operation: dict[str, Any], body: dict[str, Any], keys: Collection[str]) -> Route:
    integration = operation["x-amazon-apigateway-integration"]
    if integration["type"] not in {"aws_proxy", "mock"}:
        raise UnsupportedTemplate(f"{method} {path}: only Lambda proxy and mock integrations are served here")
    wanted = {name for entry in operation.get("security", body.get("security", [])) for name in entry}
    authorizers = wanted - {"NONE", *keys}
    return Route(
        method="ANY" if method == _ANY_METHOD else method.upper(),
        resource=path,
        function=integration.get("uri", ""),
        authorizer=next(iter(authorizers), None),
        needs_key=bool(wanted & set(keys)),
        mock=_mock(integration["responses"]["default"]) if integration["type"] == "mock" else None,
    )


def _mock(answer: dict[str, Any]) -> Mock:
    headers = {
        target.removeprefix(_HEADER_TARGET): str(value).strip("'")
        for target, value in answer.get("responseParameters", {}).items()
    }
    return Mock(int(answer["statusCode"]), headers, answer.get("responseTemplates", {}).get("application/json", ""))


def _authorizer(name: str, scheme: dict[str, Any]) -> Authorizer:
    settings = scheme[_SCHEME_OF_AUTHORIZER]
    sources = [source.strip() for source in settings.get("identitySource", "").split(",") if source.strip()]
    if any(not source.startswith(_HEADER_SOURCE) for source in sources):
        raise UnsupportedTemplate(f"authorizer {name}: only headers are identity sources here, not {sources}")
    headers = tuple(source.removeprefix(_HEADER_SOURCE) for source in sources)
    pattern = settings.get("identityValidationExpression")
    return Authorizer(
        name=name,
        kind=settings["type"].upper(),
        function=settings["authorizerUri"],
        headers=(scheme["name"],) if settings["type"] == "token" else headers,
        pattern=re.compile(pattern) if pattern else None,
        ttl_seconds=float(settings.get("authorizerResultTtlInSeconds", 300)),
    )


def _response(settings: dict[str, Any]) -> GatewayResponse:
    status = settings.get("statusCode")
    return GatewayResponse(
        status=int(status) if status else None,
        parameters=settings.get("responseParameters", {}),
        template=settings.get("responseTemplates", {}).get("application/json"),
    )
