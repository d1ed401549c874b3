"""Receivers that are slow or down: one delivery at a time tries them, and the others come back later.

Most receivers are neither and have no row, so that a delivery to them costs one read here.
"""

from datetime import datetime, timedelta
from typing import Final

from pynamodb.exceptions import PutError
from pynamodb.expressions.condition import Condition

from jobs_api.store.conditions import was_refused
from jobs_api.store.delivery_rows import ReceiverRow

FIRST_QUIET: Final = timedelta(seconds=10)
LONGEST_QUIET: Final = timedelta(minutes=10)
# When to try a slow receiver again.
ANSWER_OF_A_SLOW_ONE: Final = timedelta(seconds=5)
RECEIVER_KEPT_FOR: Final = timedelta(days=2)


def enter(receiver: str, now: datetime, lease: timedelta) -> tuple[datetime | None, bool]:
    """Ask to send to a receiver: until when that may not be tried, None for now; and whether it is one to `leave`.

    Args:
        receiver: organization, host and port.
        now: aware.
        lease: how long a send may take; if its sender dies, the next may try after that.
    """
    try:
        row = ReceiverRow.get(_key(receiver), consistent_read=True)
    except ReceiverRow.DoesNotExist:
        return None, False
    taken = row.free_at <= now and _save(
        receiver, now + lease, int(row.failures), now, ReceiverRow.free_at == row.free_at
    )
    if taken:
        return None, True
    # For a receiver that is down, the wait is known. A slow one may answer at any moment.
    return max(row.free_at, now) if row.failures else now + ANSWER_OF_A_SLOW_ONE, True


def leave(receiver: str) -> None:
    """Record that a receiver answers quickly again."""
    ReceiverRow(_key(receiver)).delete()


def slow(receiver: str, now: datetime) -> None:
    """Record that a receiver answers slowly: from now on it gets one delivery at a time."""
    _save(receiver, now, 0, now)


def record_slow(receiver: str, now: datetime, free_at: datetime) -> None:
    """Record that a receiver has not answered yet; nothing where it is known to be slow or down."""
    _save(receiver, free_at, 0, now, ReceiverRow.key.does_not_exist())


def down(receiver: str, now: datetime, *, known: bool) -> None:
    """Record that a receiver does not answer; the longer that lasts, the longer nothing is sent to it.

    Args:
        receiver: organization, host and port.
        now: aware.
        known: whether it was one to `leave`. Of many senders that find out at once, one counts.
    """
    try:
        row: ReceiverRow | None = ReceiverRow.get(_key(receiver), consistent_read=True)
    except ReceiverRow.DoesNotExist:
        row = None
    if row and row.failures and not known:
        return
    failures = int(row.failures) + 1 if row else 1
    quiet = min(FIRST_QUIET * (1 << min(failures - 1, 10)), LONGEST_QUIET)
    same = ReceiverRow.failures == row.failures if row else ReceiverRow.key.does_not_exist()
    _save(receiver, now + quiet, failures, now, same)


def _key(receiver: str) -> str:
    return f"receiver#{receiver}"


def _save(receiver: str, free_at: datetime, failures: int, now: datetime, condition: Condition | None = None) -> bool:
    expires_at = int((now + RECEIVER_KEPT_FOR).timestamp())
    try:
        ReceiverRow(_key(receiver), failures=failures, free_at=free_at, expires_at=expires_at).save(condition)
    except PutError as error:
        if not was_refused(error):
            raise
        return False
    return True
