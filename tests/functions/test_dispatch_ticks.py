"""Every minute, each organization is to be looked at."""

import json
import time
from pathlib import Path
from typing import Any, cast

import botocore.client
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.dispatch_ticks.app import lambda_handler
from jobs_api import store
from jobs_api.aws.event_bus import EventsRejected
from tests.functions.people import Context, new_organization

EVENT = json.loads((Path(__file__).parents[2] / "events" / "dispatch_ticks.json").read_text())


class Bus:
    """What was put on the bus; it may refuse."""

    def __init__(self) -> None:
        self.calls: list[list[dict[str, str]]] = []
        self.refuses = False

    def put(self, entries: list[dict[str, str]]) -> dict[str, Any]:
        """Take events, or none of them."""
        self.calls.append(entries)
        return {"FailedEntryCount": len(entries) if self.refuses else 0, "Entries": []}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()
    ask = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def answer(client: Any, operation: str, arguments: Any) -> Any:
        return bus.put(arguments["Entries"]) if operation == "PutEvents" else ask(client, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
    return bus


def tick() -> None:
    lambda_handler(EVENT, cast("LambdaContext", Context()))


def test_every_organization_gets_one_event(bus: Bus) -> None:
    ours = {new_organization("ticked").id for _ in range(11)}
    tick()
    entries = [entry for call in bus.calls for entry in call]
    ticked = [json.loads(entry["Detail"])["organization_id"] for entry in entries]
    assert ours <= set(ticked)
    assert len(ticked) == len(set(ticked))
    assert {(entry["Source"], entry["DetailType"]) for entry in entries} == {("jobs-api", "OrganizationTick")}


def test_no_call_has_more_events_than_the_bus_takes(bus: Bus) -> None:
    for _ in range(11):
        new_organization("ticked")
    tick()
    assert max(len(call) for call in bus.calls) == 10


def test_a_bus_that_refuses_makes_lambda_try_again(bus: Bus) -> None:
    new_organization("ticked")
    bus.refuses = True
    with pytest.raises(EventsRejected):
        tick()


def test_ticks_may_come_more_often_than_the_minute(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    new_organization("ticked")
    waited: list[float] = []
    monkeypatch.setenv("TICKS_PER_MINUTE", "4")
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)

    tick()

    assert waited == [0, 15, 30, 45]
    ticked = [entry["Detail"] for call in bus.calls for entry in call]
    assert all(ticked.count(detail) == 4 for detail in ticked)


def test_a_tick_is_counted_even_before_there_is_an_organization(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    monkeypatch.setattr(store, "list_organizations", list)

    tick()

    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert [(figure["Ticks"], figure["TicksSent"], figure["service"]) for figure in figures] == [([1], [0], "jobs-api")]
    assert bus.calls == []
