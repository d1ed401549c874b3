"""Repeats a transaction that collided with another one, and reports which condition was false."""

import random
import time
from collections.abc import Callable

from pynamodb.exceptions import TransactWriteError
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile
from jobs_api.store.rows import connection

ATTEMPTS = 6
# The longest first wait after a collision; it doubles each time. Other transactions end within milliseconds.
FIRST_WAIT_SECONDS = 0.02
# Why DynamoDB cancels a transaction that may be written a moment later; none of its writes was done. It collided with
# another one on an item, or a partition had more writes than it takes: only a whole refused request is repeated by the
# client.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


class ConditionFailed(Exception):
    """A transaction wrote nothing; `at` has the positions of the writes whose condition was false.

    Positions follow the order in which PynamoDB sends writes: condition checks, deletions, puts, updates. `writes` is
    their number.
    """

    def __init__(self, at: frozenset[int], writes: int) -> None:
        super().__init__(f"conditions at {sorted(at)} of {writes} failed")
        self.at = at
        self.writes = writes


def write_all(fill: Callable[[TransactWrite], None]) -> None:
    """Write everything that `fill` puts into the transaction, or nothing.

    Raises:
        ConditionFailed: a condition of one of the writes is false.
        ChangedMeanwhile: other transactions on the same items came first in every try.
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
            if not _PASSING & {*codes}:
                raise
            time.sleep(random.uniform(0, FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311 - it spreads load
        else:
            return
    raise ChangedMeanwhile("Somebody else is changing the same thing; try again")


def try_write_all(fill: Callable[[TransactWrite], None]) -> bool:
    """Write as `write_all` does, but return False where a condition is false; raises ChangedMeanwhile as it does."""
    try:
        write_all(fill)
    except ConditionFailed:
        return False
    return True
