"""The write that changes a run also records its due deliveries, and these are queued from the run: none is lost."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.send_notifications import app
from jobs_api import store
from jobs_api.model.alert_targets import Event
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications import channels, queue
from jobs_api.notifications.alert_lookup import Asked
from jobs_api.notifications.queue import QueueMessage, publish, try_to_publish
from tests.calls_to_aws import note_operations
from tests.functions.people import ROOT, Person
from tests.notifications.notification_world import new_job, new_run
from tests.notifications.receivers import Receiver


@pytest.fixture
def job(jaffle: Project) -> Job:
    return new_job(
        jaffle,
        slack_channel="#data",
        slack_alerts_enabled=True,
        webhook_enabled=True,
        webhook_url="https://x.example/",
        webhook_events=["started", "failure"],
    )[0]


def received() -> list[QueueMessage]:
    client: Any = queue._client()
    messages: list[QueueMessage] = []
    while found := client.receive_message(
        QueueUrl=os.environ["NOTIFICATIONS_QUEUE"], MaxNumberOfMessages=10, VisibilityTimeout=3600
    ).get("Messages"):
        messages += [QueueMessage.of_json(message["Body"]) for message in found]
    return messages


def to_notify(run: Run) -> list[Run]:
    return list(store.runs_to_notify(run.organization_id))


def test_the_deliveries_due_are_written_with_the_runs_status(job: Job, jaffle: Project) -> None:
    run = new_run(job, jaffle, RunStatus.PENDING)
    assert to_notify(run) == []
    running = run.model_copy(update={"status": RunStatus.RUNNING})
    assert store.advance_run(run, running)

    [marked] = to_notify(run)

    assert marked.notify == [Event.STARTED]
    assert marked.status is RunStatus.RUNNING


def test_a_status_change_that_came_second_makes_no_delivery_due(job: Job, jaffle: Project) -> None:
    run = new_run(job, jaffle, RunStatus.PENDING)
    assert store.advance_run(run, run.model_copy(update={"status": RunStatus.RUNNING}))
    assert not store.advance_run(run, run.model_copy(update={"status": RunStatus.FAILED}))

    assert to_notify(run)[0].notify == [Event.STARTED]


def test_publishing_queues_a_message_for_each_channel_and_clears_the_mark(job: Job, jaffle: Project) -> None:
    received()
    run = new_run(job, jaffle, RunStatus.FAILED)

    assert publish(to_notify(run)) == 3

    assert {(notice.event, notice.channel) for notice in received() if notice.run_id == run.id} == {
        (Event.STARTED, "webhook"),
        (Event.FAILURE, "slack"),
        (Event.FAILURE, "webhook"),
    }
    assert to_notify(run) == []
    assert publish([]) == 0


def test_a_delivery_that_became_due_meanwhile_stays_on_the_run(job: Job, jaffle: Project) -> None:
    run = new_run(job, jaffle, RunStatus.RUNNING)
    [before] = to_notify(run)
    assert store.advance_run(before, before.model_copy(update={"status": RunStatus.FAILED}))

    publish([before])

    assert to_notify(run)[0].notify == [Event.STARTED, Event.FAILURE]


def test_a_process_that_dies_before_it_queued_leaves_the_mark(
    job: Job, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED)
    with monkeypatch.context() as dying:
        dying.setattr(queue, "_send", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(to_notify(run))

    assert publish(to_notify(run)) == 3


def test_a_process_that_dies_before_it_cleared_queues_the_same_deliveries_again(
    job: Job, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    received()
    run = new_run(job, jaffle, RunStatus.FAILED)
    with monkeypatch.context() as dying:
        dying.setattr(store, "run_notified", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish(to_notify(run))
    publish(to_notify(run))

    notices = [notice for notice in received() if notice.run_id == run.id]
    assert len(notices) == 6
    assert len(set(notices)) == 3


def test_deliveries_that_the_queue_refuses_stay_on_the_run_and_the_others_are_sent(
    job: Job, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, taken = (new_run(job, jaffle, RunStatus.FAILED) for _ in range(2))
    real = queue._client()

    class Choosy:
        def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - AWS's names
            good = [entry for entry in Entries if refused.id not in entry["MessageBody"]]
            bad = [{"Id": entry["Id"], "Code": "x", "SenderFault": False} for entry in Entries if entry not in good]
            if good:
                real.send_message_batch(QueueUrl=QueueUrl, Entries=good)
            return {"Failed": bad}

    monkeypatch.setattr(queue, "_client", Choosy)
    marked = [run for run in to_notify(refused) if run.id in {refused.id, taken.id}]

    assert try_to_publish(marked) == 0

    assert [run.id for run in to_notify(refused)] == [refused.id]


def test_many_runs_are_queued_ten_messages_at_a_time(job: Job, jaffle: Project) -> None:
    received()
    runs = [new_run(job, jaffle, RunStatus.FAILED) for _ in range(7)]

    publish(to_notify(runs[0]))

    ours = {run.id for run in runs}
    assert len([notice for notice in received() if notice.run_id in ours]) == 21


def test_a_scheduled_run_asks_what_its_job_says_when_it_is_first_seen(
    job: Job, jaffle: Project, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(alice.organization_id)
    run = new_run(job, jaffle, RunStatus.PENDING, alerts=None)
    seen = asked.of(run)

    assert seen == run.model_copy(update={"alerts": channels.alerts_of(jaffle, job)})
    later_calls = note_operations(monkeypatch)
    assert asked.of(run) == seen
    assert later_calls == []


def test_a_run_of_a_deleted_job_notifies_nobody(job: Job, jaffle: Project, alice: Person) -> None:
    store.delete_job(job, job.updated_at)
    run = new_run(job, jaffle, RunStatus.PENDING, alerts=None)

    assert Asked(alice.organization_id).of(run) is run


def test_the_function_sends_a_batch_side_by_side_and_returns_what_is_to_come_again(
    jaffle: Project, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: dict[str, int] = {}
    aside: list[str] = []
    monkeypatch.setattr(queue, "hide", hidden.__setitem__)
    monkeypatch.setattr(queue, "send_text_to_dead_letters", aside.append)
    good, _ = new_job(jaffle, "good", webhook_enabled=True, webhook_url=hook.url)
    bad, _ = new_job(jaffle, "bad", webhook_enabled=True, webhook_url="https://127.0.0.1.nip.invalid/")
    runs = {name: new_run(job, jaffle, RunStatus.FAILED) for name, job in (("good", good), ("bad", bad))}
    bodies = {
        name: QueueMessage(run.organization_id, run.id, Event.FAILURE, "webhook").json for name, run in runs.items()
    }
    bodies["unreadable"] = json.dumps({"what": "is this"})
    sample = json.loads((ROOT / "events" / "send_notifications.json").read_text())["Records"][0]
    records = [
        sample | {"messageId": name, "receiptHandle": f"handle of {name}", "body": body}
        for name, body in bodies.items()
    ]

    answer = app.lambda_handler({"Records": records}, None)  # type: ignore[arg-type]

    failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
    assert failed == {"bad"}
    assert aside == [bodies["unreadable"]]
    assert len(hook.received) == 1
    assert hidden.keys() == {"handle of bad"}
    assert 0 < hidden["handle of bad"] <= 30


def test_a_message_that_failed_because_of_the_service_is_retried_soon(
    job: Job, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: dict[str, int] = {}
    monkeypatch.setattr(queue, "hide", hidden.__setitem__)
    run = new_run(job, jaffle, RunStatus.FAILED)
    sample = json.loads((ROOT / "events" / "send_notifications.json").read_text())["Records"][0]
    body = QueueMessage(run.organization_id, run.id, Event.FAILURE, "webhook").json

    def throttled(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem")

    monkeypatch.setattr(app, "deliver", throttled)
    answer = app.lambda_handler({"Records": [sample | {"messageId": "one", "body": body}]}, None)  # type: ignore[arg-type]

    assert answer == {"batchItemFailures": [{"itemIdentifier": "one"}]}
    assert hidden == {sample["receiptHandle"]: 30}


def test_a_queue_that_is_down_too_hides_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "ChangeMessageVisibility")

    monkeypatch.setattr(queue, "hide", down)

    queue.try_to_hide("handle", 30)


def test_a_message_that_is_not_due_is_hidden_until_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hidden: list[tuple[str, int]] = []

    class Queue:
        def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
            assert QueueUrl
            hidden.append((ReceiptHandle, VisibilityTimeout))

    monkeypatch.setattr(queue, "_client", Queue)
    queue.hide("handle", 60)
    queue.hide("handle", -5)
    queue.hide("handle", int(timedelta(days=1).total_seconds()))

    assert hidden == [("handle", 60), ("handle", 0), ("handle", 43_000)]
