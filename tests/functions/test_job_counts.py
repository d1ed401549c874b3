"""A project's limit of jobs holds for concurrent requests, and for projects that are older than the count."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.project import Project
from jobs_api.store import job_counts, job_writing
from jobs_api.store.project_rows import ProjectRow
from tests.functions.people import Answer, Person

BUILD: dict[str, Any] = {"command": "dbt build", "schedule": "@daily"}


@pytest.fixture(autouse=True)
def three_jobs_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_counts, "MOST_JOBS", 3)


def create(person: Person, project: Project, name: str, **headers: str) -> Answer:
    return person.call("POST", f"/api/v1/projects/{project.id}/jobs", BUILD | {"name": name}, headers=headers)


def row_of(project: Project) -> ProjectRow:
    row = ProjectRow(f"{project.organization_id}/{project.id}", "meta")
    row.refresh(consistent_read=True)
    return row


def forget_the_count(project: Project) -> None:
    """Leave a project as it was written before jobs were counted."""
    row_of(project).update(actions=[ProjectRow.job_count.remove()])


def count(project: Project) -> int:
    return len(store.list_jobs(project.organization_id, project.id)[1])


def test_the_last_job_is_taken_and_one_more_is_not(alice: Person, jaffle: Project) -> None:
    assert [create(alice, jaffle, f"job {number}").status for number in range(3)] == [201] * 3

    over = create(alice, jaffle, "one more")

    assert (over.status, over.json["code"]) == (409, "conflict")
    assert over.json["message"] == "The project has 3 jobs, and may have 3; delete one first"
    assert count(jaffle) == 3


def test_a_deleted_job_makes_room(alice: Person, jaffle: Project) -> None:
    created = [create(alice, jaffle, f"job {number}").json["id"] for number in range(3)]
    path = f"/api/v1/projects/{jaffle.id}/jobs/{created[0]}"

    assert [alice.call("DELETE", path).status for _ in range(2)] == [200, 404]

    assert [create(alice, jaffle, name).status for name in ("again", "one more")] == [201, 409]


@pytest.mark.parametrize("counted", [True, False])
def test_many_concurrent_creations_succeed_only_while_there_is_room(
    alice: Person, jaffle: Project, *, counted: bool
) -> None:
    create(alice, jaffle, "first")
    if not counted:
        forget_the_count(jaffle)
    together = Barrier(6)

    def one(number: int) -> int:
        together.wait()
        return create(alice, jaffle, f"job {number}").status

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(one, range(6)))

    assert (statuses, count(jaffle)) == ([201] * 2 + [409] * 4, 3)


def test_a_name_that_is_taken_is_not_counted(alice: Person, jaffle: Project) -> None:
    assert [create(alice, jaffle, name).status for name in ("a", "a", "a", "a", "b", "c")] == [
        201,
        *[409] * 3,
        201,
        201,
    ]


def test_the_same_request_again_is_counted_once_and_answered_in_a_full_project(alice: Person, jaffle: Project) -> None:
    """Also if its first try died before the answer was stored."""
    job = create(alice, jaffle, "a").json
    for name in "bc":
        create(alice, jaffle, name)

    assert job_writing.create_job(store.get_job(jaffle.organization_id, jaffle.id, job["id"])[1]).id == job["id"]
    assert row_of(jaffle).job_count == 3


def test_a_project_from_before_is_counted_with_its_next_job(alice: Person, jaffle: Project) -> None:
    for name in "ab":
        create(alice, jaffle, name)
    forget_the_count(jaffle)

    assert [create(alice, jaffle, name).status for name in "cd"] == [201, 409]


def test_a_project_from_before_is_counted_with_the_next_job_that_goes(alice: Person, jaffle: Project) -> None:
    ids = [create(alice, jaffle, name).json["id"] for name in "abc"]
    forget_the_count(jaffle)

    assert alice.call("DELETE", f"/api/v1/projects/{jaffle.id}/jobs/{ids[0]}").status == 200
    assert row_of(jaffle).job_count == 2
    assert [create(alice, jaffle, name).status for name in "de"] == [201, 409]


def test_a_project_from_before_that_has_more_keeps_them_and_gets_none(
    alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [create(alice, jaffle, name).json["id"] for name in "abc"]
    forget_the_count(jaffle)
    monkeypatch.setattr(job_counts, "MOST_JOBS", 2)

    assert create(alice, jaffle, "d").json["message"] == "The project has 3 jobs, and may have 2; delete one first"
    path = f"/api/v1/projects/{jaffle.id}/jobs/{ids[0]}"
    assert alice.call("PUT", path, {"name": "renamed"}).status == 200
    assert alice.call("DELETE", path).status == 200
    assert create(alice, jaffle, "d").status == 409


def test_a_rename_and_an_operators_change_leave_the_count_alone(alice: Person, jaffle: Project) -> None:
    job = create(alice, jaffle, "a").json
    alice.call("PUT", f"/api/v1/projects/{jaffle.id}/jobs/{job['id']}", {"name": "b"})
    settings = jaffle.settings.model_copy(update={"image": "dbt:2"})
    store.update_project(jaffle.changed(settings, jaffle.created_at), jaffle.version)

    assert row_of(jaffle).job_count == 1
