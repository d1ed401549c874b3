"""`caused_by` in the lists of runs: the runs that the end of another run started, however old it is."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api.model.commands import ProjectType
from jobs_api.model.run import Run
from tests.functions.people import NOON, Person, new_organization, new_project
from tests.functions.test_counted_ends import Chains


@pytest.fixture
def world() -> Chains:
    return Chains(new_project(new_organization("causes").id, "jaffle", ProjectType.DBT))


@pytest.fixture
def seed_run(world: Chains) -> Run:
    """A run whose end started three others, and one of another job whose end started one."""
    seed = world.job("seed")
    other = world.job("other")
    for name in ("build", "docs", "test"):
        world.job(name, seed)
    world.job("after other", other)
    run = world.ends(seed)
    world.ends(other)
    return run


@pytest.fixture(params=["a project", "all projects"])
def path(request: pytest.FixtureRequest, world: Chains) -> str:
    return "/api/v1/runs" if request.param == "all projects" else f"/api/v1/projects/{world.project.id}/runs"


def asked(person: Person, path: str, **query: str) -> dict[str, Any]:
    answer = person.call("GET", path, query=query, at=NOON + timedelta(hours=1))
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_a_list_has_the_runs_that_a_run_caused(world: Chains, seed_run: Run, path: str) -> None:
    found = asked(world.alice, path, caused_by=seed_run.id)

    assert len(found["runs"]) == 3
    assert {run["caused_by"] for run in found["runs"]} == {seed_run.id}
    positions = [(run["created_at"], run["id"]) for run in found["runs"]]
    assert positions == sorted(positions, reverse=True)
    assert "next_cursor" not in found
    assert "caused_runs" not in world.shown(seed_run)


def test_it_has_pages_and_the_other_filters(world: Chains, seed_run: Run, path: str) -> None:
    every = [run["id"] for run in asked(world.alice, path, caused_by=seed_run.id)["runs"]]
    job_id = asked(world.alice, path, caused_by=seed_run.id)["runs"][1]["job_id"]

    first = asked(world.alice, path, caused_by=seed_run.id, limit="2")
    rest = asked(world.alice, path, caused_by=seed_run.id, limit="2", cursor=first["next_cursor"])

    assert [run["id"] for run in first["runs"] + rest["runs"]] == every
    assert "next_cursor" not in rest
    assert [run["id"] for run in asked(world.alice, path, caused_by=seed_run.id, job_id=job_id)["runs"]] == [every[1]]
    for none in ({"status": "success"}, {"triggered_by": "manual"}, {"job_type": "test"}, {"job_id": "job_none"}):
        assert asked(world.alice, path, caused_by=seed_run.id, **none) == {"runs": []}
    assert asked(world.alice, path, caused_by=seed_run.id, updated_after="2036-01-01T00:00:00Z") == {"runs": []}
    assert len(asked(world.alice, path, caused_by=seed_run.id, updated_after="2026-01-01T00:00:00Z")["runs"]) == 3


def test_a_cursor_is_valid_for_its_cause_alone(world: Chains, seed_run: Run, path: str) -> None:
    cursor = asked(world.alice, path, caused_by=seed_run.id, limit="1")["next_cursor"]

    for query in ({}, {"caused_by": "run_other"}):
        assert world.alice.call("GET", path, query={**query, "cursor": cursor}).status == 422


@pytest.mark.parametrize("cause", ["run_none", "run_", "x" * 64, "../x", "run_é"])
def test_a_run_that_is_not_there_caused_none(world: Chains, seed_run: Run, path: str, cause: str) -> None:
    assert seed_run
    assert asked(world.alice, path, caused_by=cause) == {"runs": []}


def test_a_strangers_run_caused_none(seed_run: Run, alice: Person) -> None:
    own = new_project(alice.organization_id, "jaffle", ProjectType.DBT)

    for path in ("/api/v1/runs", f"/api/v1/projects/{own.id}/runs"):
        assert asked(alice, path, caused_by=seed_run.id) == {"runs": []}


def test_a_run_of_another_project_is_not_in_the_list_of_a_project(world: Chains, seed_run: Run) -> None:
    other = new_project(world.project.organization_id, "other", ProjectType.DBT)

    assert asked(world.alice, f"/api/v1/projects/{other.id}/runs", caused_by=seed_run.id) == {"runs": []}
    assert asked(world.alice, "/api/v1/runs", caused_by=seed_run.id, project_id=other.id) == {"runs": []}
    assert len(asked(world.alice, "/api/v1/runs", caused_by=seed_run.id, project_id=world.project.id)["runs"]) == 3


def test_expired_entries_are_in_no_list(world: Chains, seed_run: Run, path: str) -> None:
    late = NOON + timedelta(days=800)

    assert world.alice.call("GET", path, query={"caused_by": seed_run.id}, at=late).json == {"runs": []}
