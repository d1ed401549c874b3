"""POST /projects/{id}/jobs/{job_id}/trigger, on a cluster that answers over HTTPS."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
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


def test_a_trigger_that_died_before_its_call_to_the_cluster_is_launched(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("jobs_api.cluster.Cluster.create_job", die)
        with pytest.raises(SystemExit):
            trigger(acme, at=acme.now())

    acme.ingest()

    assert len(kubernetes_jobs(acme)) == 1


def test_a_trigger_that_died_after_the_cluster_took_it_is_launched_once(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("jobs_api.store.run_launched", die)
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


def test_a_reader_may_not(acme: Acme) -> None:
    rita = Person(acme.organization.id, Role.READER)

    assert rita.call("POST", path(acme.job)).status == 403
    assert kubernetes_jobs(acme) == []


def test_a_stranger_cannot_trigger_a_job(acme: Acme, charlie: Person) -> None:
    assert charlie.call("POST", path(acme.job)).status == 404
    assert kubernetes_jobs(acme) == []
