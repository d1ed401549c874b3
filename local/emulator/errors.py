"""What AWS answers where it does not do what is asked."""

from contextvars import ContextVar
from typing import Any

# What kept the store from answering one invocation of a function; nobody listens where there is no list.
STORE_TROUBLE: ContextVar[list[str] | None] = ContextVar("store_trouble", default=None)


class AwsError(Exception):
    """An error by its code, as botocore shows it in `error.response["Error"]["Code"]`."""

    def __init__(self, code: str, message: str, status: int = 400, **more: Any) -> None:
        """Answer with this HTTP status; `more` are members of the answer beside code and message."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.more = more


def invalid(message: str) -> AwsError:
    """Make the error for a request that is not as DynamoDB wants it."""
    return AwsError("ValidationException", message)


def store_trouble(code: str, message: str, status: int) -> AwsError:
    """Make the error for what is no answer of AWS but the state of this machine, and note it for the invocation."""
    found = STORE_TROUBLE.get()
    if found is not None:
        found.append(message)
    return AwsError(code, message, status)
