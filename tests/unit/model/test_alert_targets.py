"""A run's alert targets in the tables: each channel's target beside the names, for any set of channels."""

from typing import Any

import pytest
from pydantic import ValidationError

from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.run import RunStatus
from jobs_api.notifications.channels import channels_to_notify
from jobs_api.notifications.slack.target import SlackTarget
from jobs_api.notifications.webhook.target import WebhookTarget
from tests.unit.model.test_due import a_run

NAMES = {"project_name": "jaffle", "project_type": "dbt", "job_name": "nightly"}
SLACK = {"channel": "#data", "failures": True, "successes": False}
WEBHOOK = {"url": "https://x.example", "events": ["started"], "sealed": {"headers": None, "keys": []}}


def test_targets_of_older_versions_are_read_as_written() -> None:
    alerts = RunAlerts.model_validate({**NAMES, "slack": SLACK, "webhook": None})

    assert SlackTarget.of(alerts) == SlackTarget(channel="#data", failures=True, successes=False)
    assert WebhookTarget.of(alerts) is None
    assert alerts.channels(Event.SUCCESS) == ["slack"]


def test_older_versions_can_read_what_is_written() -> None:
    alerts = RunAlerts(**NAMES, targets={"slack": SLACK, "webhook": WEBHOOK})

    assert alerts.model_dump(mode="json") == {**NAMES, "slack": SLACK, "webhook": WEBHOOK}
    assert RunAlerts.model_validate(alerts.model_dump(mode="json")) == alerts


def test_an_unknown_channel_is_not_notified() -> None:
    newer = {"pager": {"events": ["failure"], "number": "110"}, "webhook": WEBHOOK}

    alerts = RunAlerts.model_validate({**NAMES, **newer})

    assert alerts.channels(Event.FAILURE) == ["pager"]
    run = a_run(RunStatus.FAILED).model_copy(update={"alerts": alerts})
    assert channels_to_notify(run, Event.FAILURE) == []
    assert [channel.name for channel in channels_to_notify(run, Event.STARTED)] == ["webhook"]
    assert alerts.model_dump(mode="json") == {**NAMES, **newer}, "and it is kept for the version that knows it"


@pytest.mark.parametrize("target", [{}, {"number": "110"}, {"failures": False, "successes": False}, {"events": []}])
def test_a_target_without_events_is_not_notified(target: dict[str, Any]) -> None:
    alerts = RunAlerts(**NAMES, targets={"pager": target})

    assert [alerts.channels(event) for event in Event] == [[]] * len(Event)


@pytest.mark.parametrize("target", ["#data", 1, ["#data"]])
def test_a_target_is_an_object(target: object) -> None:
    with pytest.raises(ValidationError):
        RunAlerts.model_validate({**NAMES, "slack": target})
