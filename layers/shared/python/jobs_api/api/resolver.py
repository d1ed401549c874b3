"""The resolver of every endpoint: checks the caller, reads the body, and answers in this API's format, errors too."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import errors
from jobs_api.api.bodies import MAX_BODY_BYTES, read_json, with_json_body
from jobs_api.api.body_schemas import JSON_TYPE, TEXT_TYPE
from jobs_api.api.caller import Caller, check_rights
from jobs_api.api.problems import ANSWERS, answer_of, parameter_fault, problem_of, unexpected_problem
from jobs_api.api.request_events import callers_organization, idempotency_key, is_dry_run, named_ids, scope_of
from jobs_api.api.request_paths import path_prefix, route_path
from jobs_api.errors import JobsApiError
from jobs_api.ids import derived_id, new_id
from jobs_api.metrics import Metric, publish
from jobs_api.model.audit import WrittenBy
from jobs_api.model.document import Document

# An answer is valid for one caller at one time, and some answers show a secret, so no cache may store it.
NOT_KEPT: Final = {"Cache-Control": ["no-store"]}

# Pages of any origin may read answers: a token comes in a header, which no browser sends by itself.
FOR_BROWSERS: Final = {
    "Access-Control-Allow-Origin": ["*"],
    "Access-Control-Expose-Headers": ["Location, Retry-After, X-Request-ID"],
}

T = TypeVar("T", bound=Document)

logger = Logger()


class Message(Document):
    """An answer that only says that the request succeeded."""

    message: str


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
            json_body_deserializer=read_json,
        )
        self.idempotent = idempotent
        self.only_admins = only_admins
        self.most_body_bytes = most_body_bytes
        self.exception_handler(JobsApiError)(self._answer_error)
        self.exception_handler(RequestValidationError)(self._tell_invalid)
        self.exception_handler(NotFoundError)(lambda _: self._answer_error(errors.NotFound("There is no such route")))
        self.exception_handler(Exception)(self._answer_unexpected)

    @property
    def caller(self) -> Caller:
        """The caller."""
        return Caller.of(self.current_event.request_context.authorizer.raw_event)

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
        return derived_id(prefix, scope_of(event.raw_event), key, event.body or "")

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request, whatever happens in this API's format and with the request's id."""
        request_id = event["requestContext"]["requestId"]
        keys = {
            "request_id": request_id,
            "organization_id": callers_organization(event),
            "route": event.get("resource"),
        }
        keys |= named_ids(event)
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
            check_rights(event, only_admins=self.only_admins)
            event = with_json_body({**event, "path": route_path(event)}, self.most_body_bytes)
            key = idempotency_key(event) if self.idempotent else None
            if key is None or is_dry_run(event):
                return super().resolve(event, context)
            from jobs_api.api import idempotency  # noqa: PLC0415 - most requests carry no key, and it loads boto3

            return idempotency.once(
                key, scope_of(event), event["body"], lambda: super(Api, self).resolve(event, context), context
            )
        except JobsApiError as error:
            return answer_of(problem_of(error, event["requestContext"]["requestId"]))
        except Exception as error:  # noqa: BLE001 - it is logged, and answered like an error of a handler
            return answer_of(unexpected_problem(error, event["requestContext"]["requestId"]))

    def _answer_error(self, error: JobsApiError) -> Response[str]:
        if isinstance(error, errors.ClusterUnavailable):
            publish({Metric.CLUSTER_ERRORS: 1})
        known = any(kind in ANSWERS for kind in type(error).__mro__)
        return problem_of(error, self.request_id) if known else self._answer_unexpected(error)

    def _tell_invalid(self, error: RequestValidationError) -> Response[str]:
        details = error.errors()
        if any(detail["loc"] == ("body",) for detail in details):
            return self._answer_error(errors.InvalidBody("The body must be a JSON object, such as {}, and is empty"))
        return self._answer_error(errors.InvalidRequest([parameter_fault(detail) for detail in details]))

    def _answer_unexpected(self, error: Exception) -> Response[str]:
        return unexpected_problem(error, self.request_id)
