"""Runs a transaction again where it only collided with another, and tells which condition failed where one did."""

import random
import time
from collections.abc import Callable

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile
from jobs_api.store.tables import connection

ATTEMPTS = 6
# Who collided waits up to so long, and each time up to twice as long; the others are done within milliseconds.
FIRST_WAIT_SECONDS = 0.02


class ConditionFailed(Exception):
    """A transaction wrote nothing; `at` has the positions of the writes whose condition did not hold.

    They count in the order in which PynamoDB sends them: condition checks, deletions, puts, updates. `writes` is how
    many there were.
    """

    def __init__(self, at: frozenset[int], writes: int) -> None:
        super().__init__(f"conditions at {sorted(at)} of {writes} failed")
        self.at = at
        self.writes = writes


def write_all(fill: Callable[[TransactWrite], None]) -> None:
    """Write everything that `fill` puts into the transaction, or nothing.

    Raises:
        ConditionFailed: a condition of one of the writes does not hold.
        ChangedMeanwhile: other transactions on the same items kept getting in first.
    """
    for attempt in range(ATTEMPTS):
        try:
            with TransactWrite(connection=connection) as transaction:
                fill(transaction)
        except TransactWriteError as error:
            codes = [reason.code if reason else None for reason in error.cancellation_reasons]
            failed = frozenset(at for at, code in enumerate(codes) if code == "ConditionalCheckFailed")
            if failed:
                raise ConditionFailed(failed, len(codes)) from error
            # DynamoDB cancels one of two transactions that meet on an item; it is as if that one had never come.
            if "TransactionConflict" not in codes:
                raise
            time.sleep(random.uniform(0, FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311 - it spreads load
        else:
            return
    raise ChangedMeanwhile("Somebody else is changing the same thing; try again")
