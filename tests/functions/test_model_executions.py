"""GET /projects/{id}/model-executions and .../stats, read from the results of runs."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions.list_model_executions import app as executions_app
from functions.list_model_stats import app as stats_app
from jobs_api.logs import results_archive
from jobs_api.model.commands import ProjectType
from jobs_api.model.project import Project
from jobs_api.model.results import NodeOutcome, NodeResult, ResultCounts, RunResults
from jobs_api.model.run import Run, RunStatus
from tests.functions.people import NOON, Person, new_project
from tests.functions.test_runs import a_run
from tests.separate_results import store_results

DAY = timedelta(days=1)


def ran(project: Project, days_ago: float, *nodes: tuple[str, NodeOutcome, float | None], **values: Any) -> Run:
    """Write an ended run of some days ago, with its results."""
    at = NOON - days_ago * DAY
    results = [
        NodeResult(name=name, resource_type="model", status=status, seconds=took) for name, status, took in nodes
    ]
    counts = ResultCounts(**{str(one): sum(node.status == one for node in results) for one in NodeOutcome})
    run = a_run(project, at, status=RunStatus.SUCCESS, end_time=at + timedelta(minutes=1), results=counts, **values)
    store_results(run, RunResults(results=results, counts=counts, complete=True))
    return run


def executions(person: Person, project: Project, **query: str) -> Iterator[list[dict[str, Any]]]:
    """Yield each page."""
    cursor: dict[str, str] = {}
    while True:
        answer = person.call("GET", f"/api/v1/projects/{project.id}/model-executions", query=query | cursor)
        assert answer.status == 200, answer.text
        yield answer.json["model_executions"]
        if "next_cursor" not in answer.json:
            return
        cursor = {"cursor": answer.json["next_cursor"]}


def stats(person: Person, project: Project, **query: str) -> Any:
    answer = person.call("GET", f"/api/v1/projects/{project.id}/model-executions/stats", query=query)
    assert answer.status == 200, answer.text
    return answer.json


OK, BAD, SKIPPED = NodeOutcome.SUCCESS, NodeOutcome.ERROR, NodeOutcome.SKIPPED


def test_executions_are_listed_newest_first(alice: Person, jaffle: Project) -> None:
    older = ran(jaffle, 2, ("stg", OK, 1.0), ("orders", BAD, 2.0))
    newer = ran(jaffle, 1, ("stg", OK, 1.5), ("orders", OK, 2.5))
    a_run(jaffle, NOON, status=RunStatus.SUCCESS)

    [page] = executions(alice, jaffle)

    assert [(each["run_id"], each["name"], each["status"]) for each in page] == [
        (newer.id, "orders", "success"),
        (newer.id, "stg", "success"),
        (older.id, "orders", "error"),
        (older.id, "stg", "success"),
    ]
    assert page[0]["job_id"] == newer.job_id
    assert page[0]["seconds"] == 2.5


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
def test_pages_have_each_execution_once(alice: Person, jaffle: Project, limit: int) -> None:
    for day in range(5):
        ran(jaffle, day + 1, *((f"m{n}", OK, None) for n in range(4)))

    pages = list(executions(alice, jaffle, limit=str(limit)))

    assert all(len(page) <= limit for page in pages)
    assert len({(each["run_id"], each["name"]) for page in pages for each in page}) == 20
    assert sum(map(len, pages)) == 20


def test_executions_are_filtered_by_name_status_and_age(alice: Person, jaffle: Project) -> None:
    ran(jaffle, 40, ("orders", OK, 1.0))
    ran(jaffle, 3, ("orders", BAD, 1.0), ("stg", BAD, 1.0))
    ran(jaffle, 1, ("orders", OK, 1.0))

    def names(**query: str) -> list[tuple[str, str]]:
        return [(each["name"], each["status"]) for page in executions(alice, jaffle, **query) for each in page]

    assert names(name="orders") == [("orders", "success"), ("orders", "error")]
    assert names(status="error") == [("stg", "error"), ("orders", "error")]
    assert names(name="orders", days="60") == [("orders", "success"), ("orders", "error"), ("orders", "success")]
    assert names(days="2") == [("orders", "success")]
    assert names(name="nothing") == []


def test_one_request_reads_a_bounded_number_of_runs(
    alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions_app, "MOST_RUNS", 3)
    monkeypatch.setattr(stats_app, "MOST_RUNS", 3)
    for day in range(8):
        ran(jaffle, day + 1, ("orders", OK if day == 7 else BAD, 1.0))

    pages = list(executions(alice, jaffle, status="success"))
    told = stats(alice, jaffle)

    assert [len(page) for page in pages] == [0, 0, 1]
    assert (told["runs"], told["truncated"], told["stats"][0]["executions"]) == (3, True, 3)


def test_one_request_reads_a_bounded_number_of_results(
    alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_archive, "MOST_NODES", 5)
    for day in range(4):
        ran(jaffle, day + 1, *((f"m{n}", OK, None) for n in range(4)))

    pages = list(executions(alice, jaffle))

    assert [len(page) for page in pages] == [4, 4, 4, 4]
    assert stats(alice, jaffle)["runs"] == 1


def test_runs_whose_results_are_gone_are_left_out(alice: Person, jaffle: Project) -> None:
    ran(jaffle, 1, ("orders", OK, 1.0))
    a_run(jaffle, NOON - 2 * DAY, status=RunStatus.SUCCESS, results=ResultCounts(success=3))

    [page] = executions(alice, jaffle)

    assert len(page) == 1


@pytest.mark.parametrize("query", [{"name": "stg"}, {"days": "7"}, {"status": "error"}])
def test_a_cursor_is_good_for_its_own_filters_alone(alice: Person, jaffle: Project, query: dict[str, str]) -> None:
    ran(jaffle, 1, ("orders", OK, 1.0), ("stg", OK, 1.0))
    path = f"/api/v1/projects/{jaffle.id}/model-executions"
    cursor = alice.call("GET", path, query={"limit": "1"}).json["next_cursor"]

    assert alice.call("GET", path, query={"cursor": cursor}).status == 200
    assert alice.call("GET", path, query=query | {"cursor": cursor}).status == 422


def test_statistics_have_a_row_for_each_node(alice: Person, jaffle: Project) -> None:
    for day, (status, took) in enumerate([(SKIPPED, None), (BAD, 4.0), (OK, 1.0), (OK, 2.0)], start=1):
        ran(jaffle, day, ("orders", status, took), ("stg", OK, None))

    told = stats(alice, jaffle)

    orders, stg = told["stats"]
    assert orders == {
        "name": "orders",
        "resource_type": "model",
        "executions": 3,
        "failures": 1,
        "avg_seconds": 2.33,
        "p95_seconds": 4.0,
        "last_status": "skipped",
        "last_success_at": "2026-04-25T12:01:00Z",
    }
    assert (stg["executions"], stg["failures"], "avg_seconds" in stg) == (4, 0, False)
    assert told["runs"] == 4
    assert "truncated" not in told


def test_the_95th_percentile_is_the_nearest_rank(alice: Person, jaffle: Project) -> None:
    for n in range(1, 41):
        ran(jaffle, n / 4, ("orders", OK, float(n)))

    [row] = stats(alice, jaffle, name="orders")["stats"]

    assert (row["avg_seconds"], row["p95_seconds"]) == (20.5, 38.0)


def test_statistics_are_of_the_asked_days_and_name(alice: Person, jaffle: Project) -> None:
    ran(jaffle, 1, ("orders", OK, 1.0), ("stg", OK, 1.0))
    ran(jaffle, 20, ("orders", BAD, 1.0))

    assert [row["failures"] for row in stats(alice, jaffle, name="orders", days="7")["stats"]] == [0]
    assert [row["failures"] for row in stats(alice, jaffle, name="orders")["stats"]] == [1]


def test_another_project_has_its_own(alice: Person, jaffle: Project) -> None:
    other = new_project(jaffle.organization_id, "other", ProjectType.DBT)
    ran(other, 1, ("orders", OK, 1.0))

    assert list(executions(alice, jaffle)) == [[]]
    assert stats(alice, jaffle) == {"stats": [], "runs": 0}
