"""A cancelled run is only sent to webhooks that list it, and does not change the job's streak."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.alert_targets import Event
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications import queue
from tests.functions.acme import Acme
from tests.functions.test_alerts import ALERTS, change, due_deliveries
from tests.functions.test_cancel_run import cancel, ended, going


@pytest.mark.parametrize("launched", [True, False])
def test_nobody_is_alerted_of_a_cancelled_run(acme: Acme, launched: bool) -> None:  # noqa: FBT001 - a parameter
    change(acme, {**ALERTS, "slack_alert_on_success": True, "webhook_events": ["success", "failure"]})
    run = going(acme)[1] if launched else acme.triggered()

    cancel(acme, run)

    assert ended(acme, run).status is RunStatus.CANCELLED
    assert due_deliveries(run) == set()


@pytest.mark.parametrize("launched", [True, False])
def test_a_webhook_that_lists_cancelled_gets_it_once(acme: Acme, launched: bool) -> None:  # noqa: FBT001 - a parameter
    change(acme, {**ALERTS, "webhook_events": ["cancelled"]})
    run = going(acme)[1] if launched else acme.triggered()

    cancel(acme, run)
    ended(acme, run)
    # Each pass queues the deliveries that other functions have made due.
    queue.try_to_publish(store.runs_to_notify(acme.organization.id))

    assert due_deliveries(run) == {(Event.CANCELLED, "webhook")}
    assert list(store.runs_to_notify(acme.organization.id)) == []


def test_a_cancelled_run_neither_breaks_nor_lengthens_a_streak(acme: Acme) -> None:
    ends = ["success", "failed", "cancelled", "failed", "cancelled"]
    runs = [_ended_as(acme, status, minutes) for minutes, status in enumerate(ends)]

    streak = store.streak_before(runs[-1])

    assert (streak.failures, streak.succeeded_at) == (2, runs[0].end_time)


def _ended_as(acme: Acme, status: str, minutes: int) -> Run:
    at = acme.now() + timedelta(minutes=minutes)
    ended: dict[str, Any] = {"status": RunStatus(status), "created_at": at, "end_time": at, "launch": None}
    run = acme.triggered(**ended)
    return store.get_run(acme.organization.id, run.id)
