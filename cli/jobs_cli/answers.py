"""Reads an answer of the API: an object, a refusal, or a reason to send the same request again."""

import random
from typing import TYPE_CHECKING, Any, Final

from jobs_cli.errors import FieldFault, Refused

if TYPE_CHECKING:
    import httpx

LONGEST_DELAY_SECONDS: Final = 15.0
# Statuses of a load balancer or a service that is not available, and of a limit of requests.
LATER: Final = {429, 502, 503, 504}
# How the gateway's answer to an unknown path begins.
NO_ROUTE: Final = "There is no such route"

Answer = dict[str, Any]


def is_permanent(error: Exception) -> bool:
    """Return whether the next attempt would fail as well."""
    # OpenSSL has the second and, from 3.2 on, the third words for the answer of a server that does not speak TLS.
    permanent = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "record layer failure")
    return any(one in str(error) for one in permanent) or type(error).__name__ == "UnsupportedProtocol"


def may_be_asked_again(request: "httpx.Request", response: "httpx.Response") -> bool:
    """Return whether the same request may have another answer later, and does no harm twice."""
    if response.status_code in LATER or (response.status_code == 500 and request.method == "GET"):
        return True
    # The first request with this key is still being carried out.
    return response.status_code == 409 and "Idempotency-Key" in request.headers and "Retry-After" in response.headers


def finds_nothing(request: "httpx.Request", response: "httpx.Response") -> bool:
    """Return whether there is nothing to delete; a server that does not know the call says that there is no route."""
    message = (error_of(response) or {}).get("message", NO_ROUTE)
    return request.method == "DELETE" and response.status_code == 404 and not message.startswith(NO_ROUTE)


def delay_before(attempt: int, response: "httpx.Response | None") -> float:
    """Return how many seconds to wait: as the server says, else twice as long each time, with jitter."""
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    # The header's other form is a date, which the service never sends.
    if asked.isdecimal():
        return float(asked)
    return min(0.5 * 2.0**attempt, LONGEST_DELAY_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


def json_of(response: "httpx.Response") -> Any:
    """Return an answer's JSON, None where it is none."""
    try:
        return response.json()
    except ValueError:
        return None


def error_of(response: "httpx.Response") -> Answer | None:
    """Return the API's own error in an answer, None where something else answered."""
    content = json_of(response)
    return content if isinstance(content, dict) and isinstance(content.get("message"), str) else None


def refused(status: int, error: Answer, url: str) -> Refused:
    """Return the error of a request that the API refused."""
    faults = [
        FieldFault(str(fault.get("field")), str(fault.get("message")))
        for fault in error.get("errors", [])
        if isinstance(fault, dict)
    ]
    message = error["message"]
    if status == 401:
        message = f"{url} does not accept the token: it is unknown, revoked or expired. Run `jobs-api login` again"
    return Refused(status, str(error.get("code", "")), message, faults, str(error.get("request_id", "")))
