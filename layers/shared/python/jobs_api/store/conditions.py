"""Tells a write whose condition did not hold from one that failed."""

from pynamodb.exceptions import PynamoDBException


def was_refused(error: PynamoDBException) -> bool:
    """Tell whether DynamoDB refused a write because its condition does not hold.

    PynamoDB's own `cause_response_code` breaks on errors of the connection: those have a `response` that is None.
    """
    response = getattr(error.cause, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "ConditionalCheckFailedException")
