"""GET /projects/{id}/jobs with more jobs than one answer can hold."""

import json
from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.api import job_pages
from jobs_api.ids import new_id
from jobs_api.model.job import Job
from jobs_api.model.job_document import JobDocument
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from tests.functions.people import NOON, Person

# The largest answer of Lambda; API Gateway would allow 10 MB.
LAMBDA_BYTES = 6 * 1024 * 1024


def job(project: Project, number: int, **settings: Any) -> Job:
    document = {"name": f"job {number}", "command": "dbt build", "schedule": "0 2 * * *", **settings}
    made_at = NOON + timedelta(milliseconds=number // 2)
    return Job.new(new_id("job_"), JobSettings.of(document, project), project, made_at)


@pytest.fixture
def five(jaffle: Project) -> list[str]:
    """The names of five jobs, some made at the same moment, in the order in which they are listed."""
    jobs = [job(jaffle, number) for number in range(5)]
    for each in jobs:
        store.create_job(each)
    return [each.settings.name for each in sorted(jobs, key=lambda each: (each.created_at, each.id))]


def pages(person: Person, project: Project, **query: str) -> list[list[str]]:
    found = []
    while True:
        answer = person.call("GET", f"/api/v1/projects/{project.id}/jobs", query=query)
        assert answer.status == 200, answer.text
        assert answer.json["total"] == 5
        found.append([each["name"] for each in answer.json["jobs"]])
        if "next_cursor" not in answer.json:
            return found
        query["cursor"] = answer.json["next_cursor"]


def test_without_a_limit_all_of_them_come(alice: Person, jaffle: Project, five: list[str]) -> None:
    assert pages(alice, jaffle) == [five]


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 10_000])
def test_pages_hold_each_job_once_and_in_order(alice: Person, jaffle: Project, five: list[str], limit: int) -> None:
    expected = [five[start : start + limit] for start in range(0, 5, limit)]

    assert pages(alice, jaffle, limit=str(limit)) == expected


def test_a_page_ends_before_the_answer_grows_too_large(
    alice: Person, jaffle: Project, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "ANSWER_BYTES", 1_500)

    found = pages(alice, jaffle)

    assert len(found) > 1
    assert [name for page in found for name in page] == five


def test_a_cursor_stays_valid_after_its_job_is_deleted(alice: Person, jaffle: Project, five: list[str]) -> None:
    first = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs", query={"limit": "2"}).json
    alice.call("DELETE", f"/api/v1/projects/{jaffle.id}/jobs/{first['jobs'][1]['id']}")

    after = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs", query={"cursor": first["next_cursor"]}).json

    assert [each["name"] for each in after["jobs"]] == five[2:]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "10001"}, {"limit": "x"}, {"cursor": "x"}])
def test_a_page_that_cannot_be_is_refused(alice: Person, jaffle: Project, query: dict[str, str]) -> None:
    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs", query=query)

    assert (answer.status, answer.faulty_fields) == (422, list(query))


def test_a_cursor_of_the_runs_is_none_of_the_jobs(alice: Person, jaffle: Project, five: list[str]) -> None:
    cursor = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs", query={"limit": "2"}).json["next_cursor"]

    assert len(five) == 5
    assert alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", query={"cursor": cursor}).status == 422


@pytest.mark.parametrize(
    ("description", "environment"), [("x", {}), ("é" * 1_000, {}), ('"' * 1_000, {"A": "\\" * 30_000})]
)
def test_a_page_of_ten_thousand_jobs_fits_into_lambdas_answer(
    jaffle: Project, description: str, environment: dict[str, str]
) -> None:
    one = JobDocument.of_job(job(jaffle, 1, description=description, environment=environment), jaffle, NOON)

    document = job_pages.answer(job_pages.page_of(one for _ in range(10_000)), 10_000, "x" * 100)

    assert JobDocument.model_fields.keys() >= json.loads(document)["jobs"][0].keys()
    assert len(json.dumps({"statusCode": 200, "body": document})) < LAMBDA_BYTES
