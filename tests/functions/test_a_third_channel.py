"""A new channel only needs to be registered; a run's failure is then sent through it."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.send_notifications import app
from jobs_api.clock import Clock
from jobs_api.model.alert_targets import Event, EventsTarget
from jobs_api.model.delivery import Delivery, delivery_id
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications import channels, queue
from jobs_api.notifications.attempt import Sent, TestResult
from jobs_api.notifications.queue import QueueMessage
from jobs_api.store import deliveries
from tests.functions.acme import Acme
from tests.functions.people import ROOT
from tests.notifications.test_outbox import received


class PagerTarget(EventsTarget):
    """The number of the pager that rings."""

    number: str


@dataclass
class Pager:
    """A channel to people's pagers: it is its own sender. A job says in its description whose rings at failures."""

    name: str = "pager"
    sends: str = "page"
    address_field: str = "description"
    answers: list[Sent] = field(default_factory=list)
    rung: list[tuple[str, str]] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def target(self, job: Job, /) -> PagerTarget | None:
        number = job.settings.description
        return PagerTarget(events=[Event.FAILURE], number=number) if number else None

    def sender(self) -> "Pager":
        return self

    def begin(self, delivery: Delivery, _: Run, now: datetime, lease: timedelta, /) -> Delivery | None:
        claimed = deliveries.claimed(delivery, now, lease)
        return claimed if deliveries.create(claimed) else None

    def resume(self, delivery: Delivery, now: datetime, lease: timedelta, /) -> Delivery | None:
        return deliveries.claim(delivery, now, lease)

    def send(self, delivery: Delivery, run: Run, _: Clock, /) -> Sent:
        self.rung.append((delivery.alerts.targets[self.name]["number"], run.id))
        return self.answers.pop() if self.answers else Sent(delivered=True, status_code=200)

    def gave_up(self, delivery: Delivery, _: datetime, /) -> None:
        self.given_up.append(delivery.id)

    def forget(self, _: str, /) -> None:
        """Remove nothing."""

    def test(self, _project: Project, job: Job, _now: datetime, /) -> TestResult:
        return TestResult(delivered=True, answer=f"rang {job.settings.description}")


@pytest.fixture
def pager(monkeypatch: pytest.MonkeyPatch) -> Pager:
    made = Pager()
    monkeypatch.setattr(channels, "CHANNELS", (*channels.CHANNELS, made))
    return made


@pytest.fixture
def path(acme: Acme) -> str:
    """The job, whose failures ring a pager."""
    made = f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}"
    answer = acme.alice.call("PUT", made, {"description": "+49 30 901820"})
    assert answer.status == 200, answer.text
    return made


def fail_once(acme: Acme) -> Run:
    job = acme.start("exit 1")
    acme.ingest()
    acme.wait_for_end(job)
    acme.ingest()
    return acme.only_run()


def work_through(messages: list[QueueMessage]) -> dict[str, Any]:
    """Hand messages to the function that sends, as the queue does."""
    sample = json.loads((ROOT / "events" / "send_notifications.json").read_text())["Records"][0]
    records = [sample | {"messageId": str(at), "body": message.json} for at, message in enumerate(messages)]
    return app.lambda_handler({"Records": records}, None)  # type: ignore[arg-type]


def test_a_failure_is_sent_through_a_channel_that_is_only_registered(acme: Acme, pager: Pager, path: str) -> None:
    run = fail_once(acme)
    messages = [message for message in received() if message.run_id == run.id]

    assert work_through(messages) == {"batchItemFailures": []}

    assert pager.rung == [("+49 30 901820", run.id)]
    [listed] = acme.alice.call("GET", f"{path}/deliveries").json["deliveries"]
    assert (listed["channel"], listed["event"], listed["status"]) == ("pager", "failure", "delivered")
    assert (listed["id"], listed["status_code"]) == (delivery_id(run.id, Event.FAILURE, "pager"), 200)


def test_a_failed_delivery_of_such_a_channel_is_listed_and_can_be_sent_again(
    acme: Acme, pager: Pager, path: str
) -> None:
    pager.answers = [Sent(error="nobody has this number", permanent=True)]
    run = fail_once(acme)
    work_through([message for message in received() if message.run_id == run.id])
    [failed] = acme.alice.call("GET", f"{path}/deliveries", query={"status": "failed"}).json["deliveries"]
    assert (failed["error"], pager.given_up) == ("nobody has this number", [failed["id"]])

    acme.alice.call("PUT", path, {"description": "+49 30 115"})
    again = acme.alice.call("POST", f"{path}/deliveries/{failed['id']}/redeliver")
    work_through([message for message in received() if message.run_id == run.id])

    assert (again.status, again.json["channel"]) == (202, "pager")
    assert pager.rung == [("+49 30 901820", run.id), ("+49 30 115", run.id)]


@pytest.mark.usefixtures("pager")
def test_a_test_of_notifications_tries_such_a_channel_too(acme: Acme, path: str) -> None:
    answer = acme.alice.call("POST", f"{path}/notifications/test")

    assert answer.status == 200, answer.text
    assert answer.json == {"pager": {"delivered": True, "answer": "rang +49 30 901820"}}


@pytest.mark.usefixtures("pager")
def test_a_test_without_any_address_lists_the_fields_for_addresses(acme: Acme) -> None:
    answer = acme.alice.call("POST", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}/notifications/test")

    assert answer.status == 409
    assert answer.json["message"].startswith("The job has neither a slack_channel nor a webhook_url")
    assert answer.json["message"].endswith(" nor a description; set one first")


@pytest.mark.usefixtures("pager")
def test_a_delivery_for_a_channel_of_a_newer_version_is_listed_and_not_sent(
    acme: Acme, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fail_once(acme)
    messages = [message for message in received() if message.run_id == run.id]
    work_through(messages)
    monkeypatch.setattr(channels, "CHANNELS", channels.CHANNELS[:-1])

    [listed] = acme.alice.call("GET", f"{path}/deliveries").json["deliveries"]
    again = acme.alice.call("POST", f"{path}/deliveries/{listed['id']}/redeliver")

    assert listed["channel"] == "pager"
    assert again.status == 409
    assert "sends nothing through 'pager'" in again.json["message"]
    assert queue.publish([run.model_copy(update={"notify": [Event.FAILURE]})]) == 0
    with pytest.raises(ValueError, match="'pager' is not a channel; there are slack, webhook"):
        QueueMessage.of_json(messages[0].json)
