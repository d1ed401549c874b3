"""The memory of a channel, in the table of the deliveries: a JSON object under a key that only the channel reads.

It is written in one transaction with the delivery that it was decided for.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from pynamodb.exceptions import PutError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile
from jobs_api.model.delivery import Delivery
from jobs_api.store.conditions import was_refused
from jobs_api.store.deliveries import delivery_expiry, row_of_delivery
from jobs_api.store.delivery_rows import ChannelMemoryRow, DeliveryRow
from jobs_api.store.transactions import try_write_all

# Deliveries of the same storm write the same item.
CHANGING_ATTEMPTS: Final = 20


def memory_at(key: str) -> tuple[dict[str, Any], int]:
    """Return what a channel has written under one of its keys, and the version of that, from 0. One GetItem."""
    try:
        row = ChannelMemoryRow.get(key, consistent_read=True)
    except ChannelMemoryRow.DoesNotExist:
        return {}, 0
    return row.memory, int(row.version)


def change_memory(key: str, change: Callable[[dict[str, Any]], dict[str, Any]], now: datetime) -> None:
    """Change what a channel knows, also while others do. A GetItem and a PutItem, repeated only on a conflict.

    Raises:
        ChangedMeanwhile: others changed it first each time.
    """
    for _ in range(CHANGING_ATTEMPTS):
        known, version = memory_at(key)
        row, unchanged = _memory_row(key, change(known), version, now)
        try:
            row.save(condition=unchanged)
        except PutError as error:
            if not was_refused(error):
                raise
        else:
            return
    raise ChangedMeanwhile(f"{key} kept changing")


def record_decision(
    key: str, memory: dict[str, Any], version: int, delivery: Delivery, before: Delivery | None
) -> bool:
    """Write what a channel now knows, and the delivery it was decided for: both, or nothing. One transaction.

    Args:
        key: the channel's key; it begins with a word of the channel and `#`, and is not the id of a delivery.
        memory: a JSON object, what the channel knows from now on.
        version: the version that the decision was made on.
        delivery: as it was decided.
        before: as it was read, None where it is new.

    Returns:
        False where one of the two has changed meanwhile, so that the decision has to be repeated.
    """
    memory_row, unchanged = _memory_row(key, memory, version, delivery.updated_at)
    same = DeliveryRow.updated_at == before.updated_at if before else DeliveryRow.key.does_not_exist()

    def fill(transaction: TransactWrite) -> None:
        transaction.save(memory_row, condition=unchanged)
        transaction.save(row_of_delivery(delivery), condition=same)

    try:
        return try_write_all(fill)
    except ChangedMeanwhile:
        return False


def _memory_row(key: str, memory: dict[str, Any], version: int, now: datetime) -> tuple[ChannelMemoryRow, Condition]:
    """Return what a channel knows in its stored form, and the condition that the stored version is `version`."""
    row = ChannelMemoryRow(key, memory=memory, version=version + 1, expires_at=delivery_expiry(now))
    return row, ChannelMemoryRow.version == version if version else ChannelMemoryRow.key.does_not_exist()
