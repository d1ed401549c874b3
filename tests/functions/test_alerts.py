"""A run's notifications go to the targets that its job had when the run was created, whatever changes later."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.ingest import decision
from jobs_api.model.alert_targets import Event
from jobs_api.model.run import Run
from jobs_api.notifications import channels
from tests.functions.acme import Acme
from tests.notifications.test_outbox import received

ALERTS: dict[str, Any] = {
    "slack_alerts_enabled": True,
    "slack_channel": "#data",
    "webhook_enabled": True,
    "webhook_url": "https://hooks.example/jobs",
    "webhook_events": ["started", "failure"],
}
NONE: dict[str, Any] = {"slack_alerts_enabled": False, "webhook_enabled": False}
ALL_OF_A_FAILURE = {
    (Event.STARTED, "webhook"),
    (Event.FAILURE, "webhook"),
    (Event.FAILURE, "slack"),
}


def change(acme: Acme, settings: dict[str, Any]) -> None:
    answer = acme.alice.call("PUT", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}", settings)
    assert answer.status == 200, answer.text
    _, acme.job = store.get_job(acme.organization.id, acme.project.id, acme.job.id)


def run_once(acme: Acme, started_by: str, meanwhile: dict[str, Any]) -> Run:
    """Run a job whose process fails, and change its settings while it runs."""
    if started_by == "somebody":
        acme.triggered("exit 1")
        change(acme, meanwhile)
        acme.ingest()
        [job] = [job for page in acme.cluster.list_jobs(acme.organization.namespace, "") for job in page]
    else:
        job = acme.start("exit 1")
        # A pass does not yet record a Job that was created only just now; the next pass does.
        acme.skipped = decision.STARTS_WITHIN + timedelta(seconds=1)
        acme.ingest()
        change(acme, meanwhile)
    acme.wait_for_end(job)
    acme.ingest()
    return acme.only_run()


def due_deliveries(run: Run) -> set[tuple[Event, str]]:
    return {(notice.event, notice.channel) for notice in received() if notice.run_id == run.id}


@pytest.mark.parametrize("started_by", ["somebody", "its schedule"])
def test_alerts_that_are_switched_off_during_a_run_are_still_sent_for_it(acme: Acme, started_by: str) -> None:
    change(acme, ALERTS)

    assert due_deliveries(run_once(acme, started_by, NONE)) == ALL_OF_A_FAILURE


@pytest.mark.parametrize("started_by", ["somebody", "its schedule"])
def test_alerts_that_are_switched_on_during_a_run_begin_with_the_next_one(acme: Acme, started_by: str) -> None:
    assert due_deliveries(run_once(acme, started_by, ALERTS)) == set()


def test_a_triggered_run_sends_alerts_like_any_other(acme: Acme) -> None:
    change(acme, ALERTS)
    answer = acme.alice.call("POST", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}/trigger")

    run = store.get_run(acme.organization.id, answer.json["job_run_id"])

    assert run.alerts == channels.alerts_of(acme.project, acme.job)
    assert run.alerts
    assert run.alerts.targets["webhook"]["events"] == [Event.STARTED, Event.FAILURE]
