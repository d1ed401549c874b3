"""Rules, schedules, retries and queues."""

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local import queues
from local.functions import Functions
from local.intrinsics import UnsupportedTemplate
from local.queues import QueueSource
from local.scheduler import Schedule, Scheduler
from local.template import Template
from tests.fast_moto.aws import create_resources
from tests.local.conftest import eventually
from tests.local.worker_events import SEEN

NOON = datetime(2026, 4, 28, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def scheduler(small_template: Template) -> Iterator[Scheduler]:
    """The small service at work; its minute takes 20 ms, so that retries come soon."""
    create_resources(small_template)
    with Scheduler(small_template, Functions(small_template.functions()), minute_seconds=0.02) as running:
        yield running


def put(detail: dict[str, Any], detail_type: str = "ThingChanged", bus: str = "laptop-bus") -> None:
    entry: Any = {"Source": "laptop", "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": bus}
    boto3.client("events").put_events(Entries=[entry])


class Lost:
    """The messages that have come to the dead letter queue."""

    def __init__(self) -> None:
        self._sqs = boto3.client("sqs")
        self._url = self._sqs.get_queue_url(QueueName="laptop-WasteQueue")["QueueUrl"]
        self._bodies: list[str] = []

    def has(self, text: str) -> bool:
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        self._bodies += [message["Body"] for message in messages]
        return any(text in body for body in self._bodies)


@pytest.fixture(scope="module")
def lost(scheduler: Scheduler) -> Lost:  # noqa: ARG001  # its queue is made there
    return Lost()


@pytest.mark.usefixtures("scheduler")
def test_an_event_reaches_the_function_whose_rule_it_matches() -> None:
    wanted, small, other = ({"size": size, "id": str(uuid.uuid4())} for size in (11, 10, 12))
    put(small)
    put(other, detail_type="OtherChanged")
    put(wanted)

    eventually(lambda: json.dumps(wanted) in SEEN)
    assert json.dumps(small) not in SEEN
    assert json.dumps(other) not in SEEN


@pytest.mark.usefixtures("scheduler")
def test_a_schedule_fires_again_and_again_with_its_input() -> None:
    eventually(lambda: SEEN.count('{"tick": true}') > 3)
    assert '{"never": true}' not in SEEN


def test_an_event_that_fails_comes_twice_more_and_then_goes_to_the_dead_letter_queue(lost: Lost) -> None:
    failing = {"size": 11, "fail": True, "id": str(uuid.uuid4())}
    put(failing)

    eventually(lambda: lost.has(str(failing["id"])))
    assert SEEN.count(json.dumps(failing)) == 3


def test_only_the_failed_messages_of_a_batch_come_again(lost: Lost) -> None:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="laptop-Queue")["QueueUrl"]
    good, bad = f"good-{uuid.uuid4()}", f"fail-{uuid.uuid4()}"
    for body in (good, bad):
        sqs.send_message(QueueUrl=url, MessageBody=body)

    eventually(lambda: lost.has(bad))
    assert (SEEN.count(good), SEEN.count(bad)) == (1, 2)


class FullQueue:
    """A queue that refuses twice, as on a full disk, before it hands out its one message."""

    def __init__(self, body: str) -> None:
        self.refusals = 2
        self.messages = [{"MessageId": "1", "ReceiptHandle": "1", "Body": body, "MD5OfBody": ""}]
        self.deleted = threading.Event()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "DiskFull"}}, "ReceiveMessage")
        messages, self.messages = self.messages, []
        return {"Messages": messages}

    def delete_message(self, **_: Any) -> None:
        self.deleted.set()


def test_a_queue_that_refuses_to_hand_out_messages_is_asked_again(
    small_template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, before = f"good-{uuid.uuid4()}", list[bool]()
    queue = FullQueue(body)
    monkeypatch.setattr(queues, "_REFUSED_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(boto3, "client", lambda _: queue)
    monkeypatch.setattr(queue, "get_queue_url", lambda **_: {"QueueUrl": "the queue"}, raising=False)
    (mapping,) = small_template.resources("AWS::Lambda::EventSourceMapping")
    functions = Functions(small_template.functions())
    source = QueueSource(mapping, functions, before_batch=lambda: before.append(body in SEEN))
    source.start()
    try:
        assert queue.deleted.wait(60)
    finally:
        source.stop()
    assert body in SEEN
    assert before == [False]


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(1 minute)", 2),
        ("rate(5 minutes)", 10),
        ("rate(1 hour)", 120),
        ("rate(1 day)", 2880),
        ("cron(0/15 * * * ? *)", 870),
        ("cron(0 13 ? * TUE *)", 3570),
        ("cron(0 13 ? * 3 *)", 3570),
    ],
)
def test_a_rate_is_sped_up_and_a_cron_keeps_to_the_clock(expression: str, seconds: float) -> None:
    schedule = Schedule(expression, minute_seconds=2)

    assert schedule.wait(NOON) == seconds
    assert schedule.first_wait(NOON) == (0 if expression.startswith("rate") else seconds)


@pytest.mark.parametrize(
    "expression", ["", "rate(one minute)", "cron(0 0 * * ?)", "cron(0 0 L * ? *)", "cron(0 0 * * ? 2027)"]
)
def test_a_schedule_that_is_not_understood_is_an_error(expression: str) -> None:
    with pytest.raises(UnsupportedTemplate):
        Schedule(expression, 2)
