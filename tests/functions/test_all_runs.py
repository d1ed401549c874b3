"""GET /runs: the runs of all projects of an organization, newest first, whatever the pages."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.commands import ProjectType
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.store.project_rows import META, ProjectRow
from jobs_api.store.projects import partition_of
from tests.functions.people import NOON, Person, new_project
from tests.functions.test_runs import a_run

MINUTE = timedelta(minutes=1)
STATUSES = (RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.RUNNING)


def pages(person: Person, **query: str) -> Iterator[list[str]]:
    """Yield the ids of each page, following the cursors to the end."""
    cursor: dict[str, str] = {}
    while True:
        answer = person.call("GET", "/api/v1/runs", query=query | cursor)
        assert answer.status == 200, answer.text
        yield [run["id"] for run in answer.json["runs"]]
        if "next_cursor" not in answer.json:
            return
        cursor = {"cursor": answer.json["next_cursor"]}


@pytest.fixture
def projects(alice: Person) -> list[Project]:
    """Four projects of Alice's: one with most of the runs, one with none."""
    return [new_project(alice.organization_id, f"project {number}", ProjectType.DBT) for number in range(4)]


@pytest.fixture
def runs(projects: list[Project]) -> list[Run]:
    """Sixty runs, newest first; some are of the same moment."""
    random = Random(7)  # noqa: S311 - an example
    made = [
        a_run(
            random.choices(projects, weights=[50, 8, 2, 0])[0],
            NOON + random.randrange(40) * MINUTE,
            status=random.choice(STATUSES),
            job_id=random.choice(("job_one", "job_two")),
        )
        for _ in range(60)
    ]
    return sorted(made, key=store.position_of, reverse=True)


@pytest.mark.parametrize("limit", [1, 7, 10, 25, 59, 60, 61, 500])
def test_pages_hold_every_run_once_newest_first(alice: Person, runs: list[Run], limit: int) -> None:
    found = list(pages(alice, limit=str(limit)))

    assert [run for page in found for run in page] == [run.id for run in runs]
    assert all(len(page) <= limit for page in found)


@pytest.mark.parametrize(
    "query",
    [
        {"status": "failed"},
        {"status": "running"},
        {"job_id": "job_two"},
        {"job_id": "job_two", "status": "success"},
        {"job_id": "job_two", "status": "running"},
        {"project": "0"},
        {"project": "1", "status": "success"},
        {"project": "3"},
        {"updated_after": "2026-04-28T12:20:00Z"},
        {"triggered_by": "manual"},
        {"job_type": "build", "status": "success"},
    ],
)
@pytest.mark.parametrize("release", ["this", "one before the index of ended runs"])
def test_filters_are_those_of_a_project(
    alice: Person, projects: list[Project], runs: list[Run], query: dict[str, Any], release: str
) -> None:
    for project in projects if release != "this" else []:
        ProjectRow(partition_of(project.organization_id, project.id), META).update([ProjectRow.runs_indexed.remove()])
    asked = {name: value for name, value in query.items() if name != "project"}
    named = {"project_id": projects[int(query["project"])].id} if "project" in query else {}

    found = [run for page in pages(alice, limit="5", **asked, **named) for run in page]

    of_project = {run for project in projects for run in _of_project(alice, project, asked)}
    wanted = [run.id for run in runs if run.id in of_project and named.get("project_id") in {None, run.project_id}]
    assert found == wanted


def _of_project(person: Person, project: Project, query: dict[str, Any]) -> list[str]:
    answer = person.call("GET", f"/api/v1/projects/{project.id}/runs", query={"limit": "500", **query})
    return [run["id"] for run in answer.json["runs"]]


def test_a_project_or_job_that_is_not_there_has_no_runs(alice: Person, runs: list[Run]) -> None:
    assert runs
    assert list(pages(alice, project_id="proj_nobody")) == [[]]
    assert list(pages(alice, job_id="job_nobody")) == [[]]


def test_an_organization_without_projects_has_no_runs(alice: Person) -> None:
    assert list(pages(alice)) == [[]]


def test_runs_of_a_deleted_project_are_not_listed(alice: Person, projects: list[Project], runs: list[Run]) -> None:
    store.delete_project(projects[0])
    left = [run.id for run in runs if run.project_id != projects[0].id]

    assert [run for page in pages(alice) for run in page] == left
    for job_id in ("job_one", "job_two"):
        assert set().union(*pages(alice, job_id=job_id)) <= set(left)


def test_a_cursor_of_another_query_is_refused(alice: Person, charlie: Person, runs: list[Run]) -> None:
    assert runs
    cursor = alice.call("GET", "/api/v1/runs", query={"limit": "5"}).json["next_cursor"]

    for person, query in ((alice, {"status": "failed"}), (charlie, {})):
        answer = person.call("GET", "/api/v1/runs", query={"cursor": cursor, **query})
        assert (answer.status, answer.faulty_fields) == (422, ["cursor"])
