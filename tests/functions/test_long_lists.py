"""Lists over 10,000 rows of which none matches: how many Queries each makes, and that its cursors end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pynamodb.expressions.condition import Condition

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.commands import ProjectType
from jobs_api.model.delivery import DeliveryStatus
from jobs_api.model.document import rfc3339
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.store import deliveries
from jobs_api.store.delivery_rows import DeliveryRow
from jobs_api.store.pages import QUERIES, ROWS_A_QUERY
from jobs_api.store.run_items import new_row as row_of_run
from jobs_api.store.run_rows import RunRow
from tests.functions.many_rows import crowded
from tests.functions.people import NOON, Person, new_organization, new_project
from tests.functions.test_deliveries import a_delivery
from tests.notifications.notification_world import new_job

pytestmark = pytest.mark.slow

ROWS = 10_000
MINUTE = timedelta(minutes=1)
# Pages of 5,000 rows, with 1,000 to a Query.
WORST = [QUERIES] * (ROWS // (QUERIES * ROWS_A_QUERY))


@dataclass(frozen=True)
class Crowd:
    """Somebody whose project has very many runs, or whose job has very many deliveries."""

    person: Person
    project: Project
    job_id: str

    def runs(self) -> str:
        return f"/api/v1/projects/{self.project.id}/runs"

    def deliveries(self) -> str:
        return f"/api/v1/projects/{self.project.id}/jobs/{self.job_id}/deliveries"


def a_crowd() -> Crowd:
    organization = new_organization("crowd")
    project = new_project(organization.id, "crowd", ProjectType.DBT)
    return Crowd(
        Person(organization.id), project, new_job(project, slack_channel="#data", slack_alerts_enabled=True)[0].id
    )


def run_of(crowd: Crowd, number: int, status: RunStatus) -> Run:
    at = NOON + number * MINUTE
    return Run(
        id=f"run_{number:06d}{crowd.job_id.removeprefix('job_')}",
        organization_id=crowd.project.organization_id,
        project_id=crowd.project.id,
        job_id=crowd.job_id,
        job_name="crowd",
        cronjob_name="crowd",
        namespace=crowd.project.namespace,
        job_type="build",
        status=status,
        triggered_by=TriggeredBy.SCHEDULED,
        created_at=at,
        updated_at=at,
        end_time=at if status.ended else None,
    )


@pytest.fixture(scope="module")
def succeeded() -> Iterator[Crowd]:
    """10,000 runs that all ended well."""
    crowd = a_crowd()
    with crowded(row_of_run(run_of(crowd, number, RunStatus.SUCCESS)) for number in range(ROWS)):
        yield crowd


@pytest.fixture(scope="module")
def waiting() -> Iterator[Crowd]:
    """10,000 runs of which none has started."""
    crowd = a_crowd()
    with crowded(row_of_run(run_of(crowd, number, RunStatus.PENDING)) for number in range(ROWS)):
        yield crowd


@pytest.fixture(scope="module")
def delivered() -> Iterator[Crowd]:
    """10,000 deliveries that were all delivered."""
    crowd = a_crowd()
    with crowded(rows_of_deliveries(crowd)):
        yield crowd


def rows_of_deliveries(crowd: Crowd) -> Iterator[DeliveryRow]:
    project, job = store.get_job(crowd.project.organization_id, crowd.project.id, crowd.job_id)
    one = a_delivery(job, project, status=DeliveryStatus.DELIVERED)
    for number in range(1, ROWS):
        made_at = NOON - number * MINUTE
        yield deliveries.row_of_delivery(one.model_copy(update={"id": new_id("dlv_"), "created_at": made_at}))


type Reads = Callable[[Crowd, str, dict[str, str]], tuple[list[int], list[int]]]


@pytest.fixture
def reads(made: list[str]) -> Reads:
    """Follow a list's cursors to its end: how many rows each page has, and how many Queries it took."""

    def follow(crowd: Crowd, path: str, query: dict[str, str]) -> tuple[list[int], list[int]]:
        sizes, queries = [], []
        cursor: dict[str, str] = {}
        while True:
            made.clear()
            answer = crowd.person.call("GET", path, query=query | cursor, at=NOON)
            assert answer.status == 200, answer.text
            queries.append(made.count("Query"))
            (rows,) = (value for value in answer.json.values() if isinstance(value, list))
            sizes.append(len(rows))
            if "next_cursor" not in answer.json:
                return sizes, queries
            cursor = {"cursor": answer.json["next_cursor"]}

    return follow


@pytest.mark.parametrize("limit", ["1", "500"])
@pytest.mark.parametrize(
    ("query", "queries"),
    [
        pytest.param({"status": "failed"}, [1], id="status"),
        pytest.param({"status": "error", "triggered_by": "manual"}, [1], id="status and another"),
        pytest.param({"status": "running"}, [1], id="a status that is not an end"),
        pytest.param({"job_id": "job_none"}, [1], id="another job"),
        pytest.param({"triggered_by": "manual"}, WORST, id="triggered_by"),
        pytest.param({"job_type": "test"}, WORST, id="job_type"),
        pytest.param({"updated_after": "2036-01-01T00:00:00Z"}, WORST, id="updated_after"),
        pytest.param({"status": "success", "triggered_by": "manual"}, WORST, id="a status of all, and another"),
    ],
)
def test_a_filter_that_no_run_of_a_project_matches_costs_few_reads(
    succeeded: Crowd, reads: Reads, query: dict[str, str], queries: list[int], limit: str
) -> None:
    assert reads(succeeded, succeeded.runs(), query | {"limit": limit}) == ([0] * len(queries), queries)


@pytest.mark.parametrize(
    ("query", "queries"),
    [
        pytest.param({"status": "failed"}, [1], id="status"),
        pytest.param({"triggered_by": "manual"}, WORST, id="triggered_by"),
        pytest.param({"job_type": "test", "status": "success"}, WORST, id="job_type and a status of all"),
    ],
)
def test_a_filter_that_no_run_of_a_job_matches_costs_few_reads(
    succeeded: Crowd, reads: Reads, query: dict[str, str], queries: list[int]
) -> None:
    query = {"job_id": succeeded.job_id, "limit": "1"} | query

    assert reads(succeeded, succeeded.runs(), query) == ([0] * len(queries), queries)


def test_runs_that_wait_are_not_read_for_those_that_ended(waiting: Crowd, reads: Reads) -> None:
    assert reads(waiting, waiting.runs(), {"status": "failed", "limit": "1"}) == ([0], [1])


def test_runs_that_wait_are_read_for_those_that_run(waiting: Crowd, reads: Reads) -> None:
    assert reads(waiting, waiting.runs(), {"status": "running", "limit": "1"}) == ([0] * len(WORST), WORST)


def test_without_a_filter_a_page_is_one_query(succeeded: Crowd, reads: Reads) -> None:
    sizes, queries = reads(succeeded, succeeded.runs(), {"limit": "500"})

    assert sizes == [500] * (ROWS // 500)
    assert queries == [1] * len(sizes)


def test_a_project_from_before_the_index_is_read_in_pages(succeeded: Crowd, made: list[str]) -> None:
    """The project's runs lack the index's key, so the index does not have them."""
    wanted = store.RunFilter(status=RunStatus.FAILED)
    organization_id, project_id = succeeded.project.organization_id, succeeded.project.id

    found, position = store.list_runs(organization_id, project_id, wanted, limit=1, before=None)
    assert (found, made.count("Query")) == ([], QUERIES)
    found, position = store.list_runs(organization_id, project_id, wanted, limit=1, before=position)
    assert (found, position, made.count("Query")) == ([], None, 2 * QUERIES)


def test_a_status_that_no_delivery_has_costs_few_reads(delivered: Crowd, reads: Reads) -> None:
    sizes, queries = reads(delivered, delivered.deliveries(), {"status": "failed", "limit": "1"})

    assert (sizes, queries) == ([0] * len(WORST), WORST)


def test_the_search_for_an_earlier_success_is_bounded(succeeded: Crowd, waiting: Crowd, made: list[str]) -> None:
    """10,000 runs since, and none that tells."""
    for crowd, status in ((succeeded, RunStatus.SUCCESS), (waiting, RunStatus.PENDING)):
        run = run_of(crowd, -1, RunStatus.FAILED).model_copy(update={"end_time": NOON + 2 * ROWS * MINUTE})
        made.clear()

        assert store.has_succeeded_since(run) is False, status
        assert made.count("Query") == QUERIES


def test_a_streak_is_not_counted_without_end(succeeded: Crowd, waiting: Crowd, made: list[str]) -> None:
    assert store.streak_before(run_of(succeeded, ROWS, RunStatus.FAILED)).succeeded_at
    assert made.count("Query") == 1

    made.clear()
    streak = store.streak_before(run_of(waiting, ROWS, RunStatus.FAILED))
    assert (streak.failures, streak.more, made.count("Query")) == (0, True, QUERIES)


def test_the_runs_around_a_slot_are_read_however_many_came_after(succeeded: Crowd, made: list[str]) -> None:
    since, until = NOON + 100 * MINUTE, NOON + 110 * MINUTE

    runs = store.runs_of_job(succeeded.project.organization_id, succeeded.job_id, since, until)

    assert made.count("Query") == 1
    assert (runs[0].created_at, runs[-1].created_at) == (until, since - 20 * MINUTE)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("within", [None, RunRow.position < "2026-04-28T12:20", RunRow.position > "2026-04-28T12:20"])
def test_the_stand_in_for_many_rows_answers_as_moto_does(*, forward: bool, within: Condition | None) -> None:
    crowd = a_crowd()
    statuses = [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.PENDING]
    rows = [row_of_run(run_of(crowd, number, statuses[number % 3])) for number in range(40)]

    def read() -> list[tuple[list[str], str | None]]:
        begin = None
        parts: list[tuple[list[str], str | None]] = []
        while not parts or begin:
            asked = RunRow.by_job.query(
                crowd.job_id,
                range_key_condition=within,
                filter_condition=RunRow.status == "failed",
                scan_index_forward=forward,
                page_size=7,
                last_evaluated_key=begin,
            )
            part = next(asked.page_iter)
            begin = part.get("LastEvaluatedKey")
            parts.append(([item["run_id"]["S"] for item in part["Items"]], begin and begin["position"]["S"]))
        return parts

    with crowded(rows):
        quickly = read()
    for row in rows:
        row.save()

    assert quickly == read()
    assert len(quickly) > 2


def test_the_stand_in_for_many_rows_returns_the_newest_runs(succeeded: Crowd) -> None:
    middle = NOON + 5_000 * MINUTE
    query = {"updated_after": rfc3339(middle), "limit": "3"}

    found = succeeded.person.call("GET", succeeded.runs(), query=query).json["runs"]

    newest = [rfc3339(NOON + number * MINUTE) for number in (9_999, 9_998, 9_997)]
    assert [run["created_at"] for run in found] == newest
