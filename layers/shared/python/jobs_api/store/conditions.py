"""Distinguishes a write whose condition was false from a write that failed."""

from pynamodb.exceptions import PynamoDBException


def was_refused(error: PynamoDBException) -> bool:
    """Return whether DynamoDB refused a write because another writer was first.

    Its condition is false, or a transaction is writing the same item at that moment. In both cases nothing was
    written, and what was read is old.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
    """
    return code_of(error) in {"ConditionalCheckFailedException", "TransactionConflictException"}


def code_of(error: PynamoDBException) -> str | None:
    """Return DynamoDB's code for an error, None if DynamoDB did not answer.

    PynamoDB's `cause_response_code` fails for connection errors: these have a `response` that is None.
    """
    response = getattr(error.cause, "response", None) or {}
    code = response.get("Error", {}).get("Code")
    return str(code) if code else None
