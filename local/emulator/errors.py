"""The errors with which AWS refuses a request."""

from contextvars import ContextVar
from typing import Any

# A list of the store's errors during one invocation of a function, if the invocation collects them.
STORE_TROUBLE: ContextVar[list[str] | None] = ContextVar("store_trouble", default=None)


class AwsError(Exception):
    """An error by its code, as botocore shows it in `error.response["Error"]["Code"]`."""

    def __init__(self, code: str, message: str, status: int = 400, **more: Any) -> None:
        """Answer with this HTTP status; `more` are further members of the answer besides code and message."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.more = more


def invalid(message: str) -> AwsError:
    """Make DynamoDB's ValidationException."""
    return AwsError("ValidationException", message)


def store_trouble(code: str, message: str, status: int) -> AwsError:
    """Make the error for a problem of this machine, which AWS would not have, and record it for the invocation."""
    found = STORE_TROUBLE.get()
    if found is not None:
        found.append(message)
    return AwsError(code, message, status)
