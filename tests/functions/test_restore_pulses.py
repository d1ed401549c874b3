"""Every minute, passes are requested for organizations whose pulse was lost."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.restore_pulses.app import lambda_handler
from jobs_api import store
from jobs_api.model.pulse import LOST_AFTER
from jobs_api.pulse.queue import QueueRefused
from jobs_api.store import pulses
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.people import Context, new_organization

EVENT = json.loads((Path(__file__).parents[2] / "events" / "restore_pulses.json").read_text())


class Queue:
    """A queue, which may refuse; it keeps the messages of each call."""

    def __init__(self) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.refuses = False

    def send(self, entries: list[dict[str, str]]) -> dict[str, Any]:
        """Take messages, or none of them."""
        self.calls.append([json.loads(entry["MessageBody"]) for entry in entries])
        return {"Failed": entries if self.refuses else []}

    @property
    def asked(self) -> list[str]:
        """The organizations of all messages."""
        return [message["organization_id"] for call in self.calls for message in call]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()

    def answer(call: Call) -> Any:
        return queue.send(call.arguments["Entries"]) if call.operation == "SendMessageBatch" else call.make()

    intercept_aws(monkeypatch, answer)
    return queue


def tick() -> None:
    lambda_handler(EVENT, cast("LambdaContext", Context()))


def pulsing(due_at: datetime) -> str:
    """Make an organization whose last pass has ended, and whose next one is due."""
    organization = pulses.begin_asked_pass(new_organization("pulsing").id, due_at, due_at)
    assert organization
    assert pulses.end_pass(organization, due_at, None)
    return organization.id


def test_an_organization_without_a_pulse_gets_one_request(queue: Queue) -> None:
    ours = {new_organization("new").id for _ in range(11)}

    tick()

    assert ours <= set(queue.asked)
    assert len(queue.asked) == len(set(queue.asked))
    assert max(map(len, queue.calls)) == 10  # as many as SQS takes


def test_an_organization_with_a_pulse_gets_no_request(queue: Queue) -> None:
    soon = pulsing(datetime.now(UTC) + timedelta(minutes=9))
    late = pulsing(datetime.now(UTC) - LOST_AFTER / 2)
    lost = pulsing(datetime.now(UTC) - LOST_AFTER * 2)

    tick()

    assert {soon, late, lost}.intersection(queue.asked) == {lost}


def test_a_running_pass_is_left_alone_until_it_must_be_dead(queue: Queue) -> None:
    now = datetime.now(UTC)
    going, dead = new_organization("going").id, new_organization("dead").id
    assert pulses.begin_asked_pass(going, now, now)
    assert pulses.begin_asked_pass(dead, now, now - pulses.BUSY_FOR - LOST_AFTER - timedelta(seconds=1))

    tick()

    assert {going, dead}.intersection(queue.asked) == {dead}


def test_a_queue_that_refuses_makes_lambda_try_again(queue: Queue) -> None:
    new_organization("new")
    queue.refuses = True

    with pytest.raises(QueueRefused):
        tick()


def test_a_tick_is_counted_even_before_there_is_an_organization(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    monkeypatch.setattr(store, "list_organizations", list)

    tick()

    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert [(figure["Ticks"], figure["Organizations"], figure["PulsesLost"]) for figure in figures] == [([1], [0], [0])]
    assert [(figure["SyncPasses"], figure["IngestPasses"]) for figure in figures] == [([0], [0])]
    assert queue.calls == []
