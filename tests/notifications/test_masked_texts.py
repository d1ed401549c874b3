"""Texts from logs, clusters, commands and receivers leave the service without secrets, on every way out."""

import json
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster.errors import refusal
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import new_delivery
from jobs_api.model.job import Job, wanted_version
from jobs_api.model.job_sync import SyncedVersion, SyncState
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications.backoff import GIVE_UP_AFTER
from jobs_api.notifications.webhook import payload
from jobs_api.store import deliveries
from jobs_api.store.run_rows import RunRow
from tests.functions.people import NOON, Person
from tests.notifications.notification_world import new_job, new_run
from tests.notifications.receivers import Receiver, answers

SAID = "postgresql://etl:hunter22@db/dw password=hunter22"
SHOWN = "postgresql://etl:***@db/dw password=***"


@pytest.fixture
def job(jaffle: Project, hook: Receiver) -> Job:
    return new_job(jaffle, webhook_enabled=True, webhook_url=hook.url, webhook_headers={"X-Key": "hook-key-77"})[0]


def as_stored_by_an_earlier_release(run_id: str) -> None:
    RunRow(run_id).update(actions=[RunRow.error_message.set(SAID), RunRow.command.set(f"dbt build --vars '{SAID}'")])


def test_a_run_of_an_earlier_release_is_read_without_the_secrets_that_its_row_holds(
    alice: Person, jaffle: Project, job: Job
) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED)
    as_stored_by_an_earlier_release(run.id)

    one = alice.call("GET", f"/api/v1/runs/{run.id}").json
    [listed] = alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs").json["runs"]

    assert one["error_message"] == listed["error_message"] == SHOWN
    assert one["command"] == listed["command"] == f"dbt build --vars '{SHOWN}'"


def test_a_webhook_contains_no_secrets(jaffle: Project, job: Job) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED)
    as_stored_by_an_earlier_release(run.id)
    stored = store.get_run(run.organization_id, run.id)
    assert stored.alerts

    shown = json.loads(payload.body_of(stored, Event.FAILURE, stored.alerts))["data"]["run"]

    assert (shown["error_message"], shown["command"]) == (SHOWN, f"dbt build --vars '{SHOWN}'")


def test_no_secret_is_written_with_a_run(jaffle: Project, job: Job) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED, error_message=SAID)
    assert RunRow.get(run.id).error_message == SHOWN

    going = new_run(job, jaffle, RunStatus.RUNNING)
    assert store.advance_run(going, going.model_copy(update={"status": RunStatus.FAILED, "error_message": SAID}))
    assert RunRow.get(going.id).error_message == SHOWN


def test_texts_of_a_cluster_about_a_run_are_stored_bounded_and_without_secrets(jaffle: Project, job: Job) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED, error_message=f"{SAID} {'x' * 300_000}")

    stored = RunRow.get(run.id).error_message
    assert (stored[: len(SHOWN)], len(stored)) == (SHOWN, 2000)


def test_a_clusters_refusal_of_a_job_is_shown_without_secrets() -> None:
    body = {"kind": "Status", "reason": "Invalid", "message": f'Invalid value: "{SAID}"'}

    assert str(refusal(422, json.dumps(body).encode())) == f'Invalid value: "{SHOWN}"'


def test_the_message_of_the_last_sync_is_shown_without_secrets(alice: Person, jaffle: Project, job: Job) -> None:
    synced = SyncedVersion(
        version=wanted_version(jaffle, job), state=SyncState.ERROR, message=f"rejects: {SAID}", synced_at=NOON
    )
    assert store.record_sync(job, synced)

    shown = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/{job.id}").json

    assert shown["sync"]["message"] == f"rejects: {SHOWN}"


def test_a_deliverys_error_shows_no_secret(alice: Person, jaffle: Project, job: Job) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED)
    delivery = new_delivery(run, Event.FAILURE, "webhook", NOON, GIVE_UP_AFTER)
    assert deliveries.create(delivery.model_copy(update={"error": SAID}))

    listed = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/{job.id}/deliveries").json

    assert listed["deliveries"][0]["error"] == SHOWN


def test_a_receiver_that_sends_back_what_it_got_shows_nobody_the_headers(
    alice: Person, jaffle: Project, job: Job, hook: Receiver
) -> None:
    hook.plans = [answers(400, f"bad key hook-key-77, {SAID}".encode())]

    shown: dict[str, Any] = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs/{job.id}/notifications/test").json[
        "webhook"
    ]

    assert shown["answer"] == f"bad key ***, {SHOWN}"
