"""POST /projects/{id}/jobs/{job_id}/trigger, on a cluster that answers over HTTPS."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.sealing import environment
from jobs_api.store.run_rows import RunRow
from tests.calls_to_aws import die_at
from tests.functions.acme import Acme
from tests.functions.people import NOON, Answer, Person, new_project
from tests.functions.refusals import Refuse


def path(job: Job) -> str:
    return f"/api/v1/projects/{job.project_id}/jobs/{job.id}/trigger"


def trigger(acme: Acme, body: Any = None, **options: Any) -> Answer:
    return acme.alice.call("POST", path(acme.job), body, **options)


def run_of(acme: Acme, answer: Answer) -> Run:
    return store.get_run(acme.organization.id, answer.json["job_run_id"])


def kubernetes_jobs(acme: Acme) -> list[dict[str, Any]]:
    pages = acme.cluster.list_jobs(acme.organization.namespace, "")
    return [job for page in pages for job in page]


def container_of(acme: Acme, name: str) -> dict[str, Any]:
    job = acme.cluster.get_job(acme.organization.namespace, name)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def test_it_works(acme: Acme) -> None:
    answer = trigger(acme)

    assert answer.status == 202
    assert answer.json == {
        "job_run_id": answer.json["job_run_id"],
        "job_name": "jaffle-nightly-20260428-120000",
        "status": "pending",
        "message": "Run triggered successfully",
    }
    assert container_of(acme, answer.json["job_name"])["command"] == ["dbt", "build"]
    run = acme.alice.call("GET", f"/api/v1/runs/{answer.json['job_run_id']}").json
    assert (run["triggered_by"], run["status"], run["job_type"]) == ("manual", "pending", "build")
    assert run["job_name"] == answer.json["job_name"]
    assert run["command"] == "dbt build"


@pytest.mark.parametrize("body", [None, "", "{}", '{"command_override": null}'])
def test_the_body_may_be_empty(acme: Acme, body: str | None) -> None:
    assert trigger(acme, body).status == 202


def test_a_dbt_run_may_have_a_command_of_its_own(acme: Acme) -> None:
    answer = trigger(acme, {"command_override": "dbt test --select customers"})

    assert container_of(acme, answer.json["job_name"])["command"] == ["dbt", "test", "--select", "customers"]
    run = run_of(acme, answer)
    assert (run.command, run.job_type) == ("dbt test --select customers", "test")
    assert acme.alice.call("GET", path(acme.job).removesuffix("/trigger")).json["command"] == "dbt build"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"command_override": ""}, "command_override"),
        ({"command_override": "dbt build; ls"}, "command_override"),
        ({"command_override": "sqlmesh run"}, "command_override"),
        ({"command_override": 7}, "command_override"),
        ({"command": "dbt test"}, "command"),
    ],
)
def test_a_bad_override_is_named_and_starts_nothing(acme: Acme, body: dict[str, Any], field: str) -> None:
    answer = trigger(acme, body)

    assert answer.status == 422
    assert answer.faulty_fields == [field]
    assert kubernetes_jobs(acme) == []


SAID = {
    "environment": {"DAY": "monday=1\n", "DB_PASSWORD": "hunter2-of-this-run", "EMPTY": ""},
    "cause": "Backfill after the outage, ticket 7",
    "git_sha": "1F0A9C3",
}


def test_cause_commit_and_variables_of_a_trigger_are_on_the_run_and_in_its_pod(acme: Acme) -> None:
    acme.alice.call(
        "PUT", path(acme.job).removesuffix("/trigger"), {"environment": {"DAY": "sunday", "API_TOKEN": "t0"}}
    )

    answer = trigger(acme, SAID)

    assert answer.status == 202, answer.text
    run = acme.alice.call("GET", f"/api/v1/runs/{answer.json['job_run_id']}").json
    assert run["environment"] == {"DAY": "monday=1\n", "DB_PASSWORD": "***", "EMPTY": ""}
    assert (run["cause"], run["git_sha"]) == (SAID["cause"], "1f0a9c3")
    listed = acme.alice.call("GET", f"/api/v1/projects/{acme.project.id}/runs").json["runs"][0]
    assert listed == run
    pod = {one["name"]: one.get("value", "") for one in container_of(acme, answer.json["job_name"])["env"]}
    assert {name: pod[name] for name in ("DAY", "API_TOKEN", "DB_PASSWORD", "EMPTY")} == {
        "DAY": "monday=1\n",
        "API_TOKEN": "t0",
        "DB_PASSWORD": "hunter2-of-this-run",
        "EMPTY": "",
    }
    job = acme.alice.call("GET", path(acme.job).removesuffix("/trigger")).json
    assert job["environment"] == {"DAY": "sunday", "API_TOKEN": "***"}, "the job keeps its own"


def test_a_runs_own_secrets_are_stored_sealed_and_can_be_opened_again_for_a_repetition(acme: Acme) -> None:
    answer = trigger(acme, SAID)

    stored = str(RunRow._get_connection().scan()["Items"])
    assert "hunter2-of-this-run" not in stored
    run = run_of(acme, answer)
    assert run.launch is None
    assert environment.opened_of(run) == {"DB_PASSWORD": "hunter2-of-this-run"}


def test_an_own_secret_takes_the_place_of_the_jobs_and_a_mask_keeps_it(acme: Acme, refuse: Refuse) -> None:
    acme.alice.call("PUT", path(acme.job).removesuffix("/trigger"), {"environment": {"A_TOKEN": "a", "B_TOKEN": "b"}})
    refuse("POST", "jobs")

    run = run_of(acme, trigger(acme, {"environment": {"A_TOKEN": "other", "B_TOKEN": "***"}}))

    assert run.environment == {"A_TOKEN": "***"}
    assert environment.opened_of(run) == {"A_TOKEN": "other", "B_TOKEN": "b"}


def test_rows_of_earlier_releases_are_read_with_the_text_by_which_failures_are_grouped(acme: Acme) -> None:
    run = run_of(acme, trigger(acme, {"cause": "because"}))
    RunRow(run.id).update(actions=[RunRow.failure_cause.set("no such table")])

    item = RunRow._get_connection().get_item(run.id)["Item"]
    assert (item["cause"], item["trigger_cause"]) == ({"S": "no such table"}, {"S": "because"})
    again = store.get_run(acme.organization.id, run.id)
    assert (again.failure_cause, again.cause) == ("no such table", "because")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"environment": {"PATH": "/opt/bin"}}, ["environment.PATH"]),
        ({"environment": {"JOBS_API_RUN_ID": "x"}}, ["environment.JOBS_API_RUN_ID"]),
        ({"environment": {"API_TOKEN": "***"}}, ["environment.API_TOKEN"]),
        ({"environment": {"A-B": "x"}}, ["environment"]),
        ({"environment": {"A": 7}}, ["environment.A"]),
        ({"environment": ["A=7"]}, ["environment"]),
        ({"environment": {f"V{n}": "" for n in range(101)}}, ["environment"]),
        ({"environment": {"A": "a" * 32_768}}, ["environment"]),
        ({"cause": "c" * 256, "git_sha": "1f0a9c"}, ["cause", "git_sha"]),
        ({"cause": 7, "git_sha": 1_234_567}, ["cause", "git_sha"]),
        ({"git_sha": "a" * 65}, ["git_sha"]),
        ({"git_sha": "main-branch"}, ["git_sha"]),
        ({"git_sha": "1f0a9c3\n"}, ["git_sha"]),
        ({"git_sha": "\N{ARABIC-INDIC DIGIT ONE}" * 7}, ["git_sha"]),
        ({"git-sha": "1f0a9c3"}, ["git-sha"]),
    ],
)
def test_invalid_values_of_a_run_are_refused_with_their_fields_and_start_nothing(
    acme: Acme, body: dict[str, Any], fields: list[str]
) -> None:
    answer = trigger(acme, body)

    assert (answer.status, answer.faulty_fields) == (422, fields)
    assert kubernetes_jobs(acme) == []


def test_a_runs_variables_count_with_its_jobs(acme: Acme) -> None:
    job = path(acme.job).removesuffix("/trigger")
    assert acme.alice.call("PUT", job, {"environment": {f"V{n}": "" for n in range(99)}}).status == 200

    assert trigger(acme, {"environment": {"V1": "x", "W1": "x"}}).status == 202
    over = trigger(acme, {"environment": {"W1": "x", "W2": "x"}})

    assert (over.status, over.faulty_fields) == (422, ["environment"])
    assert "with the job's own 101 variables" in over.text


def test_a_job_with_variables_that_are_refused_by_now_can_be_triggered_with_others(acme: Acme) -> None:
    older = acme.job.settings.model_copy(update={"environment": {"PATH": "/opt/bin"}})
    store.update_job(acme.job, acme.job.model_copy(update={"settings": older, "version": acme.job.version + 1}))

    assert trigger(acme, {"environment": {"DAY": "monday"}}).status == 202


@pytest.mark.parametrize(
    "body", [{"environment": None, "cause": None, "git_sha": None}, {"environment": {}, "cause": ""}]
)
def test_null_and_empty_values_are_not_stored_on_the_run(acme: Acme, body: dict[str, Any]) -> None:
    run = acme.alice.call("GET", f"/api/v1/runs/{trigger(acme, body).json['job_run_id']}").json

    assert {"environment", "cause", "git_sha"}.isdisjoint(run)


def test_a_sqlmesh_run_keeps_its_jobs_command(acme: Acme) -> None:
    project = new_project(acme.organization.id, "analytics", ProjectType.SQLMESH)
    job = a_job(project, command="sqlmesh run")

    answer = acme.alice.call("POST", path(job), {"command_override": "sqlmesh run"})

    assert answer.status == 422
    assert answer.faulty_fields == ["command_override"]


def a_job(project: Project, **settings: Any) -> Job:
    document = {"name": "mesh", "command": "dbt build", "schedule": "@daily", **settings}
    return store.create_job(Job.new("job_mesh", JobSettings.of(document, project), project, NOON))


def test_a_project_that_is_not_deployed_runs_nothing(acme: Acme) -> None:
    job = a_job(new_project(acme.organization.id, "draft", ProjectType.DBT, deployed=False))

    answer = acme.alice.call("POST", path(job))

    assert answer.status == 409
    assert answer.json["code"] == "project_not_deployed"
    assert kubernetes_jobs(acme) == []


def test_a_disabled_job_may_be_triggered(acme: Acme) -> None:
    acme.alice.call("PUT", path(acme.job).removesuffix("/trigger"), {"enabled": False})

    assert trigger(acme).status == 202


def test_two_in_a_second_get_names_of_their_own(acme: Acme) -> None:
    names = [trigger(acme).json["job_name"] for _ in range(3)]

    assert len(set(names)) == 3
    assert all(name.startswith("jaffle-nightly-20260428-120000") and len(name) <= 63 for name in names)
    assert {job["metadata"]["name"] for job in kubernetes_jobs(acme)} == set(names)


def test_a_cluster_that_is_down_delays_the_run(acme: Acme, refuse: Refuse) -> None:
    refuse("POST", "/jobs")
    answer = trigger(acme, at=acme.now())
    refuse()

    assert answer.status == 202
    assert run_of(acme, answer).launch
    acme.ingest()
    assert [job["metadata"]["name"] for job in kubernetes_jobs(acme)] == [answer.json["job_name"]]
    assert run_of(acme, answer).launch is None


def test_a_cluster_that_stays_down_ends_the_run_after_an_hour(acme: Acme, refuse: Refuse) -> None:
    refuse("POST", "/jobs")
    answer = trigger(acme, at=acme.now() - timedelta(minutes=61))
    refuse()

    acme.ingest()

    run = run_of(acme, answer)
    assert run.status is RunStatus.ERROR
    assert run.error_message
    assert kubernetes_jobs(acme) == []


def test_a_run_whose_job_is_deleted_before_the_cluster_is_back_ends_with_the_reason(acme: Acme, refuse: Refuse) -> None:
    refuse("POST", "/jobs")
    answer = trigger(acme, at=acme.now())
    refuse()
    assert acme.alice.call("DELETE", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}").status == 200

    acme.ingest()

    run = run_of(acme, answer)
    assert run.status is RunStatus.ERROR
    assert run.error_message == "It was not started, because the job was deleted"
    assert kubernetes_jobs(acme) == []


def test_a_run_of_a_job_that_was_disabled_meanwhile_is_launched(acme: Acme, refuse: Refuse) -> None:
    refuse("POST", "/jobs")
    trigger(acme, at=acme.now())
    refuse()
    assert (
        acme.alice.call("PUT", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}", {"enabled": False}).status
        == 200
    )

    acme.ingest()

    assert len(kubernetes_jobs(acme)) == 1


def test_a_trigger_that_died_before_its_call_to_the_cluster_is_launched(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "create_job", die)
        with pytest.raises(SystemExit):
            trigger(acme, at=acme.now())

    acme.ingest()

    assert len(kubernetes_jobs(acme)) == 1


def test_a_trigger_that_died_after_the_cluster_took_it_is_launched_once(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        die_at(patch, "UpdateItem")
        with pytest.raises(SystemExit):
            trigger(acme, at=acme.now())

    acme.ingest()

    assert len(kubernetes_jobs(acme)) == 1
    assert acme.only_run().launch is None


def test_the_same_key_starts_one_run(acme: Acme) -> None:
    key = {"Idempotency-Key": "once"}

    first, second = (trigger(acme, headers=key) for _ in range(2))

    assert first.status == second.status == 202
    assert first.text == second.text
    assert len(kubernetes_jobs(acme)) == 1


def test_a_refusal_is_not_kept_for_the_next_try_with_its_key(acme: Acme) -> None:
    key = {"Idempotency-Key": "twice"}
    assert trigger(acme, {"command_override": ""}, headers=key).status == 422

    assert trigger(acme, headers=key).status == 202


def test_a_try_that_died_after_its_write_is_finished_by_the_next_with_its_key(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": "cut-off"}
    with monkeypatch.context() as cut_off:
        cut_off.setattr(store, "run_launched", lambda *_: 1 / 0)
        assert trigger(acme, headers=key).status == 500

    answer = trigger(acme, headers=key)

    assert answer.status == 202
    assert [job["metadata"]["name"] for job in kubernetes_jobs(acme)] == [answer.json["job_name"]]
    assert acme.only_run().id == answer.json["job_run_id"]


def test_a_reader_cannot_trigger_a_job(acme: Acme) -> None:
    rita = Person(acme.organization.id, Role.READER)

    assert rita.call("POST", path(acme.job)).status == 403
    assert kubernetes_jobs(acme) == []


def test_a_stranger_cannot_trigger_a_job(acme: Acme, charlie: Person) -> None:
    assert charlie.call("POST", path(acme.job)).status == 404
    assert kubernetes_jobs(acme) == []
