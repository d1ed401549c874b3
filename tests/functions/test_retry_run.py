"""POST /runs/{run_id}/retry, on a cluster that answers over HTTPS."""

import importlib
from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from tests.functions.acme import Acme
from tests.functions.people import NOON, Answer, Person
from tests.functions.refusals import Refuse
from tests.functions.test_alerts import change
from tests.functions.test_retries import RETRIES, attempt, delete, put
from tests.functions.test_trigger_job import container_of, kubernetes_jobs
from tests.notifications.notification_world import new_job, new_run


def retry(caller: Person, run: Run, body: Any = None, **options: Any) -> Answer:
    return caller.call("POST", f"/api/v1/runs/{run.id}/retry", body, **options)


def ended(acme: Acme, status: RunStatus = RunStatus.FAILED, **values: Any) -> Run:
    """Write a run of Acme's job that has ended."""
    times = dict.fromkeys(("created_at", "end_time", "updated_at"), values.get("created_at", NOON))
    return acme.triggered(**{"status": status, "launch": None, "command": "dbt test", **times, **values})


def repeated(acme: Acme, answer: Answer) -> Run:
    assert answer.status == 202, answer.text
    return store.get_run(acme.organization.id, answer.json["job_run_id"])


def test_it_works(acme: Acme) -> None:
    before = ended(acme)

    answer = retry(acme.alice, before)

    assert answer.status == 202
    assert answer.json == {
        "job_run_id": answer.json["job_run_id"],
        "job_name": "jaffle-nightly-20260428-120000",
        "status": "pending",
        "message": "Run triggered successfully",
        "retry_of": before.id,
    }
    assert container_of(acme, answer.json["job_name"])["command"] == ["dbt", "test"]
    shown = acme.alice.call("GET", f"/api/v1/runs/{answer.json['job_run_id']}").json
    assert (shown["triggered_by"], shown["retry_of"], shown["command"]) == ("retry", before.id, "dbt test")
    assert shown["triggered_by_token"] == {"token_id": "token", "name": "CI of the warehouse"}
    assert {"attempt", "launch_after", "scheduled_for"}.isdisjoint(shown)


@pytest.mark.parametrize("status", ["success", "failed", "error", "cancelled"])
@pytest.mark.parametrize("body", [None, {}, {"from": "start"}, {"from": None}])
def test_a_run_may_be_repeated_however_it_ended(acme: Acme, status: str, body: object) -> None:
    assert retry(acme.alice, ended(acme, RunStatus(status)), body).status == 202


@pytest.mark.parametrize("status", ["pending", "running"])
def test_a_run_that_has_not_ended_is_refused(acme: Acme, status: str) -> None:
    answer = retry(acme.alice, ended(acme, RunStatus(status)))

    assert (answer.status, answer.json["code"]) == (409, "run_not_completed")
    assert f"still {status}" in answer.json["message"]
    assert len(acme.runs()) == 1


def test_it_has_the_variables_cause_and_commit_of_that_run_on_the_job_as_it_is_now(acme: Acme) -> None:
    body = {
        "environment": {"DAY": "monday", "DB_PASSWORD": "hunter2-and-more"},
        "cause": "outage",
        "git_sha": "1f0a9c3",
    }
    path = f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}"
    first = repeated(acme, acme.alice.call("POST", f"{path}/trigger", body))
    store.advance_run(first, first.model_copy(update={"status": RunStatus.FAILED, "end_time": NOON}))
    change(acme, {"environment": {"DAY": "never", "TARGET": "repaired"}})

    run = repeated(acme, retry(acme.alice, first, at=NOON + timedelta(hours=1)))

    env = container_of(acme, run.job_name)["env"]
    for name, value in {"DAY": "monday", "DB_PASSWORD": "hunter2-and-more", "TARGET": "repaired"}.items():
        assert {"name": name, "value": value} in env
    shown = acme.alice.call("GET", f"/api/v1/runs/{run.id}").json
    assert (shown["cause"], shown["git_sha"]) == ("outage", "1f0a9c3")
    assert shown["environment"] == {"DAY": "monday", "DB_PASSWORD": "***"}


def test_a_disabled_job_may_be_repeated_as_it_may_be_triggered(acme: Acme) -> None:
    change(acme, {"enabled": False})

    assert retry(acme.alice, ended(acme)).status == 202


def test_a_run_without_a_command_is_repeated_with_the_jobs(acme: Acme) -> None:
    # Like the record of a missed slot, which never had a Job.
    assert repeated(acme, retry(acme.alice, ended(acme, RunStatus.ERROR, command=None))).command == "dbt build"


def test_a_run_of_a_deleted_job_is_a_conflict_that_says_so(acme: Acme) -> None:
    before = ended(acme)
    delete(acme)

    answer = retry(acme.alice, before)

    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert answer.json["message"] == "The job of this run was deleted, so the run cannot be retried"


def test_a_run_of_a_project_that_is_not_deployed_is_a_conflict(acme: Acme) -> None:
    before = ended(acme)
    put(acme, {"deployed": False})

    answer = retry(acme.alice, before)

    assert (answer.status, answer.json["code"]) == (409, "project_not_deployed")


def test_from_failure_needs_artifacts(acme: Acme) -> None:
    answer = retry(acme.alice, ended(acme), {"from": "failure"})

    assert (answer.status, answer.json["code"]) == (409, "nothing_to_retry")
    assert "retry it from start" in answer.json["message"]
    assert len(acme.runs()) == 1


def test_a_sqlmesh_run_cannot_be_retried_from_its_failure(alice: Person, analytics: Project) -> None:
    job, _ = new_job(analytics, command="sqlmesh run")

    answer = retry(alice, new_run(job, analytics, RunStatus.FAILED), {"from": "failure"})

    assert (answer.status, answer.faulty_fields) == (422, ["from"])
    assert retry(alice, new_run(job, analytics, RunStatus.FAILED)).status == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "middle"}, "from"),
        ({"from": 1}, "from"),
        ({"from": ["failure"]}, "from"),
        ({"form": "failure"}, "form"),
        ({"begin_at": "failure"}, "begin_at"),
    ],
)
def test_a_body_that_breaks_a_rule_is_refused_with_its_field(acme: Acme, body: Any, field: str) -> None:
    answer = retry(acme.alice, ended(acme), body)

    assert (answer.status, answer.faulty_fields) == (422, [field])
    assert len(acme.runs()) == 1


def test_strangers_and_readers_may_not(acme: Acme, charlie: Person) -> None:
    before = ended(acme)

    assert retry(charlie, before).status == 404
    assert retry(Person(acme.organization.id, Role.READER), before).status == 403
    assert retry(acme.alice, before.model_copy(update={"id": new_id("run_")})).status == 404


def test_the_same_key_is_the_same_run(acme: Acme) -> None:
    before, key = ended(acme), {"Idempotency-Key": "once"}

    answers = [retry(acme.alice, before, headers=key) for _ in range(2)]

    assert answers[0].text == answers[1].text
    assert len(kubernetes_jobs(acme)) == 1


def test_a_repeated_request_after_a_crash_continues_with_its_run(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    before, key = ended(acme), {"Idempotency-Key": "once"}

    def died(*_: object) -> str:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("functions.retry_run.app"), "launch_now", died)
        assert retry(acme.alice, before, headers=key).status == 500

    answer = retry(acme.alice, before, headers=key)

    assert answer.status == 202
    assert len(acme.runs()) == 2
    assert len(kubernetes_jobs(acme)) == 1


def test_where_the_cluster_is_away_it_is_launched_once_it_is_back(acme: Acme, refuse: Refuse) -> None:
    before = ended(acme, created_at=acme.now())
    refuse("POST", "/jobs")
    run = repeated(acme, retry(acme.alice, before, at=acme.now()))
    assert run.launch

    refuse()
    acme.ingest()

    assert store.get_run(acme.organization.id, run.id).launch is None


def test_it_may_have_attempts_of_its_own(acme: Acme) -> None:
    change(acme, {**RETRIES, "enabled": False})
    run = repeated(acme, retry(acme.alice, ended(acme, created_at=acme.now()), at=acme.now()))
    failed = run.model_copy(
        update={"status": RunStatus.RUNNING, "job_uid": "gone", "updated_at": acme.now() - timedelta(days=1)}
    )
    assert store.advance_run(run, failed)

    acme.ingest()

    assert store.get_run(acme.organization.id, run.id).status is RunStatus.ERROR
    assert attempt(acme, 2).retry_of == run.id
