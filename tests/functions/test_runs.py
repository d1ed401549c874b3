"""GET /projects/{id}/runs and GET /runs/{run_id}."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.commands import ProjectType
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from tests.functions.people import NOON, Person, new_project


def a_run(project: Project, at: datetime = NOON, **values: Any) -> Run:
    run = Run(
        **{
            "id": new_id("run_"),
            "organization_id": project.organization_id,
            "project_id": project.id,
            "job_id": "job_one",
            "job_name": "jaffle-build-29622960",
            "cronjob_name": "jaffle-build",
            "namespace": project.namespace,
            "job_type": "build",
            "status": RunStatus.PENDING,
            "triggered_by": TriggeredBy.SCHEDULED,
            "created_at": at,
            "updated_at": at,
            **values,
        }
    )
    assert store.create_run(run)
    return run


def pages(person: Person, project: Project, **query: str) -> Iterator[list[str]]:
    """Yield the ids of each page, following the cursors to the end."""
    cursor: dict[str, str] = {}
    while True:
        answer = person.call("GET", f"/api/v1/projects/{project.id}/runs", query=query | cursor)
        assert answer.status == 200, answer.text
        yield [run["id"] for run in answer.json["runs"]]
        if "next_cursor" not in answer.json:
            return
        cursor = {"cursor": answer.json["next_cursor"]}


def test_a_run_reads_as_the_reference_shows_it(alice: Person, jaffle: Project) -> None:
    run = a_run(
        jaffle,
        status=RunStatus.SUCCESS,
        start_time=NOON,
        end_time=NOON + timedelta(seconds=754),
        duration_seconds=754.1,
        exit_code=0,
    )

    answer = alice.call("GET", f"/api/v1/runs/{run.id}")

    assert answer.status == 200
    assert answer.json == {
        "id": run.id,
        "project_id": jaffle.id,
        "job_id": "job_one",
        "job_name": "jaffle-build-29622960",
        "cronjob_name": "jaffle-build",
        "namespace": jaffle.organization_id,
        "job_type": "build",
        "status": "success",
        "start_time": "2026-04-28T12:00:00Z",
        "end_time": "2026-04-28T12:12:34Z",
        "duration_seconds": 754.1,
        "exit_code": 0,
        "triggered_by": "scheduled",
        "created_at": "2026-04-28T12:00:00Z",
        "updated_at": "2026-04-28T12:00:00Z",
    }


def test_a_stranger_cannot_read_a_run(charlie: Person, jaffle: Project) -> None:
    run = a_run(jaffle)

    assert charlie.call("GET", f"/api/v1/runs/{run.id}").status == 404
    assert charlie.call("GET", f"/api/v1/projects/{jaffle.id}/runs").status == 404


def test_runs_come_newest_first_in_pages(alice: Person, jaffle: Project) -> None:
    runs = [a_run(jaffle, NOON + timedelta(minutes=minute)) for minute in range(7)]

    found = list(pages(alice, jaffle, limit="3"))

    assert [len(page) for page in found] == [3, 3, 1]
    assert list(chain(*found)) == [run.id for run in reversed(runs)]


def test_a_full_last_page_has_no_cursor(alice: Person, jaffle: Project) -> None:
    for minute in range(3):
        a_run(jaffle, NOON + timedelta(minutes=minute))

    assert [len(page) for page in pages(alice, jaffle, limit="3")] == [3]


def test_a_cursor_stays_valid_after_newer_runs(alice: Person, jaffle: Project) -> None:
    old = [a_run(jaffle, NOON + timedelta(minutes=minute)) for minute in range(4)]
    reading = pages(alice, jaffle, limit="2")

    first = next(reading)
    a_run(jaffle, NOON + timedelta(hours=1))

    assert [*first, *next(reading)] == [run.id for run in reversed(old)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    statuses=st.lists(st.sampled_from(RunStatus), max_size=12),
    wanted=st.sampled_from(RunStatus),
    limit=st.integers(1, 4),
)
def test_filters_leave_no_page_empty_and_lose_nothing(
    alice: Person, statuses: list[RunStatus], wanted: RunStatus, limit: int
) -> None:
    project = _another_project(alice)
    runs = [a_run(project, NOON + timedelta(minutes=n), status=status) for n, status in enumerate(statuses)]

    found = list(pages(alice, project, status=wanted, limit=str(limit)))

    assert list(chain(*found)) == [run.id for run in reversed(runs) if run.status is wanted]
    assert all(found[:-1]), "an empty page before the end"


def _another_project(alice: Person) -> Project:
    return new_project(alice.organization_id, new_id("p"), ProjectType.DBT)


def test_each_filter_leaves_out_the_runs_that_do_not_match(alice: Person, jaffle: Project) -> None:
    plain = a_run(jaffle)
    other = a_run(
        jaffle,
        NOON + timedelta(hours=1),
        job_id="job_two",
        job_type="test",
        status=RunStatus.FAILED,
        triggered_by=TriggeredBy.MANUAL,
    )

    for query in (
        {"job_id": "job_two"},
        {"job_type": "test"},
        {"status": "failed"},
        {"triggered_by": "manual"},
        {"updated_after": "2026-04-28T14:30:00+02:00"},
    ):
        assert list(pages(alice, jaffle, **query)) == [[other.id]], query
    assert list(pages(alice, jaffle, job_id="job_one", status="pending")) == [[plain.id]]


def test_another_projects_job_has_no_runs_here(alice: Person, jaffle: Project, analytics: Project) -> None:
    a_run(analytics, job_id="job_there")

    assert list(pages(alice, jaffle, job_id="job_there")) == [[]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "done"}, "status"),
        ({"triggered_by": "cron"}, "triggered_by"),
        ({"updated_after": "yesterday"}, "updated_after"),
        ({"updated_after": "2026-04-28T12:00:00"}, "updated_after"),
        ({"updated_after": "2026-04-28"}, "updated_after"),
        ({"updated_after": "1777342380"}, "updated_after"),
        ({"cursor": "made-up"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
    ],
)
def test_a_bad_parameter_is_named(alice: Person, jaffle: Project, query: dict[str, str], field: str) -> None:
    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", query=query)

    assert answer.status == 422
    assert answer.faulty_fields == [field]


def test_an_unknown_parameter_is_ignored(alice: Person, jaffle: Project) -> None:
    assert alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", query={"colour": "red"}).status == 200


def test_a_cursor_belongs_to_its_query(alice: Person, jaffle: Project, analytics: Project) -> None:
    for minute in range(2):
        a_run(jaffle, NOON + timedelta(minutes=minute))
    path = f"/api/v1/projects/{jaffle.id}/runs"
    cursor = alice.call("GET", path, query={"limit": "1"}).json["next_cursor"]

    assert alice.call("GET", path, query={"cursor": cursor, "limit": "5"}).status == 200
    assert alice.call("GET", path, query={"cursor": cursor, "status": "pending"}).status == 422
    assert alice.call("GET", f"/api/v1/projects/{analytics.id}/runs", query={"cursor": cursor}).status == 422


def test_a_run_only_moves_forward(jaffle: Project) -> None:
    pending = a_run(jaffle)
    running = pending.model_copy(update={"status": RunStatus.RUNNING, "start_time": NOON})
    ended = running.model_copy(update={"status": RunStatus.SUCCESS, "end_time": NOON})

    assert store.advance_run(pending, running)
    assert store.advance_run(running, ended)
    assert not store.advance_run(pending, running)
    assert not store.advance_run(running, running.model_copy(update={"status": RunStatus.ERROR}))
    assert store.get_run(jaffle.organization_id, pending.id).status is RunStatus.SUCCESS
    assert pending.id not in [run.id for run in store.open_runs(jaffle.organization_id)]
