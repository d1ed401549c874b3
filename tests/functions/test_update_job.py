"""PUT /projects/{id}/jobs/{job_id}."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.resources import Resources
from jobs_api.sealing import webhook
from tests.functions.people import NOON, Person

LATER = NOON.replace(hour=13)
BUILD: dict[str, Any] = {
    "name": "build",
    "command": "dbt build",
    "schedule": "@daily",
    "environment": {"A": "1", "B": "2"},
    "webhook_enabled": True,
    "webhook_url": "https://example.com/hook",
    "webhook_headers": {"X-Token": "s3cret"},
}


@pytest.fixture
def job(alice: Person, jaffle: Project) -> dict[str, Any]:
    created: dict[str, Any] = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD).json
    assert created.pop("webhook_secret"), "shown by this call alone"
    return created


def path(job: dict[str, Any]) -> str:
    return f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}"


def stored(alice: Person, job: dict[str, Any]) -> Job:
    return store.get_job(alice.organization_id, job["project_id"], job["id"])[1]


def test_it_works(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("PUT", path(job), {"schedule": "@hourly", "environment": {"C": "3"}}, at=LATER)

    assert answer.status == 200
    assert answer.json == job | {
        "schedule": "@hourly",
        "environment": {"C": "3"},
        "updated_at": "2026-04-28T13:00:00Z",
        "next_run_at": "2026-04-28T14:00:00Z",
    }
    assert alice.call("GET", path(job), at=LATER).json == answer.json


def test_an_empty_object_changes_nothing(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("PUT", path(job), {}, at=LATER)

    assert answer.status == 200
    assert answer.json["updated_at"] == job["updated_at"]
    assert stored(alice, job).version == 1


def test_the_answer_of_get_can_be_put(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("PUT", path(job), alice.call("GET", path(job)).json, at=LATER)

    assert answer.status == 200
    assert answer.json["updated_at"] == job["updated_at"]
    assert webhook.headers_of(stored(alice, job)) == {"X-Token": "s3cret"}


def test_null_gives_the_default_back(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("PUT", path(job), {"environment": None, "webhook_enabled": None, "webhook_url": None})

    assert answer.status == 200
    assert answer.json["environment"] == {}
    assert answer.json["webhook_enabled"] is False
    assert "webhook_url" not in answer.json


def test_a_masked_header_keeps_its_value(alice: Person, job: dict[str, Any]) -> None:
    alice.call("PUT", path(job), {"webhook_headers": {"x-token": "***", "X-New": "1"}})

    assert webhook.headers_of(stored(alice, job)) == {"x-token": "s3cret", "X-New": "1"}


def test_the_merged_job_obeys_every_rule(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("PUT", path(job), {"webhook_url": None, "slack_alerts_enabled": True, "nmae": "x"})

    assert answer.status == 422
    assert sorted(answer.faulty_fields) == ["nmae", "slack_channel", "webhook_url"]
    assert stored(alice, job).version == 1


def test_a_disabled_job_fires_no_more(alice: Person, job: dict[str, Any]) -> None:
    assert "next_run_at" not in alice.call("PUT", path(job), {"enabled": False}).json
    assert "next_run_at" in alice.call("PUT", path(job), {"enabled": True}).json


def test_a_rename_frees_the_old_name(alice: Person, job: dict[str, Any], jaffle: Project) -> None:
    renamed = alice.call("PUT", path(job), {"name": "Weekly"})
    again = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD)

    assert renamed.json["cronjob_name"] == "jaffle-weekly"
    assert again.status == 201
    taken = alice.call("PUT", path(again.json), {"name": "weekly"})
    assert taken.status == 409
    assert taken.json["message"] == "This project has a job with the slug 'weekly' already; choose another name"
    assert alice.call("GET", path(again.json)).json["name"] == "build"


def test_a_change_of_case_is_no_collision(alice: Person, job: dict[str, Any]) -> None:
    assert alice.call("PUT", path(job), {"name": "BUILD"}).json["name"] == "BUILD"


def test_two_writers_lose_nothing(alice: Person, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    _write_first(monkeypatch, lambda: alice.call("PUT", path(job), {"schedule": "@weekly"}), times=1)

    answer = alice.call("PUT", path(job), {"description": "mine"})

    assert answer.status == 200
    assert answer.json["schedule"] == "@weekly"
    assert answer.json["description"] == "mine"


def test_a_rename_and_another_change_at_once_lose_nothing(
    alice: Person, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_first(monkeypatch, lambda: alice.call("PUT", path(job), {"schedule": "@weekly"}), times=1)

    answer = alice.call("PUT", path(job), {"name": "Weekly"})

    assert answer.status == 200
    assert (answer.json["name"], answer.json["schedule"]) == ("Weekly", "@weekly")


def test_a_writer_who_always_loses_the_race_gets_a_conflict(
    alice: Person, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules = iter(["@weekly", "@hourly", "@monthly"])
    _write_first(monkeypatch, lambda: alice.call("PUT", path(job), {"schedule": next(schedules)}), times=3)

    answer = alice.call("PUT", path(job), {"description": "mine"})

    assert answer.status == 409
    assert answer.json["code"] == "conflict"
    assert "description" not in alice.call("GET", path(job)).json


def _write_first(monkeypatch: pytest.MonkeyPatch, other: Callable[[], Any], *, times: int) -> None:
    """Let somebody else get in between the read and the write, `times` times."""
    update, left = store.update_job, times

    def late(before: Job, after: Job, *actor: Any, **chain: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            with monkeypatch.context() as quiet:
                quiet.setattr(store, "update_job", update)
                other()
        update(before, after, *actor, **chain)

    monkeypatch.setattr(store, "update_job", late)


def test_a_job_that_went_meanwhile_is_not_found(
    alice: Person, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_first(monkeypatch, lambda: alice.call("DELETE", path(job)), times=1)

    assert alice.call("PUT", path(job), {"description": "mine"}).status == 404


def test_a_reader_cannot_change_a_job(rita: Person, alice: Person, job: dict[str, Any]) -> None:
    assert rita.call("PUT", path(job), {"schedule": "@hourly"}).status == 403
    assert stored(alice, job).version == 1


def test_a_stranger_cannot_change_a_job(charlie: Person, alice: Person, job: dict[str, Any]) -> None:
    assert charlie.call("PUT", path(job), {"schedule": "@hourly"}).status == 404
    assert stored(alice, job).version == 1


@pytest.mark.parametrize("body", [None, "[]", "{"])
def test_a_body_is_needed(alice: Person, job: dict[str, Any], body: str | None) -> None:
    assert alice.call("PUT", path(job), body).status == 400


def test_a_job_older_than_a_rule_is_checked_at_its_next_change(
    alice: Person, job: dict[str, Any], jaffle: Project
) -> None:
    _, stored = store.get_job(alice.organization_id, jaffle.id, job["id"])
    older = {"environment": {"PATH": "/opt", "A": "1"}, "resources": Resources.known(limits={"memory": "512m"})}
    settings = stored.settings.model_copy(update=older)
    store.update_job(stored, stored.model_copy(update={"settings": settings, "version": stored.version + 1}))

    assert alice.call("GET", path(job)).json["environment"] == older["environment"]
    refused = alice.call("PUT", path(job), {"description": "x"})
    assert sorted(refused.faulty_fields) == ["environment.PATH", "resources.limits.memory"]
    assert "allowed_environment" in refused.text
    mended = {"environment": {"A": "1"}, "resources": {"limits": {"memory": "512Mi"}}, "description": "x"}
    assert alice.call("PUT", path(job), mended).status == 200
