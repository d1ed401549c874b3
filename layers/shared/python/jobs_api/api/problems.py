"""The answer to a request that fails: the status, the code and the fields at fault."""

from dataclasses import replace
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response

from jobs_api import errors
from jobs_api.api.body_schemas import JSON_TYPE
from jobs_api.errors import Fault, JobsApiError
from jobs_api.model.document import Absent, Document, fault_of

logger = Logger()

# The most specific class is used, as with `except`.
ANSWERS: Final[dict[type[JobsApiError], tuple[int, str]]] = {
    errors.InvalidBody: (400, "invalid_json"),
    errors.TokenExpired: (401, "unauthorized"),
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


def parameter_fault(detail: Any) -> Fault:
    """Return what is wrong with a query parameter; a list is what the framework makes of one that comes twice."""
    fault = fault_of(detail, skip=1)
    return replace(fault, message="is given more than once; give it once") if type(detail["input"]) is list else fault


def problem_of(error: JobsApiError, request_id: str) -> Response[str]:
    """Return the answer to a request that raised one of the classes in `ANSWERS`."""
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


def unexpected_problem(error: Exception, request_id: str) -> Response[str]:
    """Return the answer to a request that failed for a reason of ours, and log the error."""
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


def answer_of(response: Response[str]) -> dict[str, Any]:
    """Return a response as the gateway takes it."""
    headers = {name: [value] if isinstance(value, str) else value for name, value in response.headers.items()}
    return {
        "statusCode": response.status_code,
        "body": response.body,
        "isBase64Encoded": False,
        "multiValueHeaders": headers,
    }
