"""Queues the notifications of runs, and only then clears `notify` on the runs.

Where the process dies between the two, the next pass finds `notify` and queues them again: that adds no deliveries.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Final

from jobs_api import store
from jobs_api.aws.clients import BotoCoreError, ClientError, client
from jobs_api.model.alert_targets import Event
from jobs_api.model.run import Run
from jobs_api.notifications import channels

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
ENTRIES_PER_CALL: Final = 10
CLEARERS: Final = 8
# SQS counts the twelve hours from when a message was received.
LONGEST_SLEEP_SECONDS: Final = 43_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueMessage:
    """A queue message: notify about this event of this run through this channel.

    It has the run itself only where no row has it: a slot was late before it had a run.
    """

    organization_id: str
    run_id: str
    event: Event
    channel: str
    run: Run | None = None

    @classmethod
    def of_json(cls, text: str) -> "QueueMessage":
        """Read a message; raises ValueError, KeyError, TypeError or RecursionError for any other text."""
        document = json.loads(text)
        if not isinstance(document["organization_id"], str) or not isinstance(document["run_id"], str):
            raise TypeError("ids are texts")
        channel = channels.named(document["channel"]).name
        run = Run.model_validate(document["run"]) if document.get("run") else None
        return cls(document["organization_id"], document["run_id"], Event(document["event"]), channel, run)

    @property
    def json(self) -> str:
        """The message's body."""
        ids = {name: getattr(self, name) for name in ("organization_id", "run_id", "event", "channel")}
        return json.dumps({**ids, "run": self.run.model_dump(mode="json")} if self.run else ids, ensure_ascii=False)


class QueueRejected(Exception):
    """The queue did not take every message; the runs of the others keep their `notify`."""


def publish(runs: Iterable[Run]) -> int:
    """Queue the notifications of these runs; return how many messages that were.

    Raises:
        QueueRejected: some runs keep their `notify`; what SQS raises: some may be queued and keep it too.
    """
    to_notify = list(runs)
    if not to_notify:
        return 0
    pairs = [(run, message) for run in to_notify for message in _messages(run)]
    rejected: set[str] = set()
    for some in batched(pairs, ENTRIES_PER_CALL, strict=False):
        rejected |= _send([message for _, message in some])
    with ThreadPoolExecutor(CLEARERS, thread_name_prefix="outbox") as pool:
        list(pool.map(store.run_notified, [run for run in to_notify if run.id not in rejected]))
    if rejected:
        raise QueueRejected(f"{len(rejected)} runs have notifications that were not queued")
    return len(pairs)


def try_to_publish(runs: Iterable[Run]) -> bool:
    """Do the same, but only log where the queue fails; return whether no `notify` is left."""
    try:
        publish(run for run in runs if run.notify)
    except (QueueRejected, BotoCoreError, ClientError):
        logger.warning("The queue did not take every notification; the next pass tries again", exc_info=True)
        return False
    return True


def queue(message: QueueMessage) -> None:
    """Queue one message."""
    _client().send_message(QueueUrl=os.environ["NOTIFICATIONS_QUEUE"], MessageBody=message.json)


def queue_unstored(run: Run, event: Event) -> None:
    """Queue the notifications about a run that no row has; twice makes no second delivery, as its id is the same.

    Raises:
        ClientError, BotoCoreError: the queue did not take all of them.
    """
    for channel in channels.channels_to_notify(run, event):
        queue(QueueMessage(run.organization_id, run.id, event, channel.name, run))


def send_to_dead_letters(message: QueueMessage) -> None:
    """Send a message to the dead letters, for which there is an alarm."""
    send_text_to_dead_letters(message.json)


def send_text_to_dead_letters(body: str) -> None:
    """Send a text that is no queue message to the dead letters."""
    _client().send_message(QueueUrl=os.environ["NOTIFICATIONS_DEAD_LETTERS"], MessageBody=body)


def hide(receipt_handle: str, seconds: int) -> None:
    """Let SQS deliver a received message again after so many seconds, up to twelve hours."""
    _client().change_message_visibility(
        QueueUrl=os.environ["NOTIFICATIONS_QUEUE"],
        ReceiptHandle=receipt_handle,
        VisibilityTimeout=max(0, min(seconds, LONGEST_SLEEP_SECONDS)),
    )


def try_to_hide(receipt_handle: str, seconds: int) -> None:
    """Do the same; where the queue fails, the message is only delivered again later."""
    try:
        hide(receipt_handle, seconds)
    except (BotoCoreError, ClientError):
        logger.warning("A message could not be hidden; it comes again after its visibility timeout", exc_info=True)


def _messages(run: Run) -> Iterator[QueueMessage]:
    for event in run.notify:
        for channel in channels.channels_to_notify(run, event):
            yield QueueMessage(run.organization_id, run.id, event, channel.name)


def _send(messages: list[QueueMessage]) -> set[str]:
    """Send up to ten messages; return the runs whose messages the queue did not take."""
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(at), "MessageBody": message.json} for at, message in enumerate(messages)
    ]
    answer = _client().send_message_batch(QueueUrl=os.environ["NOTIFICATIONS_QUEUE"], Entries=entries)
    return {messages[int(failed["Id"])].run_id for failed in answer.get("Failed", [])}


def _client() -> "SQSClient":
    return client("sqs")
