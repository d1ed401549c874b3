"""GET .../deliveries and POST .../deliveries/{delivery_id}/redeliver."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery, DeliveryStatus, new_delivery
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications import queue
from jobs_api.store import deliveries
from tests.functions.people import NOON, Person
from tests.notifications.notification_world import new_job, new_run

DAY = timedelta(days=1)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def job(jaffle: Project) -> Job:
    return new_job(jaffle, slack_channel="#wrong", slack_alerts_enabled=True)[0]


def path(job: Job, delivery: Delivery | None = None) -> str:
    of_job = f"/api/v1/projects/{job.project_id}/jobs/{job.id}/deliveries"
    return f"{of_job}/{delivery.id}/redeliver" if delivery else of_job


def a_delivery(job: Job, project: Project, minute: int = 0, **values: Any) -> Delivery:
    at = NOON + timedelta(minutes=minute)
    run = new_run(job, project, RunStatus.FAILED, at)
    made = new_delivery(run, Event.FAILURE, "slack", at, DAY)
    made = made.model_copy(
        update={"status": DeliveryStatus.DELIVERED, "attempts": 1, "next_attempt_at": None, **values}
    )
    assert deliveries.create(made)
    return made


def refused(job: Job, project: Project) -> Delivery:
    return a_delivery(
        job,
        project,
        status=DeliveryStatus.FAILED,
        status_code=200,
        error="Slack says channel_not_found: there is no such channel",
    )


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[queue.QueueMessage]:
    messages: list[queue.QueueMessage] = []
    monkeypatch.setattr(queue, "queue", messages.append)
    return messages


def test_it_works(alice: Person, job: Job, jaffle: Project) -> None:
    delivery = refused(job, jaffle)

    answer = alice.call("GET", path(job))

    assert answer.status == 200
    assert answer.json == {
        "deliveries": [
            {
                "id": delivery.id,
                "project_id": jaffle.id,
                "job_id": job.id,
                "run_id": delivery.run_id,
                "channel": "slack",
                "event": "failure",
                "status": "failed",
                "attempts": 1,
                "status_code": 200,
                "error": "Slack says channel_not_found: there is no such channel",
                "created_at": "2026-04-28T12:00:00Z",
                "updated_at": "2026-04-28T12:00:00Z",
            }
        ]
    }


def test_a_job_without_deliveries_has_an_empty_list(alice: Person, job: Job) -> None:
    assert alice.call("GET", path(job)).json == {"deliveries": []}


def pages(person: Person, job: Job, **query: str) -> Iterator[list[str]]:
    """Yield the ids of each page, following the cursors to the end."""
    cursor: dict[str, str] = {}
    while True:
        answer = person.call("GET", path(job), query=query | cursor)
        assert answer.status == 200, answer.text
        yield [delivery["id"] for delivery in answer.json["deliveries"]]
        if "next_cursor" not in answer.json:
            return
        cursor = {"cursor": answer.json["next_cursor"]}


def test_the_newest_come_first_a_page_at_a_time(alice: Person, job: Job, jaffle: Project) -> None:
    made = [a_delivery(job, jaffle, minute).id for minute in range(5)]

    assert list(pages(alice, job, limit="2")) == [made[:2:-1], made[2:0:-1], made[:1]]


def test_a_filter_never_gives_an_empty_page_while_more_match(alice: Person, job: Job, jaffle: Project) -> None:
    failed = [a_delivery(job, jaffle, minute, status=DeliveryStatus.FAILED).id for minute in (0, 20)]
    for minute in range(1, 15):
        a_delivery(job, jaffle, minute)

    assert list(pages(alice, job, limit="1", status="failed")) == [[failed[1]], [failed[0]]]


def test_a_cursor_is_good_for_its_own_query_only(alice: Person, job: Job, jaffle: Project) -> None:
    for minute in range(3):
        a_delivery(job, jaffle, minute)
    cursor = alice.call("GET", path(job), query={"limit": "1"}).json["next_cursor"]

    answer = alice.call("GET", path(job), query={"cursor": cursor, "status": "failed"})

    assert (answer.status, answer.faulty_fields) == (422, ["cursor"])


@pytest.mark.parametrize(("name", "value"), [("status", "lost"), ("limit", "0"), ("limit", "501"), ("cursor", "x")])
def test_a_bad_parameter_is_a_422(alice: Person, job: Job, name: str, value: str) -> None:
    answer = alice.call("GET", path(job), query={name: value})

    assert (answer.status, answer.faulty_fields) == (422, [name])


def test_a_reader_may_list_deliveries(rita: Person, job: Job, jaffle: Project) -> None:
    a_delivery(job, jaffle)

    assert len(rita.call("GET", path(job)).json["deliveries"]) == 1


def test_a_stranger_can_neither_list_deliveries_nor_redeliver_one(charlie: Person, job: Job, jaffle: Project) -> None:
    delivery = a_delivery(job, jaffle)

    assert charlie.call("GET", path(job)).status == 404
    assert charlie.call("POST", path(job, delivery)).status == 404


def test_redelivering_queues_it_once_more_for_where_the_job_now_says(
    alice: Person, job: Job, jaffle: Project, queued: list[queue.QueueMessage]
) -> None:
    delivery = refused(job, jaffle)
    fixed = job.changed({"slack_channel": "#right"}, jaffle, NOON, lambda _: {})
    store.update_job(job, fixed)

    answer = alice.call("POST", path(job, delivery), at=LATER)

    assert answer.status == 202
    assert answer.json["status"] == "pending"
    assert answer.json["next_attempt_at"] == "2026-04-28T13:00:00Z"
    assert queued == [queue.QueueMessage(alice.organization_id, delivery.run_id, Event.FAILURE, "slack")]
    stored = deliveries.find(delivery.id)
    assert stored
    assert stored.alerts.targets["slack"]["channel"] == "#right"
    assert stored.give_up_at == LATER + DAY


def test_it_is_put_on_the_queue_that_feeds_the_sender(alice: Person, job: Job, jaffle: Project) -> None:
    delivery = refused(job, jaffle)
    alice.call("POST", path(job, delivery), at=LATER)

    assert delivery.run_id in {notice.run_id for notice in received()}


def test_a_delivery_that_is_being_sent_is_left_alone(
    alice: Person, job: Job, jaffle: Project, queued: list[queue.QueueMessage]
) -> None:
    delivery = a_delivery(
        job, jaffle, status=DeliveryStatus.SENDING, claim="somebody", claimed_until=LATER + timedelta(seconds=10)
    )

    assert alice.call("POST", path(job, delivery), at=LATER).status == 409
    assert queued == []


@pytest.mark.parametrize("delivery_id", ["dlv_madeup", "storms#x", "x" * 70])
def test_an_unknown_delivery_is_not_found(alice: Person, job: Job, delivery_id: str) -> None:
    answer = alice.call("POST", f"{path(job)}/{delivery_id}/redeliver")

    assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_another_jobs_delivery_is_not_found(alice: Person, job: Job, jaffle: Project) -> None:
    other, _ = new_job(jaffle, "other", slack_channel="#x", slack_alerts_enabled=True)

    assert alice.call("POST", path(job, a_delivery(other, jaffle))).status == 404


def test_a_reader_may_not_redeliver(rita: Person, job: Job, jaffle: Project) -> None:
    assert rita.call("POST", path(job, a_delivery(job, jaffle))).status == 403


def received() -> list[queue.QueueMessage]:
    """Take what is on the queue."""
    client: Any = queue._client()
    messages: list[queue.QueueMessage] = []
    url = os.environ["NOTIFICATIONS_QUEUE"]
    while found := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        messages += [queue.QueueMessage.of_json(message["Body"]) for message in found]
    return messages
