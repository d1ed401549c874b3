"""The queue of messages that wait until they are due, and the queue of its dead letters."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest

from functions.send_notifications import app
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import DeliveryStatus
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications import queue as outbox
from jobs_api.notifications.queue import QueueMessage
from tests.functions.people import ROOT
from tests.notifications.notification_world import Queue, new_job, new_run, stored
from tests.notifications.receivers import Receiver, answers


@pytest.fixture
def failed(jaffle: Project, hook: Receiver) -> Run:
    hook.always = answers(500)
    job, _ = new_job(jaffle, webhook_enabled=True, webhook_url=hook.url)
    return new_run(job, jaffle, RunStatus.FAILED)


def messages_of(run: Run, queue: str, **options: int) -> list[dict[str, Any]]:
    """Receive what there is of a run on a queue that all tests share."""
    client: Any = outbox._client()
    found: list[dict[str, Any]] = []
    while some := client.receive_message(QueueUrl=os.environ[queue], MaxNumberOfMessages=10, **options).get("Messages"):
        found += [message for message in some if run.id in message["Body"]]
    return found


def test_a_message_whose_receiver_failed_sleeps_on_the_queue_until_its_next_try(failed: Run) -> None:
    outbox.queue(QueueMessage(failed.organization_id, failed.id, Event.FAILURE, "webhook"))
    [message] = messages_of(failed, "NOTIFICATIONS_QUEUE", VisibilityTimeout=3600)
    sample = json.loads((ROOT / "events" / "send_notifications.json").read_text())["Records"][0]
    record = sample | {"receiptHandle": message["ReceiptHandle"], "body": message["Body"]}

    answer = app.lambda_handler({"Records": [record]}, None)  # type: ignore[arg-type]

    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert messages_of(failed, "NOTIFICATIONS_QUEUE") == []


def test_a_message_that_failed_for_a_day_is_with_the_dead_letters(queue: Queue, failed: Run) -> None:
    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")

    queue.deliver_due(until=timedelta(days=2))

    assert stored(delivery).status is DeliveryStatus.FAILED
    assert len(messages_of(failed, "NOTIFICATIONS_DEAD_LETTERS")) == 1


@pytest.mark.parametrize("body", ["x", "[]", "{}", "1", '{"organization_id": 1, "run_id": 2}', "[" * 100_000])
def test_a_foreign_message_goes_to_the_dead_letters_at_once(body: str) -> None:
    sample = json.loads((ROOT / "events" / "send_notifications.json").read_text())["Records"][0]
    client: Any = outbox._client()
    before = _waiting(client)

    answer = app.lambda_handler({"Records": [sample | {"body": body}]}, None)  # type: ignore[arg-type]

    assert answer == {"batchItemFailures": []}
    assert _waiting(client) == before + 1


def _waiting(client: Any) -> int:
    url = os.environ["NOTIFICATIONS_DEAD_LETTERS"]
    told = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(told["Attributes"]["ApproximateNumberOfMessages"])
