"""Tells a write whose condition did not hold from one that failed."""

from pynamodb.exceptions import PynamoDBException


def was_refused(error: PynamoDBException) -> bool:
    """Tell whether DynamoDB refused a write because its condition does not hold."""
    return code_of(error) == "ConditionalCheckFailedException"


def code_of(error: PynamoDBException) -> str | None:
    """Return DynamoDB's code for an error, None where it did not answer.

    PynamoDB's own `cause_response_code` breaks on errors of the connection: those have a `response` that is None.
    """
    response = getattr(error.cause, "response", None) or {}
    code = response.get("Error", {}).get("Code")
    return str(code) if code else None
