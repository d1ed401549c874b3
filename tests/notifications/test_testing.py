"""POST .../notifications/test: it sends a test to each configured channel and returns the receivers' answers."""

from typing import Any

import pytest

from jobs_api.model.project import Project
from tests.functions.people import Person
from tests.notifications.receivers import Receiver, answers, closes_half_way
from tests.notifications.slack.fake_slack import Slack

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}


def create(person: Person, project: Project, **settings: Any) -> str:
    created = person.call("POST", f"/api/v1/projects/{project.id}/jobs", BUILD | settings)
    assert created.status == 201, created.text
    return f"/api/v1/projects/{project.id}/jobs/{created.json['id']}/notifications/test"


def test_it_works(alice: Person, jaffle: Project, hook: Receiver, slack: Slack) -> None:
    path = create(alice, jaffle, slack_channel="#data", webhook_url=hook.url, webhook_headers={"X-Team": "data"})

    answer = alice.call("POST", path)

    assert answer.status == 200
    assert answer.json == {
        "slack": {"delivered": True, "status_code": 200},
        "webhook": {"delivered": True, "status_code": 200, "answer": "thanks"},
    }
    assert "This is a test" in slack.texts[0]
    [request] = hook.received
    assert request.json["type"] == "test"
    assert request.json["data"]["job"]["name"] == "build"
    assert request.headers["x-team"] == "data"
    assert request.headers["webhook-signature"].startswith("v1,")


def test_a_refused_test_shows_the_receivers_answer(
    alice: Person, jaffle: Project, hook: Receiver, slack: Slack
) -> None:
    hook.plans = [answers(403, b"who are you?")]
    slack.receiver.plans = [slack.says("not_in_channel")]

    answer = alice.call("POST", create(alice, jaffle, slack_channel="#data", webhook_url=hook.url))

    assert answer.json["webhook"] == {
        "delivered": False,
        "status_code": 403,
        "error": "the receiver answered 403",
        "answer": "who are you?",
    }
    assert answer.json["slack"]["delivered"] is False
    assert "/invite" in answer.json["slack"]["error"]


def test_a_receiver_that_does_not_answer_is_reported(alice: Person, jaffle: Project, hook: Receiver) -> None:
    hook.plans = [closes_half_way]

    answer = alice.call("POST", create(alice, jaffle, webhook_url=hook.url))

    assert answer.json["webhook"]["delivered"] is False
    assert "closed early" in answer.json["webhook"]["error"]
    assert "slack" not in answer.json


def test_a_host_that_leads_inside_is_refused(
    alice: Person, jaffle: Project, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create(alice, jaffle, webhook_url=hook.url)
    monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", "")

    assert "private, local or reserved" in alice.call("POST", path).json["webhook"]["error"]
    assert not hook.received


def test_a_job_with_nothing_configured_has_nothing_to_test(alice: Person, jaffle: Project) -> None:
    answer = alice.call("POST", create(alice, jaffle))

    assert (answer.status, answer.json["code"]) == (409, "conflict")


def test_a_reader_may_not_test(alice: Person, rita: Person, jaffle: Project) -> None:
    assert rita.call("POST", create(alice, jaffle, slack_channel="#data")).status == 403


def test_a_stranger_may_not_test(alice: Person, charlie: Person, jaffle: Project) -> None:
    assert charlie.call("POST", create(alice, jaffle, slack_channel="#data")).status == 404
