"""Endpoints request passes: one message for each change, and a queue that fails makes no request fail."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jobs_api.model.carried_text import CarriedText
from jobs_api.model.project import Project
from jobs_api.pulse.queue import PulseMessage
from jobs_api.store import pulses
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.people import Person, new_organization

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}
NOW = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)

type Change = Callable[[Person, str, str], Any]
CHANGES: dict[str, tuple[Change, set[str]]] = {
    "create": (lambda alice, path, _: alice.call("POST", path, {**BUILD, "name": "more"}), {"job_id", "project_id"}),
    "update": (lambda alice, path, job: alice.call("PUT", f"{path}/{job}", {"schedule": "@hourly"}), {"job_id"}),
    "disable": (lambda alice, path, job: alice.call("PUT", f"{path}/{job}", {"enabled": False}), {"job_id"}),
    "delete": (lambda alice, path, job: alice.call("DELETE", f"{path}/{job}"), {"job_id"}),
    "trigger": (lambda alice, path, job: alice.call("POST", f"{path}/{job}/trigger", {}), set()),
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The messages that were sent to the pulse's queue."""
    sent: list[dict[str, Any]] = []

    def answer(call: Call) -> Any:
        if call.arguments.get("QueueUrl") == os.environ["PULSE_QUEUE"]:
            assert call.operation == "SendMessage"
            message = json.loads(call.arguments["MessageBody"])
            # SQS shares its receivers fairly by this group, so that one organization with many changes does not delay
            # the others.
            assert call.arguments["MessageGroupId"] == message["organization_id"]
            sent.append(message)
        return call.make()

    intercept_aws(monkeypatch, answer)
    return sent


@pytest.fixture
def job(alice: Person, jaffle: Project) -> str:
    return str(alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD).json["id"])


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_one_message_that_says_what_changed(
    alice: Person, jaffle: Project, job: str, sent: list[dict[str, Any]], change: str
) -> None:
    act, named = CHANGES[change]
    sent.clear()

    assert act(alice, f"/api/v1/projects/{jaffle.id}/jobs", job).status < 300

    (message,) = sent
    assert message["organization_id"] == alice.organization_id
    assert message.get("changed", False) is bool(named)
    assert named <= message.keys()


def test_requests_that_only_read_request_no_pass(
    alice: Person, jaffle: Project, job: str, sent: list[dict[str, Any]]
) -> None:
    sent.clear()

    alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/{job}")
    alice.call("PUT", f"/api/v1/projects/{jaffle.id}/jobs/{job}", {"schedule": BUILD["schedule"]})

    assert sent == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_queue_that_refuses_fails_no_change(
    alice: Person, jaffle: Project, job: str, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def answer(call: Call) -> Any:
        if call.arguments.get("QueueUrl") == os.environ["PULSE_QUEUE"]:
            raise ClientError({"Error": {"Code": "OverLimit", "Message": "too many"}}, call.operation)
        return call.make()

    intercept_aws(monkeypatch, answer)

    assert CHANGES[change][0](alice, f"/api/v1/projects/{jaffle.id}/jobs", job).status < 300


@pytest.mark.parametrize(
    "message",
    [
        PulseMessage("org-acme", generation=7),
        PulseMessage("org-acme", generation=7, announces=True),
        PulseMessage("org-acme", asked_at=NOW),
        PulseMessage("org-acme", asked_at=NOW, if_overdue=True),
        PulseMessage("org-acme", asked_at=NOW, changed=True),
        PulseMessage("org-acme", asked_at=NOW, changed=True, project_id="proj_1", job_id="job_1"),
    ],
)
def test_a_message_is_read_as_it_was_written(message: PulseMessage) -> None:
    assert PulseMessage.of_json(message.json) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"organization_id": 7, "generation": 1}',
        '{"organization_id": "org-acme"}',
        '{"organization_id": "org-acme", "generation": "1"}',
        '{"organization_id": "org-acme", "generation": true}',
        '{"organization_id": "org-acme", "generation": 1, "asked_at": "2026-04-28T12:00:00+00:00"}',
        '{"organization_id": "org-acme", "asked_at": "today"}',
        '{"organization_id": "org-acme", "asked_at": 5}',
        '{"organization_id": "org-acme", "asked_at": "2026-04-28T12:00:00+00:00", "project_id": []}',
    ],
)
def test_a_malformed_message_is_an_error_and_goes_to_the_dead_letters(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        PulseMessage.of_json(text)


@pytest.mark.parametrize("written", [None, {}, "text", 7, [7], [[]], [["run_1", "[]", "today", ""]]])
def test_texts_of_logs_that_another_release_wrote_leave_the_pulse_what_it_is(written: object) -> None:
    text = CarriedText.of("run_2", "", NOW, b"text")
    known = [text.as_json] if isinstance(written, list) else []
    carried = [*written, *known] if isinstance(written, list) else written
    message = PulseMessage.of_json(json.dumps({"organization_id": "org-acme", "generation": 7, "carried": carried}))

    assert message == PulseMessage("org-acme", generation=7, carried=(text,) if known else ())


def test_one_of_two_processes_gets_a_pulse() -> None:
    organization = pulses.begin_asked_pass(new_organization("pulse").id, NOW, NOW)
    assert organization
    assert pulses.end_pass(organization, NOW + timedelta(seconds=5), None)
    generation, later = organization.pulse.generation, NOW + timedelta(seconds=5)

    taken = [pulses.begin_pass(organization.id, generation, later) for _ in range(2)]

    assert [bool(one) for one in taken] == [True, False]


def test_a_pass_that_was_replaced_cannot_write_the_end_of_its_successor() -> None:
    dead = pulses.begin_asked_pass(new_organization("pulse").id, NOW, NOW)
    later = NOW + pulses.BUSY_FOR
    assert dead
    living = pulses.begin_asked_pass(dead.id, later, later)
    assert living

    assert not pulses.end_pass(dead, later + timedelta(minutes=10), None, asked=True)
    assert pulses.end_pass(living, later + timedelta(seconds=5), None)


def test_no_pass_begins_for_a_deleted_organization() -> None:
    assert pulses.begin_pass("org-nobody", 1, NOW) is None
    assert pulses.begin_asked_pass("org-nobody", NOW, NOW) is None
    assert pulses.current_organization("org-nobody") is None


def test_a_pass_that_announces_the_next_one_leaves_it_due_and_is_not_in_the_way_of_a_requested_one() -> None:
    organization = pulses.begin_asked_pass(new_organization("pulse").id, NOW, NOW)
    assert organization
    at, next_at = NOW + timedelta(seconds=5), NOW + timedelta(seconds=10)
    assert pulses.end_pass(organization, at, None)

    taken = [pulses.begin_pass(organization.id, organization.pulse.generation, at, next_at) for _ in range(2)]

    assert taken[0]
    assert taken[1] is None
    assert (taken[0].pulse.due_at, taken[0].pulse.busy_until) == (next_at, None)
    asked_at = [at + timedelta(seconds=seconds) for seconds in (0.5, 2)]
    assert pulses.begin_asked_pass(organization.id, asked_at[0], asked_at[0]) is None
    assert pulses.begin_asked_pass(organization.id, asked_at[1], asked_at[1])
    # The other pass began meanwhile, and says what is next.
    assert not pulses.end_pass(taken[0], next_at + timedelta(minutes=10), None)
