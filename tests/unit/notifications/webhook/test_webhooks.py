"""The content of webhooks, which any library for Standard Webhooks can verify."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from jobs_api.model.alert_targets import Event
from jobs_api.model.run import RunStatus
from jobs_api.notifications.webhook.payload import Named, body_of, headers
from jobs_api.notifications.webhook.payload import test_body as a_test_body
from tests.unit.model.test_due import a_run, alerts

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
KEY, OTHER_KEY = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))


def test_the_body_is_documented_and_versioned() -> None:
    run = a_run(
        RunStatus.FAILED,
        command="dbt build",
        start_time=NOON,
        end_time=NOON + timedelta(seconds=9),
        duration_seconds=9.0,
        exit_code=1,
    )

    assert json.loads(body_of(run, Event.FAILURE, alerts())) == {
        "type": "run.failure",
        "version": 1,
        "timestamp": "2026-04-28T12:00:09Z",
        "data": {
            "project": {"id": "proj_1", "name": "jaffle"},
            "job": {"id": "job_1", "name": "nightly"},
            "run": run.document().model_dump(mode="json"),
        },
    }


def test_the_body_says_where_a_person_sees_the_run() -> None:
    page = "https://jobs.example.com/console#/runs/run_1"

    assert json.loads(body_of(a_run(), Event.FAILURE, alerts(), page))["data"]["run_url"] == page
    assert "run_url" not in json.loads(body_of(a_run(), Event.FAILURE, alerts()))["data"]


def test_the_body_of_a_start_hides_how_the_run_ended() -> None:
    run = a_run(RunStatus.SUCCESS, start_time=NOON, end_time=NOON + timedelta(hours=1))

    body = json.loads(body_of(run, Event.STARTED, alerts()))

    assert (body["type"], body["timestamp"]) == ("run.started", "2026-04-28T12:00:00Z")
    assert body["data"]["run"]["status"] == "running"
    assert "end_time" not in body["data"]["run"]


def test_the_same_event_is_always_the_same_bytes() -> None:
    run = a_run(RunStatus.SUCCESS, end_time=NOON)

    assert body_of(run, Event.SUCCESS, alerts()) == body_of(run, Event.SUCCESS, alerts())


def test_a_receiver_verifies_it_with_a_library() -> None:
    now = datetime.now(UTC)
    body = a_test_body(Named(id="proj_1", name="jaffle"), Named(id="job_1", name="ünïcode"), now)

    signed = headers("dlv_1", body, [KEY], now)

    assert Webhook(KEY).verify(body, signed)["type"] == "test"
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_KEY).verify(body, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(body + b" ", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(body, signed | {"webhook-id": "dlv_2"})


def test_during_a_rotation_either_key_verifies() -> None:
    now = datetime.now(UTC)
    body = a_test_body(Named(id="p", name="p"), Named(id="j", name="j"), now)

    signed = headers("dlv_1", body, [OTHER_KEY, KEY], now)

    assert Webhook(KEY).verify(body, signed)
    assert Webhook(OTHER_KEY).verify(body, signed)
