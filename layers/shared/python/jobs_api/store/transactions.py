"""Runs a transaction again where it only collided with another, and tells which condition failed where one did."""

from collections.abc import Callable

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile
from jobs_api.store.tables import connection

ATTEMPTS = 4


class ConditionFailed(Exception):
    """A transaction wrote nothing; `at` has the positions of the writes whose condition did not hold.

    They count in the order in which PynamoDB sends them: condition checks, deletions, puts, updates.
    """

    def __init__(self, at: frozenset[int]) -> None:
        super().__init__(f"conditions at {sorted(at)} failed")
        self.at = at


def write_all(fill: Callable[[TransactWrite], None]) -> None:
    """Write everything that `fill` puts into the transaction, or nothing.

    Raises:
        ConditionFailed: a condition of one of the writes does not hold.
        ChangedMeanwhile: other transactions on the same items kept getting in first.
    """
    for _ in range(ATTEMPTS):
        try:
            with TransactWrite(connection=connection) as transaction:
                fill(transaction)
        except TransactWriteError as error:
            codes = [reason.code if reason else None for reason in error.cancellation_reasons]
            failed = frozenset(at for at, code in enumerate(codes) if code == "ConditionalCheckFailed")
            if failed:
                raise ConditionFailed(failed) from error
            # DynamoDB cancels one of two transactions that meet on an item; it is as if that one had never come.
            if "TransactionConflict" not in codes:
                raise
        else:
            return
    raise ChangedMeanwhile("Somebody else is changing the same thing; try again")
