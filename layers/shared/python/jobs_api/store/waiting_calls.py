"""Counts how many calls of an organization wait at the same time, for its cluster or for receivers of webhooks.

Such a call occupies a function until somebody else answers. So their number is limited for each organization. An item
beside the idempotency records is a set with an entry for each call. The entry has the latest time at which it is valid,
in case its function dies and cannot remove it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from aws_lambda_powertools import Logger
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.exceptions import PynamoDBException, UpdateError
from pynamodb.expressions.condition import size

from jobs_api.errors import TooManyCalls
from jobs_api.ids import new_id
from jobs_api.store.attributes import time_text
from jobs_api.store.conditions import was_refused
from jobs_api.store.rows import REGION, Row, share_connection

# Longer than the 25 seconds after which Lambda ends a function.
LEASE: Final = timedelta(seconds=30)
WAITING_KEPT_FOR: Final = timedelta(hours=1)

logger = Logger()


class Waits(StrEnum):
    """The kinds of waiting calls, by what they wait for; each kind is counted separately."""

    TESTS = "test notifications"
    LIVE = "live calls"
    FOLLOWERS = "calls that follow a log"


AT_ONCE: Final = {Waits.TESTS: 5, Waits.LIVE: 15, Waits.FOLLOWERS: 15}


class WaitingCallsRow(Row):
    """The calls of an organization that wait for one thing; without any it has no set."""

    class Meta:
        table_name = os.environ["IDEMPOTENCY_TABLE"]
        region = REGION

    key = UnicodeAttribute(hash_key=True, attr_name="id")
    waiting = UnicodeSetAttribute(null=True)
    expiration = NumberAttribute()


share_connection(WaitingCallsRow)


@contextmanager
def waits(organization_id: str, kind: Waits, now: datetime) -> Iterator[None]:
    """Count a call while the block runs. One UpdateItem before and one after.

    Raises:
        TooManyCalls: the organization already has the greatest number; the block does not run.
    """
    row = WaitingCallsRow(f"calls#{organization_id}#{kind.name.lower()}")
    entry = f"{time_text(now + LEASE)}#{new_id()}"
    if not _enter(row, entry, kind, now):
        _remove_expired(row, now)
        if not _enter(row, entry, kind, now):
            raise TooManyCalls(
                f"{AT_ONCE[kind]} {kind} of this organization are waiting for an answer, as many as may be at once; "
                "try again once some have got it"
            )
    try:
        yield
    finally:
        _leave(row, entry)


def _enter(row: WaitingCallsRow, entry: str, kind: Waits, now: datetime) -> bool:
    """Add an entry unless the set is full. One UpdateItem."""
    count: Any = size(WaitingCallsRow.waiting)  # type: ignore[no-untyped-call]
    room = WaitingCallsRow.waiting.does_not_exist() | (count < AT_ONCE[kind])
    gone_at = int((now + WAITING_KEPT_FOR).timestamp())
    try:
        row.update([WaitingCallsRow.waiting.add({entry}), WaitingCallsRow.expiration.set(gone_at)], room)
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def _leave(row: WaitingCallsRow, entry: str) -> None:
    try:
        row.update([WaitingCallsRow.waiting.delete({entry})])
    except PynamoDBException:
        # The call has its answer already, and the entry expires by itself.
        logger.warning("%s: a call that has ended counts for a while longer", row.key, exc_info=True)


def _remove_expired(row: WaitingCallsRow, now: datetime) -> None:
    """Remove the entries of calls whose function died."""
    try:
        known = WaitingCallsRow.get(row.key, consistent_read=True).waiting or set()
    except WaitingCallsRow.DoesNotExist:
        return
    if expired := {entry for entry in known if entry < time_text(now)}:
        row.update([WaitingCallsRow.waiting.delete(expired)])
