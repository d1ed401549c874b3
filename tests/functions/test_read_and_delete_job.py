"""GET and DELETE of jobs."""

from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.job import Job, wanted_version
from jobs_api.model.job_sync import SyncedVersion, SyncState
from jobs_api.model.project import Project
from tests.functions.people import NOON, Person

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}


@pytest.fixture
def job(alice: Person, jaffle: Project) -> dict[str, Any]:
    created: dict[str, Any] = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD).json
    return created


def path(job: dict[str, Any]) -> str:
    return f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}"


def test_a_project_without_jobs_has_an_empty_list(alice: Person, jaffle: Project) -> None:
    assert alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs").json == {"jobs": [], "total": 0}


def test_jobs_are_listed_oldest_first(alice: Person, jaffle: Project) -> None:
    for minute, name in enumerate(["c", "a", "b"]):
        alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD | {"name": name}, at=NOON.replace(minute=minute))

    jobs = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs").json["jobs"]

    assert [job["name"] for job in jobs] == ["c", "a", "b"]


def test_a_reader_may_read(rita: Person, job: dict[str, Any]) -> None:
    assert rita.call("GET", path(job)).json == job


def test_a_stranger_cannot_read_a_job(charlie: Person, job: dict[str, Any]) -> None:
    assert charlie.call("GET", path(job)).status == 404
    assert charlie.call("GET", f"/api/v1/projects/{job['project_id']}/jobs").status == 404


@pytest.mark.parametrize("job_id", ["job_madeup", "x" * 70, "a%20b", "meta", "name"])
def test_an_unknown_job_is_not_found(alice: Person, jaffle: Project, job_id: str) -> None:
    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/{job_id}")

    assert answer.status == 404
    assert answer.json["code"] == "not_found"
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


def test_the_field_sync_has_the_result_of_the_last_sync(alice: Person, job: dict[str, Any]) -> None:
    project, stored = store.get_job(alice.organization_id, job["project_id"], job["id"])
    failed = SyncedVersion(
        version=wanted_version(project, stored), state=SyncState.ERROR, message="no such namespace", synced_at=NOON
    )
    assert store.record_sync(stored, failed)

    answer = alice.call("GET", path(job))

    assert answer.json["sync"] == {
        "state": "error",
        "message": "no such namespace",
        "synced_at": "2026-04-28T12:00:00Z",
    }
    assert answer.json["updated_at"] == job["updated_at"]
    assert alice.call("PUT", path(job), {"schedule": "@hourly"}).json["sync"]["state"] == "pending"
    assert not store.record_sync(stored, failed), "a note about an older version is dropped"


def test_a_deleted_job_is_not_found_and_its_name_is_free(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("DELETE", path(job))

    assert answer.status == 200
    assert answer.json == {"message": "Job deleted successfully"}
    assert alice.call("GET", path(job)).status == 404
    assert alice.call("DELETE", path(job)).status == 404
    assert alice.call("POST", f"/api/v1/projects/{job['project_id']}/jobs", BUILD).status == 201


def test_a_job_that_is_changed_while_it_is_deleted_is_deleted(
    alice: Person, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = store.get_job

    def changed_after_reading(*ids: str) -> tuple[Project, Job]:
        monkeypatch.setattr(store, "get_job", read)
        found = read(*ids)
        assert alice.call("PUT", path(job), {"description": "new"}).status == 200
        return found

    monkeypatch.setattr(store, "get_job", changed_after_reading)

    assert alice.call("DELETE", path(job)).status == 200
    assert alice.call("GET", path(job)).status == 404


def test_a_repeated_deletion_whose_answer_was_lost_is_no_conflict(
    alice: Person, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = store.delete_job

    def done_and_refused(*arguments: Any, **remains: Any) -> None:
        # The answer of the first try is lost, and the table's client tries again.
        delete(*arguments, **remains)
        delete(*arguments, **remains)

    monkeypatch.setattr(store, "delete_job", done_and_refused)

    assert alice.call("DELETE", path(job)).status == 200
    assert alice.call("GET", path(job)).status == 404


def test_a_reader_cannot_delete(rita: Person, job: dict[str, Any]) -> None:
    assert rita.call("DELETE", path(job)).status == 403
    assert rita.call("GET", path(job)).status == 200


def test_a_stranger_cannot_delete(charlie: Person, alice: Person, job: dict[str, Any]) -> None:
    assert charlie.call("DELETE", path(job)).status == 404
    assert alice.call("GET", path(job)).status == 200
