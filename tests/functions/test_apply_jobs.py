"""A project's jobs are made to match a list: what the plan says, what is written, and what is refused."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store
from jobs_api.api import idempotency
from jobs_api.errors import ChangedMeanwhile
from jobs_api.model.commands import ProjectType
from jobs_api.model.project import Project
from tests.functions.people import NOON, Answer, Context, Person, new_project

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "0 2 * * *"}
SEED: dict[str, Any] = {"name": "seed", "command": "dbt seed", "schedule": "0 1 * * *"}
LATER = NOON + timedelta(hours=1)

type Apply = Callable[..., Answer]


@pytest.fixture
def jobs(jaffle: Project) -> str:
    return f"/api/v1/projects/{jaffle.id}/jobs"


@pytest.fixture
def apply(alice: Person, jaffle: Project) -> Apply:
    """Apply a list; with `dry` plan it."""

    def call(*listed: Any, dry: bool = False, at: Any = NOON, headers: Any = None, **more: Any) -> Answer:
        query = {"dry_run": "true"} if dry else None
        path = f"/api/v1/projects/{jaffle.id}/apply"
        return alice.call("POST", path, {"jobs": list(listed), **more}, at=at, query=query, headers=headers)

    return call


def actions(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 200, answer.text
    return [(change["action"], change["name"]) for change in answer.json["changes"]]


def named(alice: Person, jobs: str) -> dict[str, dict[str, Any]]:
    return {job["name"]: job for job in alice.call("GET", jobs).json["jobs"]}


def test_a_plan_lists_the_changes_and_writes_nothing(alice: Person, jobs: str, apply: Apply) -> None:
    build = alice.call("POST", jobs, BUILD).json

    plan = apply({**BUILD, "schedule": "0 3 * * *"}, SEED, dry=True)

    assert plan.json["remaining"] == 2
    assert plan.json["changes"] == [
        {
            "action": "update",
            "name": "build",
            "job_id": build["id"],
            "fields": {"schedule": {"before": "0 2 * * *", "after": "0 3 * * *"}},
            "slots": {
                "gained": ["2026-04-29T03:00:00Z"],
                "lost": ["2026-04-29T02:00:00Z"],
                "gained_total": 1,
                "lost_total": 1,
            },
        },
        {
            "action": "create",
            "name": "seed",
            "fields": _new(name="seed", command="dbt seed", schedule="0 1 * * *"),
            "slots": {"gained": ["2026-04-29T01:00:00Z"], "lost": [], "gained_total": 1, "lost_total": 0},
        },
    ]
    assert list(named(alice, jobs)) == ["build"]
    assert len(alice.call("GET", f"{jobs}/{build['id']}/history").json["versions"]) == 1


def _new(**values: str) -> dict[str, Any]:
    return {name: {"after": value} for name, value in values.items()}


def test_applied_twice_changes_nothing(alice: Person, jobs: str, apply: Apply) -> None:
    after = {"name": "marts", "command": "dbt run", "run_after": [{"job": "build"}]}
    secret = {
        **SEED,
        "environment": {"DB_PASSWORD": "hidden", "TARGET": "prod"},
        "webhook_url": "https://example.com/x",
    }
    secret |= {"webhook_headers": {"Authorization": "Bearer 1"}, "webhook_enabled": True}

    first = apply(after, BUILD, secret)
    again = apply(after, BUILD, secret, at=LATER)

    assert actions(first) == [("create", "marts"), ("create", "build"), ("create", "seed")]
    assert [change["applied"] for change in first.json["changes"]] == [True] * 3
    assert first.json["changes"][2]["webhook_secret"].startswith("whsec_")
    assert "hidden" not in first.text
    assert first.json["remaining"] == again.json["remaining"] == 0
    assert actions(again) == [("none", "marts"), ("none", "build"), ("none", "seed")]
    known = named(alice, jobs)
    assert known["marts"]["run_after"] == [{"job_id": known["build"]["id"], "on": ["success"]}]


def test_applying_the_answer_of_a_list_changes_nothing(alice: Person, jobs: str, apply: Apply) -> None:
    seed = alice.call("POST", jobs, {**SEED, "environment": {"API_TOKEN": "hidden"}}).json
    alice.call("POST", jobs, {**BUILD, "run_after": [{"job_id": seed["id"]}], "retries": 2})

    answer = apply(*alice.call("GET", jobs).json["jobs"])

    assert sorted(actions(answer)) == [("none", "build"), ("none", "seed")]


def test_fields_that_an_entry_leaves_out_have_their_defaults_but_a_pause_stays(
    alice: Person, jobs: str, apply: Apply
) -> None:
    pause = {"paused_until": "2026-04-28T20:00:00Z", "pause_reason": "The warehouse moves"}
    alice.call("POST", jobs, {**BUILD, "enabled": False, "retries": 3, **pause})

    answer = apply(BUILD)

    assert set(answer.json["changes"][0]["fields"]) == {"enabled", "retries"}
    job = named(alice, jobs)["build"]
    assert (job["enabled"], job["retries"], job["paused_until"]) == (True, 0, pause["paused_until"])
    assert set(apply({**BUILD, "paused_until": None}).json["changes"][0]["fields"]) == {"paused_until", "pause_reason"}


def test_a_secret_is_compared_and_never_shown(alice: Person, jobs: str, apply: Apply) -> None:
    apply({**BUILD, "environment": {"DB_PASSWORD": "one"}})

    same, masked = (apply({**BUILD, "environment": {"DB_PASSWORD": value}}, dry=True) for value in ("one", "***"))
    other = apply({**BUILD, "environment": {"DB_PASSWORD": "two"}})

    assert actions(same) == actions(masked) == [("none", "build")]
    shown = {"before": {"DB_PASSWORD": "***"}, "after": {"DB_PASSWORD": "***"}}
    assert other.json["changes"][0]["fields"] == {"environment": shown}
    versions = alice.call("GET", f"{jobs}/{other.json['changes'][0]['job_id']}/history").json["versions"]
    assert [version["action"] for version in versions] == ["job.update", "job.create"]


def test_an_id_renames_a_job(alice: Person, jobs: str, apply: Apply) -> None:
    build = alice.call("POST", jobs, BUILD).json

    answer = apply({**BUILD, "name": "nightly", "id": build["id"]}, BUILD)

    assert actions(answer) == [("update", "nightly"), ("create", "build")]
    assert answer.json["changes"][0]["fields"] == {"name": {"before": "build", "after": "nightly"}}
    assert named(alice, jobs)["nightly"]["id"] == build["id"]


def test_only_a_prune_deletes(alice: Person, jobs: str, apply: Apply, admin: Person) -> None:
    alice.call("POST", jobs, SEED)

    kept = apply(BUILD)
    plan = apply(BUILD, prune=True, dry=True)
    pruned = apply(BUILD, prune=True, plan_id=plan.json["plan_id"])

    assert actions(kept) == [("create", "build")]
    assert kept.json["unlisted"] == 1
    assert "unlisted" not in plan.json
    assert actions(plan) == actions(pruned) == [("none", "build"), ("delete", "seed")]
    assert plan.json["changes"][1]["slots"]["lost"] == ["2026-04-29T01:00:00Z"]
    assert list(named(alice, jobs)) == ["build"]
    entries = [entry["action"] for entry in admin.call("GET", "/api/v1/audit-log").json["entries"]]
    assert sorted(entries) == ["job.create", "job.create", "job.delete"]


def test_an_empty_list_deletes_all_jobs_only_with_a_prune(alice: Person, jobs: str, apply: Apply) -> None:
    apply(BUILD, {**SEED, "run_after": [{"job": "build"}]})

    kept = apply()
    plan = apply(prune=True, dry=True)
    after_plan = set(named(alice, jobs))
    pruned = apply(prune=True)

    assert (kept.json["changes"], kept.json["unlisted"]) == ([], 2)
    assert set(actions(plan)) == set(actions(pruned)) == {("delete", "build"), ("delete", "seed")}
    assert after_plan == {"build", "seed"}
    assert pruned.json["remaining"] == 0
    assert named(alice, jobs) == {}


def test_creations_renames_and_deletions_are_applied_in_a_possible_order(
    alice: Person, jobs: str, apply: Apply
) -> None:
    apply(SEED, {"name": "a", "command": "dbt run", "run_after": [{"job": "seed"}]})
    apply(SEED, {"name": "a", "command": "dbt run", "run_after": [{"job": "seed"}]}, BUILD)
    known = named(alice, jobs)

    # `seed` now runs after `a`, which ran after `seed`; `build` takes the name of a job that is deleted.
    turned = apply(
        {"name": "seed", "command": "dbt seed", "run_after": [{"job": "a"}, {"job": "new"}]},
        {"name": "new", "command": "dbt run", "run_after": [{"job": "a", "on": ["success", "failed"]}]},
        {"name": "a", "command": "dbt run", "schedule": "@daily"},
    )
    renamed = apply({**BUILD, "id": known["build"]["id"], "name": "new"}, prune=True)

    assert actions(turned) == [("update", "seed"), ("create", "new"), ("update", "a")]
    assert turned.json["changes"][0]["fields"]["run_after"]["after"][1]["job"] == "new"
    assert sorted(actions(renamed)) == [("delete", "a"), ("delete", "new"), ("delete", "seed"), ("update", "new")]
    assert {name: job["id"] for name, job in named(alice, jobs).items()} == {"new": known["build"]["id"]}


def test_swapping_two_names_is_refused(alice: Person, jobs: str, apply: Apply) -> None:
    build, seed = (alice.call("POST", jobs, one).json["id"] for one in (BUILD, SEED))

    answer = apply({**BUILD, "id": build, "name": "seed"}, {**SEED, "id": seed, "name": "build"})

    assert (answer.status, answer.faulty_fields) == (422, ["jobs[0].name", "jobs[1].name"])
    assert "first give one of them a free name" in answer.text
    assert {name: job["id"] for name, job in named(alice, jobs).items()} == {"build": build, "seed": seed}


def test_all_faults_name_their_job_and_nothing_is_written(alice: Person, jobs: str, apply: Apply) -> None:
    alice.call("POST", jobs, SEED)
    other = {"name": "x", "command": "dbt run"}

    answer = apply(
        BUILD,
        {**BUILD, "name": "BUILD"},
        {"name": "bad", "command": "rm -rf", "schedule": "61 * * * *", "shedule": "@daily"},
        {**BUILD, "name": "own", "id": "job_nobody"},
        {**other, "run_after": [{"job": "x"}, {"job": "nobody"}, {"job_id": "job_nobody"}, {"job": 7}, {"jobs": 1}]},
        {"name": ""},
        {"name": "seed", "schedule": "@daily", "environment": {"DB_PASSWORD": "***", "API_TOKEN": "***"}},
    )

    assert answer.status == 422
    assert sorted(answer.faulty_fields) == [
        "jobs[1].name",
        "jobs[2].command",
        "jobs[2].schedule",
        "jobs[2].shedule",
        "jobs[3].id",
        "jobs[4].run_after.0.job",
        "jobs[4].run_after.1.job",
        "jobs[4].run_after.2.job_id",
        "jobs[4].run_after.3.job",
        "jobs[4].run_after.4.job_id",
        "jobs[4].run_after.4.jobs",
        "jobs[5].command",
        "jobs[5].name",
        "jobs[5].schedule",
        "jobs[6].command",
        "jobs[6].environment.API_TOKEN",
        "jobs[6].environment.DB_PASSWORD",
    ]
    assert "did you mean schedule?" in answer.text
    assert list(named(alice, jobs)) == ["seed"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "jobs"),
        ({"jobs": {}}, "jobs"),
        ({"jobs": [BUILD, "build"]}, "jobs[1]"),
        ({"jobs": [], "prune": "yes"}, "prune"),
        ({"jobs": [], "plan_id": 7}, "plan_id"),
        ({"jobs": [], "purge": True}, "purge"),
        ({"jobs": [{}] * 2_001}, "jobs"),
    ],
)
def test_a_malformed_request_is_refused_with_its_field(alice: Person, jaffle: Project, body: Any, field: str) -> None:
    answer = alice.call("POST", f"/api/v1/projects/{jaffle.id}/apply", body)

    assert (answer.status, answer.faulty_fields) == (422, [field])


def test_a_malformed_request_names_the_faults_of_its_jobs_too(alice: Person, jobs: str) -> None:
    listed = [{**BUILD, "schedule": "daily"}, {**BUILD, "name": "later", "run_after": [{"job_id": "job_nobody"}]}]
    body = {"jobs": listed, "prune": "yes", "purge": True}

    answer = alice.call("POST", jobs.removesuffix("jobs") + "apply", body)

    assert answer.status == 422
    assert sorted(answer.faulty_fields) == ["jobs[0].schedule", "jobs[1].run_after.0.job_id", "prune", "purge"]


@pytest.mark.parametrize("name", ["trace", "dryrun"])
def test_unknown_parameters_are_ignored(alice: Person, jaffle: Project, jobs: str, name: str) -> None:
    answer = alice.call("POST", f"/api/v1/projects/{jaffle.id}/apply", {"jobs": [BUILD]}, query={name: "true"})

    assert answer.status == 200
    assert named(alice, jobs).keys() == {"build"}


def test_cycles_are_refused_with_their_names(alice: Person, jobs: str, apply: Apply) -> None:
    alice.call("POST", jobs, BUILD)
    a = {"name": "a", "command": "dbt run", "run_after": [{"job": "c"}]}
    b = {"name": "b", "command": "dbt run", "run_after": [{"job": "build"}, {"job": "a"}]}
    c = {"name": "c", "command": "dbt run", "run_after": [{"job": "b"}]}

    answer = apply(a, b, c)

    assert answer.status == 422
    assert len(answer.json["errors"]) == 1
    assert "makes a cycle" in answer.text
    assert all(f"'{name}'" in answer.json["errors"][0]["message"] for name in "abc")
    assert list(named(alice, jobs)) == ["build"]


def test_a_job_that_is_pruned_cannot_be_followed(alice: Person, jobs: str, apply: Apply) -> None:
    seed = alice.call("POST", jobs, SEED).json["id"]
    follows = [{"name": "x", "command": "dbt run", "run_after": [one]} for one in ({"job": "seed"}, {"job_id": seed})]

    for listed, field in zip(follows, ("job", "job_id"), strict=True):
        answer = apply(listed, prune=True)
        assert answer.faulty_fields == [f"jobs[0].run_after.0.{field}"]
        assert "is deleted by this request" in answer.text


def test_a_rename_to_a_name_that_is_taken_is_refused(alice: Person, jobs: str, apply: Apply) -> None:
    build, _ = (alice.call("POST", jobs, one).json["id"] for one in (BUILD, SEED))

    answer = apply({**BUILD, "id": build, "name": "Seed"})

    assert answer.faulty_fields == ["jobs[0].name"]


def test_a_cronjob_of_another_project_is_found_before_anything_is_written(
    alice: Person, jaffle: Project, jobs: str, apply: Apply
) -> None:
    other = new_project(jaffle.organization_id, "jaffle shop", jaffle.settings.project_type)
    alice.call("POST", f"/api/v1/projects/{other.id}/jobs", BUILD)

    answer = apply(SEED, {**BUILD, "name": "shop build"})

    assert answer.faulty_fields == ["jobs[1].name"]
    assert named(alice, jobs) == {}


def test_a_job_of_another_organization_is_unknown(alice: Person, apply: Apply, charlie: Person) -> None:
    theirs = new_project(charlie.organization_id, "theirs", ProjectType.SQLMESH)
    job = charlie.call("POST", f"/api/v1/projects/{theirs.id}/jobs", {**BUILD, "command": "sqlmesh run"}).json["id"]

    foreign, invented = (apply({**BUILD, "id": one}) for one in (job, "job_invented"))

    assert (foreign.status, foreign.json["errors"]) == (422, invented.json["errors"])
    assert alice.call("POST", f"/api/v1/projects/{theirs.id}/apply", {"jobs": []}).status == 404


def test_a_reader_may_not_apply(rita: Person, jaffle: Project) -> None:
    assert rita.call("POST", f"/api/v1/projects/{jaffle.id}/apply", {"jobs": []}).status == 403


def test_a_plan_that_is_no_longer_true_is_refused(alice: Person, jobs: str, apply: Apply) -> None:
    job = alice.call("POST", jobs, BUILD).json["id"]
    wanted = {**BUILD, "schedule": "0 3 * * *"}
    plan = apply(wanted, SEED, dry=True).json["plan_id"]

    assert apply(wanted, SEED, dry=True, at=LATER).json["plan_id"] == plan
    alice.call("PUT", f"{jobs}/{job}", {"retries": 1})
    stale = apply(wanted, SEED, plan_id=plan)
    other_list = apply(wanted, plan_id=plan)

    for answer in (stale, other_list):
        assert (answer.status, answer.json["code"]) == (409, "stale_plan")
    assert "seed" not in named(alice, jobs)


def test_a_plan_may_be_applied_and_the_next_one_is_empty(apply: Apply) -> None:
    plan = apply(BUILD, SEED, dry=True).json["plan_id"]

    applied = apply(BUILD, SEED, plan_id=plan, at=LATER)

    assert applied.json["remaining"] == 0
    assert applied.json["plan_id"] == apply(BUILD, SEED, dry=True).json["plan_id"] != plan


def test_a_request_that_runs_out_of_time_is_continued_with_a_new_plan(
    apply: Apply, monkeypatch: pytest.MonkeyPatch, alice: Person, jobs: str
) -> None:
    listed = [{"name": f"j{n}", "command": "dbt run", "run_after": [{"job": f"j{n + 1}"}]} for n in range(3)]
    listed.append({"name": "j3", "command": "dbt run", "schedule": "@daily"})
    plan = apply(*listed, dry=True).json["plan_id"]
    monkeypatch.setattr("tests.functions.people.Context.get_remaining_time_in_millis", lambda _: 3_000)

    for left in (3, 2, 1, 0):
        answer = apply(*listed, plan_id=plan)
        assert answer.json["remaining"] == left, answer.text
        plan = answer.json["plan_id"]

    assert set(named(alice, jobs)) == {"j3", "j2", "j1", "j0"}


def test_a_key_returns_the_first_answer_again_and_ignores_plans(alice: Person, jobs: str, apply: Apply) -> None:
    key = {"Idempotency-Key": "once"}
    plan = apply(BUILD, headers=key, dry=True)
    first = apply({**BUILD, "webhook_url": "https://example.com/x"}, headers=key)
    again = apply({**BUILD, "webhook_url": "https://example.com/x"}, headers=key, at=LATER)
    other = apply(SEED, headers=key)

    assert actions(plan) == [("create", "build")]
    assert "applied" not in plan.json["changes"][0]
    assert first.text == again.text
    assert "whsec_" in first.text
    assert other.status == 409
    assert list(named(alice, jobs)) == ["build"]


def test_a_long_answer_is_kept_without_what_its_plan_said(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs_api.edits.document.PLAN_KEPT_BYTES", 3_000)
    key = {"Idempotency-Key": "once"}
    listed = [{**BUILD, "name": f"job {n}", "description": "x" * 1000} for n in range(3)]

    first = apply(*listed, headers=key)

    assert first.json["remaining"] == 0
    assert "fields" not in first.json["changes"][0]
    assert apply(*listed, headers=key, at=LATER).text == first.text


def test_an_answer_over_what_an_item_takes_is_kept_for_its_key(jaffle: Project) -> None:
    changes: list[dict[str, Any]] = [
        {
            "action": "create",
            "name": f"job {n}",
            "job_id": f"job_{n:032x}",
            "applied": True,
            "webhook_secret": f"whsec_{n:043}=",
        }
        for n in range(2_000)
    ]
    body = json.dumps({"plan_id": "plan_1", "remaining": 0, "changes": changes, "text": "ø" * 100_000})
    made = {"statusCode": 200, "multiValueHeaders": {}, "body": body}
    scope = f"{jaffle.organization_id} POST /apply"
    answers = iter([dict(made)])

    first, again = (
        idempotency.once("k", scope, "{}", lambda: next(answers), cast("LambdaContext", Context())) for _ in range(2)
    )

    assert len(body.encode()) > 400 * 1024
    assert first == again == made
    kept = boto3.client("dynamodb").scan(TableName=os.environ["IDEMPOTENCY_TABLE"])["Items"]
    assert "packed" in str(kept)
    assert changes[0]["webhook_secret"] not in str(kept)


def test_a_refusal_is_not_kept_for_its_key(alice: Person, jobs: str, apply: Apply) -> None:
    key = {"Idempotency-Key": "once"}
    follower = {"name": "after", "command": "dbt run", "run_after": [{"job": "seed"}]}
    assert apply(BUILD, follower, headers=key).status == 422
    alice.call("POST", jobs, SEED)

    assert actions(apply(BUILD, follower, headers=key)) == [("create", "build"), ("create", "after")]


def test_a_write_between_reading_and_applying_is_noticed(
    alice: Person, jobs: str, apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = alice.call("POST", jobs, BUILD).json["id"]
    list_jobs = store.list_jobs

    def changed_after_it_was_read(*ids: str) -> Any:
        read = list_jobs(*ids)
        monkeypatch.setattr(store, "list_jobs", list_jobs)
        alice.call("PUT", f"{jobs}/{job}", {"description": "by hand"})
        return read

    wanted = {**BUILD, "retries": 1, "description": None}
    plan = apply(SEED, wanted, dry=True).json["plan_id"]
    monkeypatch.setattr(store, "list_jobs", changed_after_it_was_read)
    stale = apply(SEED, wanted, plan_id=plan)
    assert (stale.status, stale.json["code"]) == (409, "stale_plan")
    assert "1 change is written" in stale.json["message"]

    monkeypatch.setattr(store, "list_jobs", changed_after_it_was_read)
    alice.call("PUT", f"{jobs}/{job}", {"description": None})
    written = apply(SEED, wanted)
    assert written.json["remaining"] == 0
    assert "description" not in named(alice, jobs)["build"]
    assert {one["name"]: one["action"] for one in written.json["changes"]} == {"seed": "none", "build": "update"}


@pytest.fixture
def raced(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], Any]], None]:
    """Let somebody else write once, just before the store writes a job."""

    def race(write: str, somebody_else: Callable[[], Any]) -> None:
        own = getattr(store, write)

        def after_them(*jobs_of: Any, **more: Any) -> Any:
            monkeypatch.setattr(store, write, own)
            somebody_else()
            return own(*jobs_of, **more)

        monkeypatch.setattr(store, write, after_them)

    return race


@pytest.mark.parametrize("listed", [[], [BUILD]], ids=["nothing", "build"])
def test_jobs_that_another_apply_creates_while_a_plan_is_made_are_not_another_projects(
    alice: Person, jobs: str, apply: Apply, monkeypatch: pytest.MonkeyPatch, listed: list[dict[str, Any]]
) -> None:
    for job in listed:
        alice.call("POST", jobs, job)
    list_jobs = store.list_jobs

    def before_the_other_apply(*ids: str) -> Any:
        read = list_jobs(*ids)
        monkeypatch.setattr(store, "list_jobs", list_jobs)
        assert apply(BUILD, SEED).json["remaining"] == 0
        return read

    monkeypatch.setattr(store, "list_jobs", before_the_other_apply)
    planned = apply(BUILD, SEED, dry=True)
    assert ("create", "seed") in actions(planned)

    monkeypatch.setattr(store, "list_jobs", list_jobs)
    for job in named(alice, jobs).values():
        alice.call("DELETE", f"{jobs}/{job['id']}")
    monkeypatch.setattr(store, "list_jobs", before_the_other_apply)
    assert actions(apply(BUILD, SEED)) == [("none", "build"), ("none", "seed")]


@pytest.mark.parametrize("write", ["create_job", "update_job", "delete_job"])
def test_an_apply_that_another_apply_of_the_same_list_overtakes_changes_nothing_more(
    alice: Person, jobs: str, apply: Apply, raced: Callable[..., None], write: str
) -> None:
    alice.call("POST", jobs, BUILD)
    alice.call("POST", jobs, {**BUILD, "name": "old"})
    wanted = [SEED, {**BUILD, "retries": 1}]
    plan_id = apply(*wanted, dry=True, prune=True).json["plan_id"]
    raced(write, lambda: apply(*wanted, prune=True))

    stale = apply(*wanted, prune=True, plan_id=plan_id)
    assert (stale.status, stale.json["code"]) == (409, "stale_plan"), stale.text

    for name, job in named(alice, jobs).items():
        alice.call("DELETE", f"{jobs}/{job['id']}") if name == "seed" else alice.call(
            "PUT", f"{jobs}/{job['id']}", {"retries": 0}
        )
    alice.call("POST", jobs, {**BUILD, "name": "old"})
    raced(write, lambda: apply(*wanted, prune=True))
    answer = apply(*wanted, prune=True)

    assert (answer.status, answer.json.get("remaining")) == (200, 0), answer.text
    assert set(named(alice, jobs)) == {"seed", "build"}


def test_an_apply_that_loses_a_race_names_all_that_it_wrote(
    alice: Person, jobs: str, apply: Apply, raced: Callable[..., None]
) -> None:
    build, old = (alice.call("POST", jobs, {**BUILD, "name": name}).json["id"] for name in ("build", "old"))
    seed = {**SEED, "webhook_url": "https://example.com/x"}
    raced("delete_job", lambda: alice.call("PUT", f"{jobs}/{old}", {"description": "by hand"}))

    answer = apply(seed, {**BUILD, "retries": 1}, prune=True)

    assert answer.json["remaining"] == 0
    assert [(one["action"], one["name"], one["applied"]) for one in answer.json["changes"]] == [
        ("create", "seed", True),
        ("update", "build", True),
        ("delete", "old", True),
    ]
    created, updated, deleted = answer.json["changes"]
    assert created["webhook_secret"].startswith("whsec_")
    assert "retries" in updated["fields"]
    assert (updated["job_id"], deleted["job_id"]) == (build, old)


def test_a_job_that_was_written_and_then_changed_by_somebody_else_keeps_its_key_in_the_answer(
    alice: Person, jobs: str, apply: Apply, raced: Callable[..., None]
) -> None:
    build = alice.call("POST", jobs, BUILD).json["id"]

    def change_both() -> None:
        alice.call("PUT", f"{jobs}/{named(alice, jobs)['seed']['id']}", {"retries": 3})
        alice.call("PUT", f"{jobs}/{build}", {"description": "by hand"})

    raced("update_job", change_both)
    answer = apply({**SEED, "webhook_url": "https://example.com/x", "retries": 1}, {**BUILD, "description": "mine"})

    seed = answer.json["changes"][0]
    assert (seed["action"], seed["applied"]) == ("update", True)
    assert seed["fields"]["retries"] == {"before": 3, "after": 1}
    assert seed["webhook_secret"].startswith("whsec_")
    assert named(alice, jobs)["seed"]["retries"] == 1


def test_changes_for_which_a_second_plan_has_no_time_remain(
    alice: Person, jobs: str, apply: Apply, raced: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = alice.call("POST", jobs, BUILD).json["id"]

    def change_both() -> None:
        alice.call("PUT", f"{jobs}/{named(alice, jobs)['seed']['id']}", {"retries": 3})
        alice.call("PUT", f"{jobs}/{build}", {"description": "by hand"})
        monkeypatch.setattr("tests.functions.people.Context.get_remaining_time_in_millis", lambda _: 3_000)

    raced("update_job", change_both)
    answer = apply({**BUILD, "name": "first"}, {**SEED, "retries": 1}, {**BUILD, "description": "mine"})

    assert answer.json["remaining"] == 1
    assert [one.get("applied") for one in answer.json["changes"]] == [True, True, False]
    assert (
        apply({**BUILD, "name": "first"}, {**SEED, "retries": 1}, {**BUILD, "description": "mine"}).json["remaining"]
        == 0
    )


def test_a_list_that_somebody_else_makes_invalid_in_the_middle_is_a_conflict_that_names_what_is_written(
    alice: Person, jobs: str, apply: Apply, raced: Callable[..., None]
) -> None:
    a, b = (alice.call("POST", jobs, {**BUILD, "name": name}).json["id"] for name in "ab")
    raced("update_job", lambda: alice.call("PUT", f"{jobs}/{b}", {"run_after": [{"job_id": a}]}))

    answer = apply(SEED, {**BUILD, "name": "a", "run_after": [{"job": "b"}]})

    assert answer.status == 409
    assert "no longer valid (1 change is written: create 'seed'; " in answer.json["message"]


def test_an_error_names_the_first_changes_and_counts_the_others(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    create = store.create_job

    def but_never_the_last(job: Any, *more: Any) -> Any:
        if job.settings.name == "j7":
            raise ChangedMeanwhile("Somebody else was first")
        return create(job, *more)

    monkeypatch.setattr(store, "create_job", but_never_the_last)
    answer = apply(*({**BUILD, "name": f"j{n}"} for n in range(8)))

    assert answer.status == 409
    assert "(7 changes are written: create 'j0', " in answer.json["message"]
    assert "create 'j4' and 2 more;" in answer.json["message"]


def test_a_change_of_chains_during_an_apply_cannot_close_a_cycle(
    alice: Person, jobs: str, apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (alice.call("POST", jobs, {**BUILD, "name": name}).json["id"] for name in "ab")
    update_job = store.update_job

    def after_somebody_else(*jobs_of: Any, **more: Any) -> None:
        monkeypatch.setattr(store, "update_job", update_job)
        assert alice.call("PUT", f"{jobs}/{b}", {"run_after": [{"job_id": a}]}).status == 200
        update_job(*jobs_of, **more)

    monkeypatch.setattr(store, "update_job", after_somebody_else)
    answer = apply({**BUILD, "name": "a", "run_after": [{"job": "b"}]})

    assert answer.status == 422
    assert "makes a cycle" in answer.text


def test_an_apply_that_always_loses_to_other_writers_is_a_conflict(
    apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise ChangedMeanwhile("Somebody else was first")

    monkeypatch.setattr(store, "create_job", never)

    assert apply(BUILD).status == 409


def test_an_apply_cannot_exceed_the_greatest_number_of_jobs(
    alice: Person, jobs: str, apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs_api.edits.apply.MOST_JOBS", 2)
    monkeypatch.setattr("jobs_api.store.job_counts.MOST_JOBS", 2)
    apply(BUILD, SEED)

    assert apply({**BUILD, "name": "third"}).status == 409
    assert actions(apply({**BUILD, "name": "third"}, SEED, prune=True)) == [
        ("create", "third"),
        ("none", "seed"),
        ("delete", "build"),
    ]
    assert set(named(alice, jobs)) == {"third", "seed"}


def test_a_plan_reads_the_project_and_its_jobs_once(alice: Person, jobs: str, apply: Apply, made: list[str]) -> None:
    for n in range(5):
        alice.call("POST", jobs, {**BUILD, "name": f"job {n}"})
    made.clear()

    apply(*({**BUILD, "name": f"job {n}", "retries": 1} for n in range(10)), dry=True)

    assert made == ["GetItem", "Query", "BatchGetItem"]


def test_a_project_that_is_not_deployed_has_no_slots_to_gain(alice: Person) -> None:
    idle = new_project(alice.organization_id, "idle", ProjectType.SQLMESH, deployed=False)
    listed = [{"name": "build", "command": "sqlmesh run", "schedule": "@hourly"}]

    answer = alice.call("POST", f"/api/v1/projects/{idle.id}/apply", {"jobs": listed}, query={"dry_run": "true"})

    assert "slots" not in answer.json["changes"][0]


def test_many_slots_are_counted_and_some_are_listed(apply: Apply) -> None:
    slots = apply({**BUILD, "schedule": "* * * * *"}, dry=True).json["changes"][0]["slots"]

    assert (len(slots["gained"]), slots["gained_total"]) == (100, 1440)


def test_slots_are_counted_up_to_a_bound_and_what_is_left_out_is_said(
    apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs_api.edits.plan.COMPUTED_SLOTS", 100)
    listed = [{**BUILD, "name": f"job {n}", "schedule": f"*/{n} * * * *"} for n in (5, 6, 7)]

    plan = apply(*listed, {**listed[0], "name": "as the first"}, dry=True).json

    assert plan["slots_uncounted"] == 2
    assert [change.get("slots", {}).get("gained_total") for change in plan["changes"]] == [288, None, None, 288]
    assert "slots_uncounted" not in apply(BUILD, dry=True).json


def test_a_list_may_be_larger_than_another_body_but_not_two_mebibytes(apply: Apply) -> None:
    within, beyond = (apply({**BUILD, "description": "x" * size}) for size in (2**21 - 200, 2**21))

    assert (within.status, within.faulty_fields) == (422, ["jobs[0].description"])
    assert beyond.status == 413
