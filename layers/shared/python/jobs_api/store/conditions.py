"""Distinguishes a write whose condition was false from a write that failed."""

from pynamodb.exceptions import PynamoDBException


def was_refused(error: PynamoDBException) -> bool:
    """Return whether DynamoDB refused a write because its condition is false."""
    return code_of(error) == "ConditionalCheckFailedException"


def code_of(error: PynamoDBException) -> str | None:
    """Return DynamoDB's code for an error, None if DynamoDB did not answer.

    PynamoDB's `cause_response_code` fails for connection errors: these have a `response` that is None.
    """
    response = getattr(error.cause, "response", None) or {}
    code = response.get("Error", {}).get("Code")
    return str(code) if code else None
