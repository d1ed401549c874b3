"""What every endpoint shares: the caller, the rules for bodies, the format of errors, an id for each request."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from types import UnionType
from typing import Any, Final, TypeVar

import pydantic_core
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse, OpenAPIResponseContentSchema
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from jobs_api import errors
from jobs_api.api.request_paths import path_prefix, route_path
from jobs_api.errors import Fault, JobsApiError
from jobs_api.ids import derived_id, new_id
from jobs_api.metrics import Metric, publish
from jobs_api.model.actor import Actor
from jobs_api.model.audit import WrittenBy
from jobs_api.model.document import Absent, Document, fault_of
from jobs_api.model.organization import Role

MAX_BODY_BYTES: Final = 256 * 1024
JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain"
NOT_UTF_8: Final = "The body must be a JSON object in UTF-8; write the character U+FFFD as \\ufffd if it is meant"
COMPRESSED: Final = "The body must be a JSON object in UTF-8; send it uncompressed, without Content-Encoding"

# An answer is for one caller and one time, and some show a secret once.
NOT_KEPT: Final = {"Cache-Control": ["no-store"]}

# Pages of any origin may read answers: a token comes in a header, which no browser sends by itself.
FOR_BROWSERS: Final = {
    "Access-Control-Allow-Origin": ["*"],
    "Access-Control-Expose-Headers": ["Location, Retry-After, X-Request-ID"],
}

# The most specific class is used, as with `except`.
ANSWERS: Final[dict[type[JobsApiError], tuple[int, str]]] = {
    errors.InvalidBody: (400, "invalid_json"),
    errors.Forbidden: (403, "forbidden"),
    errors.NotFound: (404, "not_found"),
    errors.NoResults: (404, "no_results"),
    errors.Conflict: (409, "conflict"),
    errors.NothingToRetry: (409, "nothing_to_retry"),
    errors.ProjectNotDeployed: (409, "project_not_deployed"),
    errors.ProjectDeployed: (409, "project_deployed"),
    errors.RunAlreadyEnded: (409, "run_already_ended"),
    errors.StalePlan: (409, "stale_plan"),
    errors.JobHasFollowers: (409, "job_has_followers"),
    errors.RunInProgress: (409, "run_in_progress"),
    errors.RunNotCompleted: (409, "run_not_completed"),
    errors.PayloadTooLarge: (413, "payload_too_large"),
    errors.InvalidRequest: (422, "invalid_request"),
    errors.TooManyCalls: (429, "too_many_requests"),
    errors.ClusterUnavailable: (503, "cluster_unavailable"),
}
# Retry-After, in seconds.
RETRY_AFTER: Final[dict[type[JobsApiError], int]] = {
    errors.StillInProgress: 1,
    errors.TooManyCalls: 5,
    errors.ClusterUnavailable: 10,
}

T = TypeVar("T", bound=Document)

logger = Logger()


class Message(Document):
    """An answer that only says that the request succeeded."""

    message: str


class FieldFault(Document):
    """A field that breaks a rule."""

    field: str
    message: str


class Problem(Document):
    """The body of every error."""

    message: str
    code: str
    errors: Absent[list[FieldFault]] = None
    request_id: str


@dataclass(frozen=True)
class Caller:
    """The caller of a request, as the authorizer found it."""

    organization_id: str
    role: Role
    token_id: str
    token_name: str | None = None
    expires_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        """The caller as it is stored with what it writes."""
        return Actor(token_id=self.token_id, name=self.token_name)


@dataclass(frozen=True)
class _BodySchema:
    """The schema of a body, made only for the API's documentation: processes that answer requests do not need it."""

    model: type[BaseModel]
    partial: bool

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        schema = self.model.model_json_schema(ref_template="#/components/schemas/{model}")
        # The schemas that it refers to are also part of some answer, and so are in the document.
        schema.pop("$defs", None)
        optional = schema["properties"].keys() - set(schema.get("required", []))
        schema["properties"] |= {name: _or_null(schema["properties"][name]) for name in optional}
        if self.partial:
            schema.pop("required", None)
            for field in schema["properties"].values():
                # A client that fills in defaults would change fields that its user did not set.
                field.pop("default", None)
        return schema


def _or_null(field: dict[str, Any]) -> dict[str, Any]:
    """Let an optional field of a body be `null`, which stands for its default."""
    kinds = field.get("anyOf") or [{key: part for key, part in field.items() if key not in {"title", "default"}}]
    rest = {key: part for key, part in field.items() if key in {"title", "default"}}
    return {"anyOf": [kind for kind in kinds if kind != {"type": "null"}] + [{"type": "null"}], **rest}


def schema_of(model: type[BaseModel], *, partial: bool = False) -> _BodySchema:
    """Show a model's fields in the API's documentation; with `partial`, no field is required or has a default.

    For bodies that the handler validates, because the rules depend on stored data:
    `document: Annotated[dict[str, Any], Body(), schema_of(JobSettings)]`.
    """
    return _BodySchema(model, partial)


def json_or_text(model: type[Document] | UnionType) -> dict[int, OpenAPIResponse]:
    """Document the two answers of `Api.document_or_text`; such a handler returns `Response[Any]`."""
    text: OpenAPIResponseContentSchema = {"schema": {"type": "string"}}
    return {HTTPStatus.OK: {"description": "OK", "content": {JSON_TYPE: {"model": model}, TEXT_TYPE: text}}}


def json_of(model: type[Document]) -> dict[int, OpenAPIResponse]:
    """Document the answer of `Api.written`; such a handler returns `Response[Any]`."""
    return {HTTPStatus.OK: {"description": "Successful Response", "content": {JSON_TYPE: {"model": model}}}}


class Api(APIGatewayRestResolver):
    """One endpoint's resolver: Powertools' own, with this API's bodies, errors and ids.

    Args:
        idempotent: whether the endpoint supports `Idempotency-Key`; an answer to `dry_run=true` is not kept, since that
            writes nothing.
        only_admins: whether the endpoint needs a token with the role `admin`.
        most_body_bytes: how large its bodies may be.
    """

    def __init__(
        self, *, idempotent: bool = False, only_admins: bool = False, most_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        super().__init__(
            enable_validation=True,
            # If an answer does not match its schema, that is a fault of ours and not a 422.
            response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
            json_body_deserializer=_read_json,
        )
        self.idempotent = idempotent
        self.only_admins = only_admins
        self.most_body_bytes = most_body_bytes
        self.exception_handler(JobsApiError)(self._tell)
        self.exception_handler(RequestValidationError)(self._tell_invalid)
        self.exception_handler(NotFoundError)(lambda _: self._tell(errors.NotFound("There is no such route")))
        self.exception_handler(Exception)(self._tell_nothing)

    @property
    def caller(self) -> Caller:
        """The caller."""
        context = self.current_event.request_context.authorizer.raw_event
        # The gateway may still have an answer of an authorizer that gave no name.
        name, expires_at = context.get("token_name") or None, context.get("expires_at")
        ends = datetime.fromisoformat(expires_at) if expires_at else None
        return Caller(context["organization_id"], Role(context["role"]), context["token_id"], name, ends)

    @property
    def written_by(self) -> WrittenBy:
        """The origin of what this request writes."""
        return WrittenBy(actor=self.caller.actor, at=self.now, request_id=self.request_id)

    @property
    def now(self) -> datetime:
        """The time at which the gateway received the request."""
        return datetime.fromtimestamp(self.current_event.request_context.request_time_epoch / 1000, tz=UTC)

    @property
    def request_id(self) -> str:
        """The gateway's id of this request, which the gateway's own errors contain too."""
        return str(self.current_event.request_context.request_id)

    def created(self, location: str, document: T) -> Response[T]:
        """Answer 201 with the created document and its path in the API, `/api/v1/projects/proj_xyz/jobs/job_abc`."""
        return Response(HTTPStatus.CREATED, content_type=JSON_TYPE, headers={"Location": location}, body=document)

    def written(self, text: str) -> Response[Any]:
        """Answer with a document that is already JSON."""
        return Response(HTTPStatus.OK, content_type=JSON_TYPE, body=text)

    def document_or_text(self, document: Document, text: str) -> Response[Any]:
        """Answer with a document, or only with the text in it if the client asked for that."""
        accepted = self.current_event.headers.get("accept", "").lower()
        wants_text = TEXT_TYPE in accepted and JSON_TYPE not in accepted
        body: Any = text if wants_text else document
        content_type = f"{TEXT_TYPE}; charset=utf-8" if wants_text else JSON_TYPE
        return Response(HTTPStatus.OK, content_type=content_type, body=body)

    def new_id(self, prefix: str) -> str:
        """Return an id for what this request creates: with an Idempotency-Key, always the same id."""
        event = self.current_event
        key = event.headers.get("idempotency-key") if self.idempotent else None
        if key is None:
            return new_id(prefix)
        return derived_id(prefix, _scope(event.raw_event), key, event.body or "")

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request, whatever happens in this API's format and with the request's id."""
        request_id = event["requestContext"]["requestId"]
        keys = {"request_id": request_id, "organization_id": _organization(event), "route": event.get("resource")}
        keys |= _named(event)
        logger.append_keys(**keys)
        try:
            answer = self._answer(event, context)
        finally:
            logger.remove_keys(keys)
        headers = answer.get("multiValueHeaders", {})
        # Done after a stored answer was read back: it may have been made for a request to another address.
        location = {"Location": [path_prefix(event) + path for path in headers.get("Location", [])]}
        own = {"X-Request-ID": [request_id], **NOT_KEPT, **FOR_BROWSERS, **(location if "Location" in headers else {})}
        return {**answer, "multiValueHeaders": {**headers, **own}}

    def _answer(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            event = _checked(event, only_admins=self.only_admins, most_body_bytes=self.most_body_bytes)
            key = idempotency_key(event) if self.idempotent else None
            if key is None or _is_dry_run(event):
                return super().resolve(event, context)
            from jobs_api.api import idempotency  # noqa: PLC0415 - most requests carry no key, and it loads boto3

            return idempotency.once(
                key, _scope(event), event["body"], lambda: super(Api, self).resolve(event, context), context
            )
        except JobsApiError as error:
            return _built(_problem(error, event["requestContext"]["requestId"]))
        except Exception as error:  # noqa: BLE001 - it is logged, and answered like an error of a handler
            return _built(_unexpected(error, event["requestContext"]["requestId"]))

    def _tell(self, error: JobsApiError) -> Response[str]:
        if isinstance(error, errors.ClusterUnavailable):
            publish({Metric.CLUSTER_ERRORS: 1})
        known = any(kind in ANSWERS for kind in type(error).__mro__)
        return _problem(error, self.request_id) if known else self._tell_nothing(error)

    def _tell_invalid(self, error: RequestValidationError) -> Response[str]:
        details = error.errors()
        if any(detail["loc"] == ("body",) for detail in details):
            return self._tell(errors.InvalidBody("The body must be a JSON object, such as {}, and is empty"))
        return self._tell(errors.InvalidRequest([_parameter_fault(detail) for detail in details]))

    def _tell_nothing(self, error: Exception) -> Response[str]:
        return _unexpected(error, self.request_id)


def _parameter_fault(detail: Any) -> Fault:
    """Return what is wrong with a query parameter; a list is what the framework makes of one that comes twice."""
    fault = fault_of(detail, skip=1)
    return replace(fault, message="is given more than once; give it once") if type(detail["input"]) is list else fault


def idempotency_key(event: Mapping[str, Any]) -> str | None:
    """Return the request's Idempotency-Key or None; raises InvalidRequest if it is malformed."""
    key = _header(event, "idempotency-key")
    if key is not None and not (1 <= len(key) <= 255 and all("!" <= c <= "~" for c in key)):
        raise errors.InvalidRequest([Fault("Idempotency-Key", "must be 1 to 255 visible ASCII characters")])
    return key


def _is_dry_run(event: Mapping[str, Any]) -> bool:
    parameters: Mapping[str, str] = event.get("queryStringParameters") or {}
    return parameters.get("dry_run", "false").lower() in {"true", "1", "yes", "on", "t", "y"}


def _checked(event: Mapping[str, Any], *, only_admins: bool, most_body_bytes: int) -> dict[str, Any]:
    """Check the caller's rights, and return the event with its body as JSON text."""
    context = event["requestContext"]["authorizer"]
    named = _header(event, "x-organization-id")
    if named is not None and named != context["organization_id"]:
        raise errors.Forbidden("X-Organization-ID is not the organization of this token; leave it out or correct it")
    if context["role"] == Role.READER and event["httpMethod"] not in {"GET", "HEAD", "OPTIONS"}:
        raise errors.Forbidden("This token may only read; a change needs the role developer")
    if only_admins and context["role"] != Role.ADMIN:
        raise errors.Forbidden("This call needs a token with the role admin")
    body = _body(event)
    if len(body) > most_body_bytes:
        raise errors.PayloadTooLarge(f"The body is {len(body)} bytes; at most {most_body_bytes}")
    text = _text(body, _header(event, "content-encoding"))
    # Bodies are JSON whatever content type the client sends: `curl -d` sends that of a form.
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return {
        **event,
        "path": route_path(event),
        "body": text,
        "isBase64Encoded": False,
        "headers": {**headers, "content-type": JSON_TYPE},
    }


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise errors.InvalidBody("The body must be a JSON object") from error


def _text(body: bytes, encoding: str | None) -> str:
    # API Gateway decompresses a body, or passes it on as text, with U+FFFD for each byte that is not UTF-8.
    text = body.decode(errors="replace").strip()
    if "\ufffd" in text:
        raise errors.InvalidBody(COMPRESSED if encoding not in {None, "identity"} else NOT_UTF_8)
    if text.startswith("\ufeff"):
        raise errors.InvalidBody("The body must be a JSON object without a byte order mark before it")
    return text


def _read_json(text: str) -> dict[str, Any]:
    """Read a body; handlers get `None` for an absent one, which is not read here. Raises InvalidBody."""
    try:
        # Unlike json.loads it takes no NaN, no half surrogate pairs and no nesting that exhausts the stack, but of a
        # name that comes twice it keeps the last.
        pydantic_core.from_json(text, allow_inf_nan=False)
        document = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise errors.InvalidBody(f"The body must be a JSON object: {error}") from error
    if not isinstance(document, dict):
        raise errors.InvalidBody("The body must be a JSON object, such as {}, and not a list, a text or a number")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = next(name for name, count in names.items() if count > 1)
        raise ValueError(f"{errors.shortened(twice)!r} stands in one object twice")
    return document


def _header(event: Mapping[str, Any], name: str) -> str | None:
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _organization(event: Mapping[str, Any]) -> str:
    return str(event["requestContext"]["authorizer"]["organization_id"])


def _named(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids in the path, for the log; the caller chose them, so long ones are shortened."""
    named: Mapping[str, str] = event.get("pathParameters") or {}
    within_project = (event.get("resource") or "").startswith("/api/v1/projects/")
    id_is = "project_id" if within_project else "job_name"
    return {id_is if name == "id" else name: errors.shortened(value) for name, value in named.items()}


def _scope(event: Mapping[str, Any]) -> str:
    return f"{_organization(event)} {event['httpMethod']} {event['path']}"


def _problem(error: JobsApiError, request_id: str) -> Response[str]:
    status, code = next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
    faults = error.faults if isinstance(error, errors.InvalidRequest) else None
    fields = [FieldFault(field=fault.field, message=fault.message) for fault in faults] if faults else None
    problem = Problem(
        message=errors.shortened(str(error), errors.MOST_OF_A_SUMMARY + 100),
        code=code,
        errors=fields,
        request_id=request_id,
    )
    return _response(status, problem, retry_after=RETRY_AFTER.get(type(error)))


def _unexpected(error: Exception, request_id: str) -> Response[str]:
    logger.error("unexpected", exc_info=error)
    message = "Something went wrong on our side; quote the request id"
    return _response(500, Problem(message=message, code="internal_error", request_id=request_id))


def _response(status: int, problem: Problem, retry_after: int | None = None) -> Response[str]:
    return Response(
        status_code=status,
        content_type=JSON_TYPE,
        headers={} if retry_after is None else {"Retry-After": str(retry_after)},
        body=problem.model_dump_json(),
    )


def _built(response: Response[str]) -> dict[str, Any]:
    headers = {name: [value] if isinstance(value, str) else value for name, value in response.headers.items()}
    return {
        "statusCode": response.status_code,
        "body": response.body,
        "isBase64Encoded": False,
        "multiValueHeaders": headers,
    }
