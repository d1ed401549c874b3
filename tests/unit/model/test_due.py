"""Which deliveries a change of a run's status makes due."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.run import Run, RunStatus, StoredLog, TriggeredBy
from jobs_api.model.run_events import as_of, channels, happened, with_events
from jobs_api.model.sealed_webhook import SealedWebhook
from jobs_api.notifications.slack.target import SlackTarget
from jobs_api.notifications.webhook.target import WebhookTarget

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
SLACK = SlackTarget(channel="#data", failures=True, successes=False)
EVERYTHING = [Event.STARTED, Event.SUCCESS, Event.FAILURE]


def alerts(slack: SlackTarget | None = SLACK, events: list[Event] | None = None) -> RunAlerts:
    webhook = WebhookTarget(url="https://x.example", events=events, sealed=SealedWebhook()) if events else None
    kept = {"slack": slack and slack.model_dump(mode="json"), "webhook": webhook and webhook.model_dump(mode="json")}
    return RunAlerts.model_validate({"project_name": "jaffle", "project_type": "dbt", "job_name": "nightly", **kept})


def a_run(status: RunStatus = RunStatus.PENDING, told: RunAlerts | None = None, **values: object) -> Run:
    return Run(
        id="run_1",
        organization_id="org-acme",
        project_id="proj_1",
        job_id="job_1",
        job_name="jaffle-nightly-1",
        cronjob_name="jaffle-nightly",
        namespace="org-acme",
        job_type="build",
        status=status,
        triggered_by=TriggeredBy.SCHEDULED,
        created_at=NOON,
        updated_at=NOON,
        alerts=told or alerts(events=EVERYTHING),
        **values,
    )


CASES = {
    "a new run that waits": (None, a_run(), []),
    "it begins to run": (a_run(), a_run(RunStatus.RUNNING), ["started"]),
    "it succeeds": (a_run(RunStatus.RUNNING), a_run(RunStatus.SUCCESS), ["success"]),
    "it fails": (a_run(RunStatus.RUNNING), a_run(RunStatus.FAILED), ["failure"]),
    "it is killed": (a_run(RunStatus.RUNNING), a_run(RunStatus.ERROR), ["failure"]),
    "it was over before anybody saw it run": (a_run(), a_run(RunStatus.SUCCESS), ["started", "success"]),
    "it was over before anybody saw it at all": (None, a_run(RunStatus.FAILED), ["started", "failure"]),
    "it never started": (a_run(), a_run(RunStatus.ERROR), ["failure"]),
    "it was killed before anybody saw it run": (None, a_run(RunStatus.ERROR, exit_code=137), ["started", "failure"]),
    "its pod was lost, with its log": (
        None,
        a_run(RunStatus.ERROR, log=StoredLog(key="k", size_bytes=1)),
        ["started", "failure"],
    ),
    "nothing has changed": (a_run(RunStatus.RUNNING), a_run(RunStatus.RUNNING), []),
    "the start is not told yet": (
        a_run(RunStatus.RUNNING, notify=["started"]),
        a_run(RunStatus.SUCCESS, notify=["started"]),
        ["started", "success"],
    ),
    "webhooks want successes only": (None, a_run(RunStatus.FAILED, alerts(None, [Event.SUCCESS])), []),
    "Slack does not care that it starts": (a_run(), a_run(RunStatus.RUNNING, alerts()), []),
    "Slack is asked about a success, which may be the recovery": (
        a_run(),
        a_run(RunStatus.SUCCESS, alerts()),
        ["success"],
    ),
    "Slack wants successes only": (
        a_run(),
        a_run(RunStatus.FAILED, alerts(SlackTarget(channel="#data", failures=False, successes=True))),
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_which_deliveries_a_change_of_status_makes_due(name: str) -> None:
    before, after, expected = CASES[name]

    assert with_events(before, after).notify == expected


def test_without_alerts_nothing_is_due() -> None:
    run = a_run(RunStatus.FAILED).model_copy(update={"alerts": None})

    assert with_events(None, run).notify == []
    assert channels(run, Event.FAILURE) == []


@given(st.lists(st.sampled_from(RunStatus), min_size=1, max_size=5))
def test_computing_the_due_events_twice_adds_nothing(statuses: list[RunStatus]) -> None:
    for old, new in pairwise([None, *statuses]):
        before = a_run(old) if old else None
        once = with_events(before, a_run(new or RunStatus.PENDING))
        assert with_events(before, once) == once


def test_each_channel_is_notified_of_its_own_events() -> None:
    told = a_run(RunStatus.FAILED).model_copy(update={"alerts": alerts(events=[Event.FAILURE])})

    assert channels(told, Event.STARTED) == []
    assert channels(told, Event.SUCCESS) == ["slack"]
    assert channels(told, Event.FAILURE) == ["slack", "webhook"]


def test_only_channels_that_list_cancelled_are_notified_of_a_cancelled_run() -> None:
    cancelled = a_run(RunStatus.CANCELLED)
    as_usual = cancelled.model_copy(update={"alerts": alerts(events=[Event.SUCCESS, Event.FAILURE])})
    listed = cancelled.model_copy(update={"alerts": alerts(events=[Event.CANCELLED])})

    assert happened(a_run(RunStatus.RUNNING), cancelled) == [Event.CANCELLED]
    assert channels(as_usual, Event.CANCELLED) == []
    assert channels(listed, Event.CANCELLED) == ["webhook"]


def test_an_attempt_with_a_next_one_is_notified_only_where_its_event_is_listed() -> None:
    told = alerts(events=[Event.FAILURE])
    failed = a_run(RunStatus.FAILED).model_copy(update={"alerts": told, "retried_as": "run_second"})

    assert channels(failed, Event.FAILURE) == ["webhook"]
    assert with_events(a_run(RunStatus.RUNNING), failed).notify == [Event.FAILURE]
    only_slack = failed.model_copy(update={"alerts": alerts(events=[])})
    assert with_events(a_run(RunStatus.RUNNING), only_slack).notify == []


def test_the_notification_of_a_start_hides_how_the_run_ended() -> None:
    ended = a_run(
        RunStatus.FAILED, start_time=NOON, end_time=NOON, duration_seconds=0.0, exit_code=1, error_message="x"
    )

    ended = ended.model_copy(update={"cancel_requested_at": NOON, "cancel_reason": "x"})

    seen = as_of(ended, Event.STARTED).document().model_dump(mode="json")

    assert seen["status"] == "running"
    hidden = {"end_time", "duration_seconds", "exit_code", "error_message", "cancel_requested_at", "cancel_reason"}
    assert not hidden & seen.keys()
    assert as_of(ended, Event.FAILURE) is ended
