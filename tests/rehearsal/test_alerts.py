"""A job that fails is notified: from the pod's exit to Slack and to a webhook, whose signature is verified."""

from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.notifications.receivers import Received, Receiver
from tests.notifications.slack.fake_slack import Slack
from tests.rehearsal.conftest import Person
from tests.rehearsal.deployment import eventually

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def job(dora: Person, doras_project: str, hook: Receiver) -> dict[str, Any]:
    """A job that cannot succeed, with somebody who wants to know."""
    document = {
        "name": "doomed",
        "command": "dbt build --target nowhere",
        "schedule": "@yearly",
        "slack_alerts_enabled": True,
        "slack_channel": "#data",
        "webhook_enabled": True,
        "webhook_url": hook.url,
        "webhook_events": ["failure"],
        "webhook_headers": {"X-Tenant": "initech"},
    }
    answer = dora.call("POST", f"/projects/{doras_project}/jobs", document)
    assert answer.status == 201, answer
    created: dict[str, Any] = answer.json
    return created


@pytest.fixture(scope="module")
def failed(dora: Person, doras_project: str, job: dict[str, Any]) -> dict[str, Any]:
    """The run of it."""
    answer = dora.call("POST", f"/projects/{doras_project}/jobs/{job['id']}/trigger")
    assert answer.status == 202, answer

    def ended() -> Any:
        run = dora.call("GET", f"/runs/{answer.json['job_run_id']}").json
        return run if run["status"] not in {"pending", "running"} else None

    run: dict[str, Any] = eventually(ended)
    assert run["status"] == "failed", run
    return run


def test_the_webhook_arrives_signed_with_the_jobs_secret(
    job: dict[str, Any], failed: dict[str, Any], hook: Receiver
) -> None:
    request: Received = eventually(lambda: next(iter(hook.received), None))

    told = Webhook(job["webhook_secret"]).verify(request.body, request.headers)

    assert told["type"] == "run.failure"
    assert told["data"]["run"]["id"] == failed["id"]
    # The secret was stored encrypted and decrypted to sign this webhook.
    assert request.headers["x-tenant"] == "initech"


def test_slack_gets_a_message_from_the_organizations_own_bot(failed: dict[str, Any], slack: Slack) -> None:
    (message,) = eventually(lambda: slack.posted)

    assert (message["channel"], message["by"]) == ("#data", "Bearer xoxb-initech")
    assert "doomed" in message["text"]
    assert failed["id"] in str(message)


def test_delivered_notifications_can_be_listed(
    dora: Person, doras_project: str, job: dict[str, Any], failed: dict[str, Any]
) -> None:
    path = f"/projects/{doras_project}/jobs/{job['id']}/deliveries"

    def all_delivered() -> Any:
        told = dora.call("GET", path).json["deliveries"]
        return told if len(told) == 2 and {one["status"] for one in told} == {"delivered"} else None

    told = eventually(all_delivered)

    assert {one["channel"] for one in told} == {"slack", "webhook"}
    assert {one["run_id"] for one in told} == {failed["id"]}
