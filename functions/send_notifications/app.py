"""Reads the queue of notifications: each message is one event of one run for one channel; sends or delays each."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from math import ceil
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    EventType,
    async_process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api.metrics import Metric, publish
from jobs_api.notifications import channels, queue
from jobs_api.notifications.deliver import deliver
from jobs_api.notifications.queue import QueueMessage

logger = Logger()
channels.load_senders()

# After how long a message comes again that could not be handled.
AGAIN_SECONDS = 30
# One for each message of a batch, so that a slow receiver does not delay the other messages.
side_by_side = ThreadPoolExecutor(10, thread_name_prefix="deliver")


class NotDone(Exception):
    """The message stays on the queue and comes again."""


async def send(record: SQSRecord) -> None:
    """Do what is due for one message; raises if it must come again."""
    await asyncio.get_running_loop().run_in_executor(side_by_side, _send, record)


def _send(record: SQSRecord) -> None:
    message = _read(record)
    if message is None:
        return
    try:
        look_again_at = deliver(message, lambda: datetime.now(UTC))
    except Exception:
        # Powertools counts it as a failure of the batch but does not log it.
        logger.exception("a notification could not be handled", message_id=record.message_id)
        publish({Metric.NOTIFICATION_ERRORS: 1})
        # A table throttles for seconds only; by itself the queue would deliver the message again after minutes.
        queue.try_to_hide(record.receipt_handle, AGAIN_SECONDS)
        raise
    if look_again_at is None:
        return
    # The visibility timeout of the message is the only record of when it comes again.
    queue.hide(record.receipt_handle, ceil((look_again_at - datetime.now(UTC)).total_seconds()))
    raise NotDone(f"again at {look_again_at:%H:%M:%S}")


def _read(record: SQSRecord) -> QueueMessage | None:
    """Read a message; one that is not ours goes to the dead letters at once, since no retry can help."""
    try:
        return QueueMessage.of_json(record.body)
    except (ValueError, KeyError, TypeError, RecursionError):
        logger.exception("a message makes no sense", message_id=record.message_id)
        queue.send_text_to_dead_letters(record.body)
        return None


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Send the messages of a batch in parallel; return those that must come again."""
    processor = AsyncBatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    failed: dict[str, Any] = dict(async_process_partial_response(event, send, processor, context))
    return failed
