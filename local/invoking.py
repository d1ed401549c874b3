"""Lambda's asynchronous invocation: events are queued, retried when they fail, and at last sent to a dead letter queue.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from local.functions import Functions, HandlerFailed
from local.template import Template

_DEFAULT_RETRIES = 2
# How many events of one function run at a time if the template sets no limit.
_CONCURRENCY = 4


@dataclass(frozen=True)
class _Settings:
    retries: int
    destination_arn: str | None


class AsynchronousInvoker:
    """Invokes functions with events, without waiting for them."""

    def __init__(self, template: Template, functions: Functions, retry_seconds: float) -> None:
        """Retry a failed event after `retry_seconds`, and again after twice that (in the cloud one and two minutes)."""
        self._functions = functions
        self._retry_seconds = retry_seconds
        self._queues = {
            function.spec.name: ThreadPoolExecutor(function.spec.reserved_concurrency or _CONCURRENCY)
            for function in functions
        }
        self._settings = {
            config.properties["FunctionName"]: _Settings(
                config.properties.get("MaximumRetryAttempts", _DEFAULT_RETRIES),
                config.properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
            )
            for config in template.resources("AWS::Lambda::EventInvokeConfig")
        }
        self._changed = threading.Condition()
        self._pending = 0
        self._timers: set[threading.Timer] = set()
        self._stopped = False

    def submit(self, function: str, event: dict[str, Any]) -> None:
        """Queue an event for a function, given by its name or ARN."""
        self._queue(function, event, str(uuid.uuid4()), attempt=0)

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is queued or runs, retries excepted; return False on a time-out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._pending == 0 or self._stopped, timeout_seconds)

    def stop(self) -> None:
        """Drop queued events, and do not wait for running ones."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            timers, self._timers = self._timers, set()
        for timer in timers:
            timer.cancel()
        for queue in self._queues.values():
            queue.shutdown(wait=False, cancel_futures=True)

    def _queue(self, function: str, event: dict[str, Any], request_id: str, attempt: int) -> None:
        with self._changed:
            if self._stopped:
                return
            self._pending += 1
            queue = self._queues[self._functions[function].spec.name]
            queue.submit(self._run, function, event, request_id, attempt)

    def _run(self, function: str, event: dict[str, Any], request_id: str, attempt: int) -> None:
        try:
            self._functions[function].invoke(event, request_id=request_id)
        except HandlerFailed as error:
            self._failed(function, event, request_id, attempt, error)
        finally:
            with self._changed:
                self._pending -= 1
                self._changed.notify_all()

    def _failed(
        self, function: str, event: dict[str, Any], request_id: str, attempt: int, error: HandlerFailed
    ) -> None:
        spec = self._functions[function].spec
        settings = self._settings.get(spec.name, _Settings(_DEFAULT_RETRIES, None))
        if attempt < settings.retries:
            self._later(self._retry_seconds * (attempt + 1), function, event, request_id, attempt + 1)
            return
        if spec.dead_letter_arn:
            _send(spec.dead_letter_arn, event)
        if settings.destination_arn:
            context = {"requestId": request_id, "functionArn": spec.arn, "approximateInvokeCount": attempt + 1}
            payload = {"errorType": error.error_type, "errorMessage": error.message}
            _send(
                settings.destination_arn,
                {"requestContext": context, "requestPayload": event, "responsePayload": payload},
            )

    def _later(self, seconds: float, *arguments: Any) -> None:
        def run() -> None:
            with self._changed:
                self._timers.discard(timer)
            self._queue(*arguments)

        timer = threading.Timer(seconds, run)
        timer.daemon = True
        with self._changed:
            if not self._stopped:
                self._timers.add(timer)
                timer.start()


def _send(queue_arn: str, message: dict[str, Any]) -> None:
    import boto3  # noqa: PLC0415  # after the transport to moto is installed

    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))
