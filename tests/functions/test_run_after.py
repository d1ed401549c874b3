"""Which jobs a job may run after: jobs of its project, each once, and never in a cycle."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from tests.functions.people import Answer, Person, new_project

BUILD = {"name": "build", "command": "dbt build", "schedule": "0 2 * * *"}


@pytest.fixture
def jobs(jaffle: Project) -> str:
    return f"/api/v1/projects/{jaffle.id}/jobs"


def make(alice: Person, jobs: str, name: str, *after: str, **settings: Any) -> str:
    """Create a job that runs after others; without any it has a schedule."""
    started = {"run_after": [{"job_id": one} for one in after]} if after else {"schedule": "0 2 * * *"}
    answer = alice.call("POST", jobs, {"name": name, "command": "dbt build", **started, **settings})
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def follow(alice: Person, jobs: str, job: str, *after: str) -> Answer:
    return alice.call("PUT", f"{jobs}/{job}", {"run_after": [{"job_id": one} for one in after]})


def test_a_job_runs_after_others_and_needs_no_schedule(alice: Person, jobs: str) -> None:
    seed = make(alice, jobs, "seed")

    made = alice.call("POST", jobs, {"name": "build", "command": "dbt build", "run_after": [{"job_id": seed}]})

    assert made.status == 201
    assert made.json["run_after"] == [{"job_id": seed, "on": ["success"]}]
    assert "schedule" not in made.json
    assert "next_run_at" not in made.json
    assert made.json == alice.call("GET", f"{jobs}/{made.json['id']}").json
    assert made.json in alice.call("GET", jobs).json["jobs"]


def test_a_job_that_runs_after_nothing_says_nothing_of_it(alice: Person, jobs: str) -> None:
    made = alice.call("GET", f"{jobs}/{make(alice, jobs, 'seed')}").json

    assert "run_after" not in made


def test_statuses_have_one_order_so_that_another_order_is_no_change(alice: Person, jobs: str) -> None:
    seed = make(alice, jobs, "seed")
    after = [{"job_id": seed, "on": ["error", "success", "error"]}]
    job = make(alice, jobs, "build", run_after=after)

    answer = alice.call("PUT", f"{jobs}/{job}", {"run_after": [{"job_id": seed, "on": ["success", "error"]}]})

    assert answer.json["run_after"] == [{"job_id": seed, "on": ["success", "error"]}]
    assert len(alice.call("GET", f"{jobs}/{job}/history").json["versions"]) == 1


@pytest.mark.parametrize(
    ("run_after", "field"),
    [
        ("seed", "run_after"),
        ({"job_id": "SEED"}, "run_after"),
        (["SEED"], "run_after.0"),
        ([{}], "run_after.0.job_id"),
        ([{"job_id": 7}], "run_after.0.job_id"),
        ([{"job_id": ""}], "run_after.0.job_id"),
        ([{"job_id": "x" * 65}], "run_after.0.job_id"),
        ([{"job_id": "job_nobody"}], "run_after.0.job_id"),
        ([{"job_id": "SEED"}, {"job_id": "../meta"}], "run_after.1.job_id"),
        ([{"job_id": "SEED"}, {"job_id": "SEED", "on": ["failed"]}], "run_after.1.job_id"),
        ([{"job_id": "SEED", "on": []}], "run_after.0.on"),
        ([{"job_id": "SEED", "on": "success"}], "run_after.0.on"),
        ([{"job_id": "SEED", "on": ["success", "cancelled"]}], "run_after.0.on.1"),
        ([{"job_id": "SEED", "when": ["success"]}], "run_after.0.when"),
        ([{"job_id": f"job_{n}"} for n in range(11)], "run_after"),
    ],
)
def test_an_invalid_predecessor_is_refused_with_its_place_in_the_list(
    alice: Person, jobs: str, run_after: Any, field: str
) -> None:
    seed = make(alice, jobs, "seed")
    sent = _with_id(run_after, seed)

    made = alice.call("POST", jobs, {**BUILD, "run_after": sent})
    changed = alice.call("PUT", f"{jobs}/{make(alice, jobs, 'other')}", {"run_after": sent})

    for answer in (made, changed):
        assert (answer.status, answer.faulty_fields) == (422, [field]), answer.text
    assert alice.call("GET", jobs).json["total"] == 2


def test_an_unknown_predecessor_is_named_beside_the_other_faults(alice: Person, jobs: str) -> None:
    seed = make(alice, jobs, "seed")
    after = [{"job_id": seed}, {"job_id": "job_nobody"}, {"job_id": 7}]
    wrong = {"command": "rm -rf /", "run_after": after}

    made = alice.call("POST", jobs, {**BUILD, **wrong})
    changed = alice.call("PUT", f"{jobs}/{seed}", wrong)

    for answer in (made, changed):
        assert answer.status == 422
        assert sorted(answer.faulty_fields) == ["command", "run_after.1.job_id", "run_after.2.job_id"], answer.text


def _with_id(sent: Any, seed: str) -> Any:
    if isinstance(sent, list):
        return [_with_id(one, seed) for one in sent]
    if isinstance(sent, dict):
        return {name: _with_id(value, seed) for name, value in sent.items()}
    return seed if sent == "SEED" else sent


def test_a_job_runs_after_ten_others_at_most(alice: Person, jobs: str) -> None:
    after = [{"job_id": make(alice, jobs, f"before {n}")} for n in range(11)]

    assert alice.call("POST", jobs, {**BUILD, "run_after": after[:10]}).status == 201
    refused = alice.call("POST", jobs, {**BUILD, "name": "more", "run_after": after})
    assert (refused.status, refused.faulty_fields) == (422, ["run_after"])
    assert "run_after: must have at most 10" in refused.text


def test_a_job_of_another_project_is_unknown(alice: Person, jobs: str, jaffle: Project) -> None:
    other = new_project(jaffle.organization_id, "elsewhere", jaffle.settings.project_type)
    foreign = make(alice, f"/api/v1/projects/{other.id}/jobs", "seed")

    answer = alice.call("POST", jobs, {**BUILD, "run_after": [{"job_id": foreign}]})

    assert (answer.status, answer.faulty_fields) == (422, ["run_after.0.job_id"])
    assert "is not a job of this project" in answer.text


@pytest.mark.parametrize("nothing", [{}, {"run_after": []}, {"schedule": None}, {"run_after": None, "schedule": None}])
def test_a_job_needs_a_schedule_or_a_job_to_run_after(alice: Person, jobs: str, nothing: dict[str, Any]) -> None:
    answer = alice.call("POST", jobs, {"name": "build", "command": "dbt build", **nothing})

    assert (answer.status, answer.faulty_fields) == (422, ["schedule"])
    assert "run_after" in answer.text


def test_a_schedule_can_be_removed_and_given_back_and_one_of_the_two_stays(alice: Person, jobs: str) -> None:
    seed = make(alice, jobs, "seed")
    job = f"{jobs}/{make(alice, jobs, 'build', seed, schedule='0 3 * * *')}"
    assert "next_run_at" in alice.call("GET", job).json

    assert "next_run_at" not in alice.call("PUT", job, {"schedule": None}).json
    assert "schedule" not in alice.call("GET", job).json
    assert alice.call("PUT", job, {"run_after": []}).faulty_fields == ["schedule"]
    assert alice.call("PUT", job, {"run_after": None, "schedule": "@daily"}).json["schedule"] == "@daily"
    assert alice.call("PUT", job, {"schedule": None}).faulty_fields == ["schedule"]
    assert "run_after" not in alice.call("GET", job).json


def test_a_job_cannot_run_after_itself(alice: Person, jobs: str) -> None:
    seed = make(alice, jobs, "seed")

    answer = follow(alice, jobs, seed, seed)

    assert (answer.status, answer.faulty_fields) == (422, ["run_after.0.job_id"])
    assert "itself" in answer.text


def test_a_cycle_through_three_others_is_refused_and_named(alice: Person, jobs: str) -> None:
    first = make(alice, jobs, "first")
    second = make(alice, jobs, "second", first)
    third = make(alice, jobs, "third", second)
    fourth = make(alice, jobs, "fourth", third, first)
    aside = make(alice, jobs, "aside")

    answer = follow(alice, jobs, first, aside, fourth)

    assert (answer.status, answer.faulty_fields) == (422, ["run_after.1.job_id"])
    assert "'first' runs after 'fourth' runs after 'first'" in answer.text
    assert follow(alice, jobs, first, second).status == 422
    assert follow(alice, jobs, first, aside).status == 200
    assert follow(alice, jobs, aside, fourth).status == 422


def test_the_second_of_two_concurrent_changes_that_close_a_cycle_is_refused(
    alice: Person, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make(alice, jobs, "one"), make(alice, jobs, "other")
    _meanwhile(monkeypatch, lambda: follow(alice, jobs, other, one))

    assert follow(alice, jobs, one, other).status == 422
    assert alice.call("GET", f"{jobs}/{other}").json["run_after"][0]["job_id"] == one


def test_the_second_change_is_refused_where_each_closes_half_of_a_longer_cycle(
    alice: Person, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make(alice, jobs, "a")
    b = make(alice, jobs, "b", a)
    d = make(alice, jobs, "d")
    _meanwhile(monkeypatch, lambda: follow(alice, jobs, d, b))

    assert follow(alice, jobs, a, d).status == 422


def test_a_change_of_another_chain_of_the_project_delays_and_loses_nothing(
    alice: Person, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make(alice, jobs, "a")
    make(alice, jobs, "b", a)
    c, d = make(alice, jobs, "c"), make(alice, jobs, "d")
    _meanwhile(monkeypatch, lambda: follow(alice, jobs, c, d))

    assert follow(alice, jobs, a, d).status == 200
    assert follow(alice, jobs, d, c).status == 422
    assert follow(alice, jobs, d, a).status == 422


def test_a_job_that_is_deleted_while_another_begins_to_follow_it_is_not_followed(
    alice: Person, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed, job = make(alice, jobs, "seed"), make(alice, jobs, "job")
    _meanwhile(monkeypatch, lambda: alice.call("DELETE", f"{jobs}/{seed}"))

    assert follow(alice, jobs, job, seed).faulty_fields == ["run_after.0.job_id"]


def test_a_job_that_is_created_after_one_that_is_deleted_meanwhile_is_not_created(
    alice: Person, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = make(alice, jobs, "seed")
    _meanwhile(monkeypatch, lambda: alice.call("DELETE", f"{jobs}/{seed}"), of="create_job")

    answer = alice.call("POST", jobs, {**BUILD, "run_after": [{"job_id": seed}]})

    assert answer.status == 409
    assert alice.call("GET", jobs).json["total"] == 0


def _meanwhile(monkeypatch: pytest.MonkeyPatch, other: Callable[[], object], of: str = "update_job") -> None:
    """Let somebody else write between the read and the write of the next change."""
    write, left = getattr(store, of), [other]

    def late(*job: Job, **chain: Any) -> Any:
        if left:
            with monkeypatch.context() as quiet:
                quiet.setattr(store, of, write)
                left.pop()()
        return write(*job, **chain)

    monkeypatch.setattr(store, of, late)


def test_a_job_that_others_run_after_cannot_be_deleted(alice: Person, jobs: str) -> None:
    seed = make(alice, jobs, "seed")
    docs, build = make(alice, jobs, "docs", seed), make(alice, jobs, "build", seed)

    refused = alice.call("DELETE", f"{jobs}/{seed}")

    assert (refused.status, refused.json["code"]) == (409, "job_has_followers")
    assert "'build', 'docs'" in refused.text
    assert follow(alice, jobs, docs, build).status == 200
    assert alice.call("DELETE", f"{jobs}/{seed}").status == 409
    for job in (docs, build, seed):
        assert alice.call("DELETE", f"{jobs}/{job}").status == 200


def test_a_job_that_is_followed_while_it_is_deleted_stays(
    alice: Person, jobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = make(alice, jobs, "seed")
    _meanwhile(monkeypatch, lambda: make(alice, jobs, "build", seed), of="delete_job")

    assert alice.call("DELETE", f"{jobs}/{seed}").json["code"] == "job_has_followers"


def test_a_rollback_to_a_job_that_is_gone_or_in_a_cycle_changes_nothing(alice: Person, jobs: str) -> None:
    seed, build = make(alice, jobs, "seed"), make(alice, jobs, "build")
    assert follow(alice, jobs, build, seed).status == 200
    assert follow(alice, jobs, build).status == 200
    assert follow(alice, jobs, seed, build).status == 200

    cycle = alice.call("POST", f"{jobs}/{build}/rollback", {"version": 2})
    assert follow(alice, jobs, seed).status == 200
    assert alice.call("DELETE", f"{jobs}/{seed}").status == 200
    gone = alice.call("POST", f"{jobs}/{build}/rollback", {"version": 2})

    for answer in (cycle, gone):
        assert (answer.status, answer.faulty_fields) == (422, ["run_after.0.job_id"])
        assert "as version 2 has it" in answer.text
    assert "run_after" not in alice.call("GET", f"{jobs}/{build}").json


def test_a_rollback_gives_predecessors_back(alice: Person, jobs: str) -> None:
    seed = make(alice, jobs, "seed")
    build = make(alice, jobs, "build", seed)
    assert alice.call("PUT", f"{jobs}/{build}", {"run_after": [], "schedule": "@daily"}).status == 200
    assert alice.call("DELETE", f"{jobs}/{make(alice, jobs, 'aside')}").status == 200

    restored = alice.call("POST", f"{jobs}/{build}/rollback", {"version": 1})

    assert restored.json["run_after"] == [{"job_id": seed, "on": ["success"]}]
    assert "schedule" not in restored.json
    assert alice.call("DELETE", f"{jobs}/{seed}").status == 409
