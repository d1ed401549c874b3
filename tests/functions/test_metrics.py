"""The metrics of the dashboard match what happened."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.send_notifications import app as send_notifications
from jobs_api.cluster import Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.metrics import Metric, Tally
from jobs_api.notifications import queue
from jobs_api.pulse import passes as pulse_passes
from local.template import read
from tests.functions import passes
from tests.functions.acme import Acme
from tests.functions.people import ROOT, Context
from tests.functions.refusals import Refuse

type Figures = Callable[[], dict[str, float]]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Figures:
    """A function that adds up the metrics published since its last call."""
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    monkeypatch.setattr(pulse_passes, "_ended_well", Tally())

    def published() -> dict[str, float]:
        found: dict[str, float] = {}
        for line in capsys.readouterr().out.splitlines():
            written = json.loads(line) if "CloudWatchMetrics" in line else {}
            for name in written.keys() & set(Metric):
                found[name] = found.get(name, 0) + sum(written[name])
        return found

    return published


def sync(acme: Acme) -> None:
    passes.sync(acme.organization.id)


def ingest(acme: Acme) -> None:
    passes.ingest(acme.organization.id)


def edited_by_hand(acme: Acme) -> Object:
    live = acme.cluster.get_cronjob(acme.organization.namespace, acme.job.cronjob_name)
    return acme.cluster.replace_cronjob({**live, "spec": {**live["spec"], "schedule": "0 0 1 1 *"}})


def test_a_new_cronjob_is_a_change_and_no_drift(acme: Acme, figures: Figures) -> None:
    sync(acme)

    assert figures() == {"SyncPasses": 1, "SyncChanges": 1, "DriftRepaired": 0}


def test_an_edit_by_hand_is_drift(acme: Acme, figures: Figures) -> None:
    sync(acme)
    edited_by_hand(acme)
    figures()

    sync(acme)

    assert figures() == {"SyncPasses": 1, "SyncChanges": 1, "DriftRepaired": 1}


def test_ended_runs_are_counted_by_how_they_ended(acme: Acme, figures: Figures) -> None:
    acme.finish("true")
    acme.finish("exit 3")

    ingest(acme)

    counted = figures()
    assert counted.pop("IngestLagSeconds") < 60
    assert counted == {"RunsSucceeded": 1, "RunsFailed": 1, "IngestPasses": 1}


def test_a_run_counts_once(acme: Acme, figures: Figures) -> None:
    acme.finish("true")
    ingest(acme)
    figures()

    ingest(acme)

    assert figures() == {}


def test_passes_within_a_minute_share_one_log_line() -> None:
    tally, now = Tally(), datetime(2026, 4, 28, 12, tzinfo=UTC)

    told = [tally.count(now + timedelta(seconds=seconds)) for seconds in (0, 5, 10, 59, 60, 65, 200)]

    assert told == [1, 0, 0, 0, 4, 0, 2]


@pytest.mark.parametrize("handle", [sync, ingest])
def test_a_cluster_that_is_down_is_no_pass(
    acme: Acme, refuse: Refuse, figures: Figures, handle: Callable[[Acme], None]
) -> None:
    refuse("batch")

    with pytest.raises(ClusterUnavailable):
        handle(acme)

    assert figures() == {"ClusterErrors": 1}


def test_a_client_who_has_to_wait_for_the_cluster_counts_too(acme: Acme, refuse: Refuse, figures: Figures) -> None:
    refuse("batch")

    assert acme.alice.call("GET", "/api/v1/jobs").status == 503

    assert figures() == {"ClusterErrors": 1}


def test_the_dashboard_shows_every_figure_and_no_other() -> None:
    (dashboard,) = read(Path(ROOT / "template.yaml")).resources("AWS::CloudWatch::Dashboard")
    widgets = json.loads(dashboard.properties["DashboardBody"])["widgets"]
    shown: list[Any] = [metric for widget in widgets for metric in widget["properties"]["metrics"]]

    assert {name for namespace, name, *_ in shown if namespace == "jobs-api"} == set(Metric)


def test_a_notification_that_cannot_be_handled_is_counted_and_comes_again(
    figures: Figures, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_reach(_notice: object, _clock: object) -> None:
        raise ConnectionError("no table answers")

    (record,) = json.loads((ROOT / "events/send_notifications.json").read_text())["Records"]
    monkeypatch.setattr(send_notifications, "deliver", out_of_reach)

    answer = send_notifications.lambda_handler({"Records": [record]}, cast("LambdaContext", Context()))

    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert figures() == {"NotificationErrors": 1}
    assert "a notification could not be handled" in caplog.text


def test_one_that_is_put_to_sleep_is_no_error(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = json.loads((ROOT / "events/send_notifications.json").read_text())["Records"]
    monkeypatch.setattr(send_notifications, "deliver", lambda _notice, clock: clock() + timedelta(minutes=1))
    monkeypatch.setattr(queue, "hide", lambda _handle, _seconds: None)

    answer = send_notifications.lambda_handler({"Records": [record]}, cast("LambdaContext", Context()))

    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    assert figures() == {}
