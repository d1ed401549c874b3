"""Polls queues and invokes functions with their messages, as Lambda's event source mappings do.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.sqs import SQS
from local.functions import Functions, HandlerFailed
from local.intrinsics import REGION, UnsupportedTemplate
from local.template import Resource

# SQS's limit for one receive.
_RECEIVE_LIMIT = 10
_CONCURRENCY = 4
_EMPTY_WAIT_SECONDS = 0.25
# A queue on a full disk refuses to hand out messages, since it cannot note that.
_REFUSED_WAIT_SECONDS = 1.0


class QueueSource:
    """One event source mapping: invokes a function with batches of a queue's messages, and deletes those it handled."""

    def __init__(
        self,
        mapping: Resource,
        functions: Functions,
        emulated: SQS | None = None,
        before_batch: Callable[[], None] = lambda: None,
    ) -> None:
        """Read the mapping. `emulated` has the queue, and tells when there is a message; otherwise it is asked.

        `before_batch` is called before each invocation.

        Raises:
            UnsupportedTemplate: the mapping has a filter, or its source is not a queue.
        """
        properties = mapping.properties
        if "FilterCriteria" in properties or ":sqs:" not in properties["EventSourceArn"]:
            raise UnsupportedTemplate(f"{mapping.logical_id}: only queues without a filter feed functions here")
        self._arn = properties["EventSourceArn"]
        self._emulated = emulated
        self._before_batch = before_batch
        self._function = functions[properties["FunctionName"]]
        self._batch_size = min(_RECEIVE_LIMIT, properties.get("BatchSize", _RECEIVE_LIMIT))
        self._partial = "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", [])
        limit = int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 0))
        concurrency = self._function.spec.reserved_concurrency or limit or _CONCURRENCY
        self._free = threading.Semaphore(concurrency)
        self._threads = ThreadPoolExecutor(concurrency)
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name=mapping.logical_id, daemon=True)

    def start(self) -> None:
        """Start polling."""
        import boto3  # noqa: PLC0415  # after the transport to moto is installed

        self._sqs: Any = boto3.client("sqs")
        self._url = self._sqs.get_queue_url(QueueName=self._arn.rpartition(":")[2])["QueueUrl"]
        self._poller.start()

    def stop(self) -> None:
        """Stop polling, without waiting for a batch that is being handled."""
        self._stop.set()
        if self._emulated:
            self._emulated.wake()
        self._poller.join()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _poll(self) -> None:
        while not self._stop.is_set():
            # Wait for a free place before receiving: a received message must not wait until its visibility timeout is
            # over.
            if not self._free.acquire(timeout=_EMPTY_WAIT_SECONDS):
                continue
            try:
                messages = self._receive()
            except (BotoCoreError, ClientError):
                self._free.release()
                self._stop.wait(_REFUSED_WAIT_SECONDS)
                continue
            if messages:
                self._before_batch()
                self._threads.submit(self._handle, messages)
            else:
                self._free.release()
                self._wait()

    def _receive(self) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._batch_size,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        return received

    def _wait(self) -> None:
        if self._emulated:
            self._emulated.await_message(self._arn.rpartition(":")[2], self._stop)
        else:
            self._stop.wait(_EMPTY_WAIT_SECONDS)

    def _handle(self, messages: list[dict[str, Any]]) -> None:
        try:
            answer = self._function.invoke({"Records": [self._record(message) for message in messages]})
        except HandlerFailed:
            # Nothing is deleted: SQS delivers each message again after its visibility timeout, until the queue's
            # redrive.
            return
        finally:
            self._free.release()
        failed = self._failed(answer, messages)
        done = [message for message in messages if message["MessageId"] not in failed]
        for message in done:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _failed(self, answer: Any, messages: list[dict[str, Any]]) -> set[str]:
        """Return the ids of the messages that the function could not handle; a malformed answer means all of them."""
        if not self._partial or not answer:
            return set()
        ids = {message["MessageId"] for message in messages}
        try:
            failed = {item["itemIdentifier"] for item in answer.get("batchItemFailures") or []}
        except (AttributeError, KeyError, TypeError):
            return ids
        return ids if failed - ids else failed

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        attributes = {
            name: {key[:1].lower() + key[1:]: value for key, value in attribute.items()}
            for name, attribute in message.get("MessageAttributes", {}).items()
        }
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": REGION,
        }
