"""SQS on SQLite: standard queues, with delays, visibility and dead letters.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

import hashlib
import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.database import Database
from local.emulator.errors import AwsError

_BATCH = 10
_MESSAGE_BYTES = 1024 * 1024
_DELAY_SECONDS = 900
# AWS's defaults for a queue's attributes.
_DEFAULTS = {
    "VisibilityTimeout": 30,
    "DelaySeconds": 0,
    "MessageRetentionPeriod": 345_600,
    "ReceiveMessageWaitTimeSeconds": 0,
}
# How often a waiting receiver checks for messages from other processes.
_LOOK_SECONDS = 0.5
# A process that holds the store sends every message itself, and only its clock may jump.
_LOOK_AGAIN_SECONDS = 5.0
_COUNTS = """
SELECT
  count(*) FILTER (WHERE visible_at <= ?1),
  count(*) FILTER (WHERE visible_at > ?1 AND receipt IS NOT NULL),
  count(*) FILTER (WHERE visible_at > ?1 AND receipt IS NULL)
FROM messages WHERE queue = ?2
"""

type Request = Mapping[str, Any]


class SQS:
    """The queues of a database; a queue's `attributes` are those of CreateQueue."""

    def __init__(
        self,
        database: Database,
        url: Callable[[], str],
        clock: Callable[[], float] = time.time,
        arrives_seconds: float = 0.0,
    ) -> None:
        """Start without queues; their addresses begin with `url()`. A message arrives after `arrives_seconds`."""
        self._database = database
        self._url = url
        self._clock = clock
        self._arrives_seconds = arrives_seconds
        self._queues: dict[str, dict[str, Any]] = {}
        self._arns: dict[str, str] = {}
        self._sent = threading.Condition()
        self._closed = False

    def install(self, name: str, arn: str, attributes: Mapping[str, Any]) -> None:
        """Create a queue, or keep its messages if it exists."""
        self._queues[name] = {**_DEFAULTS, **attributes, "QueueArn": arn}
        self._arns[arn] = name

    def close(self) -> None:
        """End the wait of every receiver."""
        with self._sent:
            self._closed = True
            self._sent.notify_all()

    def await_message(self, name: str, stopped: threading.Event) -> None:
        """Return once a queue has a message to receive, or soon after `stopped` was set and `wake` called."""
        with self._sent:
            while not stopped.is_set() and (left := self._until_visible(name, _LOOK_AGAIN_SECONDS)) > 0:
                self._sent.wait(left)

    def wake(self) -> None:
        """Let every waiting thread look again at what it waits for."""
        with self._sent:
            self._sent.notify_all()

    def __call__(self, operation: str, request: Request) -> dict[str, Any]:  # noqa: PLR0911 - an answer for each kind
        """Run an operation by its name; raises AwsError where SQS would refuse it."""
        match operation:
            case "SendMessage":
                return self._send(self._queue_name(request), [request])[0]
            case "SendMessageBatch":
                return self._send_batch(request)
            case "ReceiveMessage":
                return self._receive(self._queue_name(request), request)
            case "DeleteMessage":
                self._delete(self._queue_name(request), [request["ReceiptHandle"]])
                return {}
            case "DeleteMessageBatch":
                self._delete(self._queue_name(request), [each["ReceiptHandle"] for each in request["Entries"]])
                return {"Successful": [{"Id": each["Id"]} for each in request["Entries"]], "Failed": []}
            case "ChangeMessageVisibility":
                self._hide(self._queue_name(request), request["ReceiptHandle"], request["VisibilityTimeout"])
                return {}
            case "PurgeQueue":
                with self._database.writing() as connection:
                    connection.execute("DELETE FROM messages WHERE queue = ?", (self._queue_name(request),))
                return {}
        return self._described(operation, request)

    def _described(self, operation: str, request: Request) -> dict[str, Any]:
        match operation:
            case "GetQueueUrl":
                return {"QueueUrl": self._address(self._existing(request["QueueName"]))}
            case "ListQueues":
                prefix = request.get("QueueNamePrefix", "")
                return {"QueueUrls": [self._address(name) for name in self._queues if name.startswith(prefix)]}
            case "GetQueueAttributes":
                return {"Attributes": self._attributes(self._queue_name(request), request.get("AttributeNames", []))}
        raise AwsError("InvalidAction", f"{operation} is not known to the laptop's SQS")

    def sweep(self) -> None:
        """Remove messages that are older than their queue's retention period."""
        with self._database.writing() as connection:
            for name, queue in self._queues.items():
                oldest = self._clock() - float(queue["MessageRetentionPeriod"])
                connection.execute("DELETE FROM messages WHERE queue = ? AND sent_at < ?", (name, oldest))

    def _send(self, queue: str, messages: list[Request]) -> list[dict[str, Any]]:
        now, rows, answers = self._clock(), [], []
        for message in messages:
            body, attributes = message["MessageBody"], json.dumps(message.get("MessageAttributes", {}))
            size = len(body.encode("utf-8", "surrogatepass")) + len(attributes)
            delay = message.get("DelaySeconds", self._queues[queue]["DelaySeconds"])
            if not body or size > _MESSAGE_BYTES:
                raise AwsError("InvalidParameterValue", f"A message has 1 to {_MESSAGE_BYTES} bytes, not {size}")
            if not 0 <= int(delay) <= _DELAY_SECONDS:
                raise AwsError("InvalidParameterValue", f"DelaySeconds must be 0 to {_DELAY_SECONDS}, not {delay}")
            identity = str(uuid.uuid4())
            rows.append((queue, identity, body, attributes, now, now + max(int(delay), self._arrives_seconds)))
            answers.append({"MessageId": identity, "MD5OfMessageBody": _md5(body)})
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT INTO messages (queue, id, body, attributes, sent_at, visible_at) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
        self.wake()
        return answers

    def _send_batch(self, request: Request) -> dict[str, Any]:
        entries = request["Entries"]
        identities = [each["Id"] for each in entries]
        if not 0 < len(entries) <= _BATCH:
            raise AwsError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", f"A batch has 1 to {_BATCH} messages")
        if len(set(identities)) != len(identities):
            raise AwsError("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", "Ids in a batch must differ")
        answers = self._send(self._queue_name(request), entries)
        done = [{"Id": identity, **answer} for identity, answer in zip(identities, answers, strict=True)]
        return {"Successful": done, "Failed": []}

    def _receive(self, queue: str, request: Request) -> dict[str, Any]:
        wait = float(request.get("WaitTimeSeconds", self._queues[queue]["ReceiveMessageWaitTimeSeconds"]))
        until = time.monotonic() + wait
        while True:
            messages = self._received(queue, request)
            left = until - time.monotonic()
            if messages or left <= 0 or self._closed:
                return {"Messages": messages} if messages else {}
            with self._sent:
                self._sent.wait(min(left, max(0.001, self._until_visible(queue, _LOOK_SECONDS))))

    def _until_visible(self, queue: str, at_most: float) -> float:
        with self._database.reading() as connection:
            (first,) = connection.execute("SELECT min(visible_at) FROM messages WHERE queue = ?", (queue,)).fetchone()
        return at_most if first is None else max(0.0, min(at_most, first - self._clock()))

    def _received(self, queue: str, request: Request) -> list[dict[str, Any]]:
        now, limit = self._clock(), min(_BATCH, int(request.get("MaxNumberOfMessages", 1)))
        visible = "SELECT id FROM messages WHERE queue = ? AND visible_at <= ? ORDER BY visible_at LIMIT ?"
        with self._database.reading() as connection:
            if connection.execute(visible, (queue, now, 1)).fetchone() is None:
                return []
        hidden = now + float(request.get("VisibilityTimeout", self._queues[queue]["VisibilityTimeout"]))
        with self._database.writing() as connection:
            self._move_to_dead_letters(connection, queue, now)
            found = connection.execute(visible, (queue, now, limit)).fetchall()
            rows = [(uuid.uuid4().hex, hidden, now, identity) for (identity,) in found]
            connection.executemany(
                "UPDATE messages SET receipt = ?, visible_at = ?, received = received + 1,"
                " first_received_at = coalesce(first_received_at, ?) WHERE id = ?",
                rows,
            )
            return [_message(connection, identity) for (identity,) in found]

    def _move_to_dead_letters(self, connection: sqlite3.Connection, queue: str, now: float) -> None:
        """Move messages that were received too often to the dead letter queue."""
        policy = json.loads(self._queues[queue].get("RedrivePolicy") or "{}")
        dead = self._arns.get(policy.get("deadLetterTargetArn", ""))
        if dead:
            connection.execute(
                "UPDATE messages SET queue = ?, received = 0, receipt = NULL"
                " WHERE queue = ? AND visible_at <= ? AND received >= ?",
                (dead, queue, now, int(policy["maxReceiveCount"])),
            )

    def _delete(self, queue: str, receipts: list[str]) -> None:
        with self._database.writing() as connection:
            connection.executemany(
                "DELETE FROM messages WHERE queue = ? AND receipt = ?", [(queue, receipt) for receipt in receipts]
            )

    def _hide(self, queue: str, receipt: str, seconds: float) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE messages SET visible_at = ? WHERE queue = ? AND receipt = ?",
                (self._clock() + float(seconds), queue, receipt),
            )
        self.wake()

    def _attributes(self, queue: str, wanted: list[str]) -> dict[str, str]:
        now = self._clock()
        with self._database.reading() as connection:
            visible, hidden, delayed = connection.execute(
                _COUNTS,
                (now, queue),
            ).fetchone()
        told = {
            **{name: str(value) for name, value in self._queues[queue].items()},
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(hidden),
            "ApproximateNumberOfMessagesDelayed": str(delayed),
        }
        return told if "All" in wanted else {name: told[name] for name in wanted if name in told}

    def _address(self, name: str) -> str:
        return f"{self._url()}/{self._queues[name]['QueueArn'].split(':')[4]}/{name}"

    def _queue_name(self, request: Request) -> str:
        return self._existing(str(request["QueueUrl"]).rpartition("/")[2])

    def _existing(self, name: str) -> str:
        if name not in self._queues:
            raise AwsError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        return name


def _message(connection: sqlite3.Connection, identity: str) -> dict[str, Any]:
    body, attributes, sent, receipt, received, first = connection.execute(
        "SELECT body, attributes, sent_at, receipt, received, first_received_at FROM messages WHERE id = ?", (identity,)
    ).fetchone()
    message = {
        "MessageId": identity,
        "ReceiptHandle": receipt,
        "MD5OfBody": _md5(body),
        "Body": body,
        "Attributes": {
            "SenderId": "AIDALOCAL",
            "SentTimestamp": str(int(sent * 1000)),
            "ApproximateReceiveCount": str(received),
            "ApproximateFirstReceiveTimestamp": str(int(first * 1000)),
        },
    }
    stated = json.loads(attributes)
    return {**message, "MessageAttributes": stated} if stated else message


def _md5(body: str) -> str:
    return hashlib.md5(body.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
