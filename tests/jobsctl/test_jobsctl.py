"""jobsctl as an operator types it: JSON as output, and one line for an error."""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from typer.testing import CliRunner

from jobs_api import store
from jobs_api.errors import ProjectNotFound
from jobs_api.ids import new_id
from jobs_api.model.document import rfc3339
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.organization import HeldRemovals
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.sealing import environment as environment_secrets
from jobs_api.store.organization_rows import OrganizationsRow
from jobs_api.store.project_rows import ProjectRow
from jobs_api.store.run_rows import RunRow
from jobsctl.__main__ import app, main
from tests.functions.people import NOON, Person
from tests.functions.test_runs import a_run

DBT = ["--type", "dbt", "--image", "dbt:1"]


def run(*words: str) -> Any:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["jobsctl", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return str(ended.value.code) + capsys.readouterr().err


@pytest.fixture
def organization() -> str:
    identity = f"org-{new_id()}"
    run("organization", "create", identity, "--name", "Acme")
    return identity


def test_an_organization_is_made_and_listed(organization: str) -> None:
    found = [entry for entry in run("organization", "list") if entry["id"] == organization]

    assert [entry["name"] for entry in found] == ["Acme"]


def test_held_removals_are_confirmed_as_they_were_shown(
    organization: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("organization", "confirm-removals", organization, "--at-most")
    assert "No CronJob" in refused(capsys, monkeypatch, *words, "1")
    held = HeldRemovals(count=66, there=66, projects=["proj_a"], cronjobs=["a-nightly"], since=NOON)
    store.record_held_removals(organization, held)
    assert [one["held_removals"]["count"] for one in run("organization", "list") if one["id"] == organization] == [66]

    assert "66 CronJobs are held" in refused(capsys, monkeypatch, *words, "65")
    assert "at most 24" in refused(capsys, monkeypatch, *words, "66", "--hours", "25")
    confirmed = run(*words, "12", "--project", "proj_a", "--hours", "0.5")["removal_confirmation"]

    assert (confirmed["at_most"], confirmed["project_id"]) == (12, "proj_a")
    ends, begins = (datetime.fromisoformat(confirmed[name]) for name in ("until", "confirmed_at"))
    assert ends - begins == timedelta(minutes=30)
    assert run(*words, "66")["removal_confirmation"]["at_most"] == 66


def test_runs_are_compared_with_the_cluster_when_an_operator_asks(organization: str) -> None:
    store.record_settled_jobs_checked(organization, NOON)

    assert "settled_jobs_checked_at" not in run("organization", "check-runs", organization)
    assert store.get_organization(organization).wants_settled_jobs_checked(NOON)


def test_a_slack_token_is_asked_for_stored_and_replaced(organization: str) -> None:
    for token in ("xoxb-first", "xoxb-second"):
        result = CliRunner().invoke(app, ["organization", "slack-token", organization], input=f"{token}\n")
        assert result.exit_code == 0, result.output
        assert token not in result.output

    client: Any = botocore.session.get_session().create_client("secretsmanager")
    secret = client.get_secret_value(SecretId=f"{os.environ['SLACK_SECRETS']}{organization}")
    assert secret["SecretString"] == "xoxb-second"


def test_a_project_is_made_changed_and_listed(organization: str) -> None:
    made = run("project", "create", organization, "Jaffle Shop", *DBT, "--set", "working_directory=/app")

    assert made["settings"]["working_directory"] == "/app"
    assert made["settings"]["deployed"] is False
    changed = run(
        "project", "set", organization, made["id"], "image=dbt:2", 'resources={"limits": {"memory": "2Gi"}}',
        "concurrency_policy=Allow", "environment_secret=jaffle-env", "successful_history_limit=3",
        'allowed_environment=["PATH"]', 'allowed_resources=["nvidia.com/gpu"]',
    )  # fmt: skip
    assert changed["settings"]["allowed_environment"] == ["PATH"]
    assert changed["settings"]["allowed_resources"] == ["nvidia.com/gpu"]
    assert changed["settings"]["image"] == "dbt:2"
    assert changed["settings"]["resources"]["limits"] == {"memory": "2Gi"}
    assert changed["version"] == 2
    assert run("project", "list", organization) == [changed]


@pytest.mark.parametrize(
    ("verb", "setting", "value"),
    [("deploy", "deployed", True), ("undeploy", "deployed", False), ("suspend", "suspended", True)],
)
def test_a_project_is_deployed_undeployed_suspended_and_resumed(
    organization: str, verb: str, setting: str, value: object
) -> None:
    project = run("project", "create", organization, "jaffle", *DBT)

    assert run("project", verb, organization, project["id"])["settings"][setting] is value
    assert run("project", "resume", organization, project["id"])["settings"]["suspended"] is False


def test_a_project_is_paused_until_a_time_and_resumed(organization: str) -> None:
    project = run("project", "create", organization, "jaffle", *DBT, "--deploy")["id"]
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    paused_until = ("--until", until.isoformat())

    paused = run("project", "pause", organization, project, *paused_until, "--reason", "moving")["settings"]
    longer = run("project", "pause", organization, project, "--until", rfc3339(until + timedelta(days=1)))["settings"]
    resumed = run("project", "resume", organization, project)

    assert (paused["paused_until"], paused["pause_reason"], paused["suspended"]) == (rfc3339(until), "moving", False)
    assert (longer["paused_until"], longer["pause_reason"]) == (rfc3339(until + timedelta(days=1)), "moving")
    assert "paused_until" not in resumed["settings"]
    assert resumed["settings"]["suspended"] is False


def test_a_project_is_not_paused_until_an_invalid_or_past_time(
    organization: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = run("project", "create", organization, "jaffle", *DBT, "--deploy")["id"]
    words = ["project", "pause", organization, project, "--until"]

    assert "is in the past" in refused(capsys, monkeypatch, *words, "2026-04-28T02:00:00Z")
    assert "must be a time with its offset" in refused(capsys, monkeypatch, *words, "monday")
    assert "needs paused_until" in refused(
        capsys, monkeypatch, "project", "set", organization, project, "pause_reason=moving"
    )
    assert [one["version"] for one in run("project", "list", organization)] == [1]


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ('resources={"limits": {"memory": "512m"}}', "resources.limits.memory: 512m is a fraction of a byte"),
        ('allowed_environment=["JOBS_API_RUN_ID"]', "always set by the service"),
        ('allowed_resources=["gpu"]', "allowed_resources.0"),
    ],
)
def test_an_invalid_setting_of_a_project_is_refused(
    organization: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    advice: str,
) -> None:
    project = run("project", "create", organization, "jaffle", *DBT)

    assert advice in refused(capsys, monkeypatch, "project", "set", organization, project["id"], setting)
    assert run("project", "list", organization) == [project]


def test_a_deleted_project_leaves_its_names_free(organization: str) -> None:
    project = run("project", "create", organization, "jaffle", *DBT)
    stored = store.get_project(organization, project["id"])
    settings = JobSettings.of({"name": "build", "command": "dbt build", "schedule": "@daily"}, stored)
    store.create_job(Job.new(new_id("job_"), settings, stored, NOON))

    run("project", "delete", organization, project["id"])

    with pytest.raises(ProjectNotFound):
        store.list_jobs(organization, project["id"])
    again = store.get_project(organization, run("project", "create", organization, "jaffle", *DBT)["id"])
    store.create_job(Job.new(new_id("job_"), settings, again, NOON))


def test_runs_from_before_the_index_are_found_before_and_after_they_are_put_into_it(organization: str) -> None:
    project = store.get_project(organization, run("project", "create", organization, "jaffle", *DBT)["id"])
    ways = [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.ERROR, RunStatus.RUNNING]
    runs = [a_run(project, NOON + timedelta(minutes=n), status=ways[n % 4]) for n in range(12)]
    as_before_the_upgrade(project, runs[:8])
    person = Person(organization)

    def listed(status: RunStatus) -> list[str]:
        answer = person.call("GET", f"/api/v1/projects/{project.id}/runs", query={"status": status})
        return [one["id"] for one in answer.json["runs"]]

    expected = {status: [one.id for one in reversed(runs) if one.status is status] for status in ways}
    assert {status: listed(status) for status in ways} == expected
    assert run("project", "list", organization)[0]["runs_indexed"] is False

    assert run("project", "index-runs", organization) == {"indexed": {project.id: 6}}
    assert run("project", "index-runs", organization, project.id) == {"indexed": {project.id: 0}}

    assert {status: listed(status) for status in ways} == expected
    assert run("project", "list", organization)[0]["runs_indexed"] is True


def as_before_the_upgrade(project: Project, runs: list[Run]) -> None:
    partition = f"{project.organization_id}/{project.id}"
    ProjectRow(partition, "meta").update(actions=[ProjectRow.runs_indexed.remove()])
    for one in runs:
        RunRow(one.id).update(actions=[RunRow.ended_in.remove()])


def test_a_token_is_shown_once_and_can_be_revoked(organization: str) -> None:
    made = run("token", "create", organization, "--role", "reader", "--days", "30", "--description", "CI")

    assert made["token"].startswith(f"jat_{made['id']}_")
    (listed,) = run("token", "list", organization)
    assert (listed["role"], listed["description"]) == ("reader", "CI")
    assert made["token"].split("_", 2)[2] not in json.dumps(listed)
    run("token", "revoke", organization, made["id"])
    assert run("token", "list", organization)[0]["revoked_at"]


def test_an_error_is_one_line(
    organization: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("project", "create", organization, "jaffle", *DBT)
    for words, told in (
        (["organization", "create", organization], "already"),
        (["organization", "create", "Not A Namespace"], "must be a Kubernetes namespace"),
        (["project", "create", "org-nobody", "jaffle", *DBT], "no organization"),
        (["project", "create", organization, "JAFFLE", *DBT], "already"),
        (["project", "create", organization, "x", "--type", "spark", "--image", "i"], "project_type"),
        (["project", "set", organization, "proj_none", "image=x"], "no project"),
        (["project", "create", organization, "y", *DBT, "--set", "colour=red"], "colour"),
        (["token", "create", "org-nobody"], "no organization"),
        (["token", "revoke", organization, "nothing"], "no token"),
    ):
        text = refused(capsys, monkeypatch, *words)
        assert told in text, words
        assert "Traceback" not in text
        assert len(text.strip().splitlines()) == 1, text


def test_a_project_keeps_its_name_and_type(
    organization: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = run("project", "create", organization, "jaffle", *DBT)

    assert "cannot change" in refused(capsys, monkeypatch, "project", "set", organization, project["id"], "name=x")


def test_a_table_that_is_not_there_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OrganizationsRow.Meta, "table_name", "none-of-this-name")
    monkeypatch.setattr(OrganizationsRow, "_connection", None)

    text = refused(capsys, monkeypatch, "organization", "list")

    assert "ResourceNotFoundException" in text
    assert len(text.strip().splitlines()) == 1


def test_a_token_is_rotated_while_the_old_one_is_still_good(organization: str) -> None:
    old = run("token", "create", organization, "--role", "reader", "--description", "CI")

    new = run("token", "rotate", organization, old["id"], "--days", "90", "--overlap-hours", "2")

    ended, listed = sorted(run("token", "list", organization), key=lambda token: token["id"] == new["id"])
    assert new["token"].startswith(f"jat_{new['id']}_")
    assert (listed["role"], listed["description"]) == ("reader", "CI")
    left = datetime.fromisoformat(ended["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < left <= timedelta(hours=2)
    assert datetime.fromisoformat(listed["expires_at"]) - datetime.now(UTC) > timedelta(days=89)


def test_rotating_a_token_lengthens_no_life(organization: str) -> None:
    old = run("token", "create", organization, "--days", "1")
    before = run("token", "list", organization)[0]["expires_at"]

    run("token", "rotate", organization, old["id"], "--overlap-hours", "48")

    assert run("token", "list", organization)[0]["expires_at"] == before


def test_without_a_deployment_the_error_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROJECTS_TABLE")

    result = CliRunner().invoke(app, ["organization", "list"])

    assert result.exit_code == 2
    assert "--stack" in result.output


def test_secret_values_from_before_are_sealed_once(organization: str) -> None:
    project = store.get_project(organization, run("project", "create", organization, "jaffle", *DBT)["id"])
    for name, environment in (("older", {"DB_PASSWORD": "in the clear", "A": "1"}), ("plain", {"A": "1"})):
        fields = {"name": name, "command": "dbt build", "schedule": "@daily", "environment": environment}
        store.create_job(Job.new(new_id("job_"), JobSettings.of(fields, project), project, NOON))

    assert run("organization", "seal", organization) == {"organization": organization, "sealed": 1}

    _, jobs = store.list_jobs(organization, project.id)
    sealed = next(job for job in jobs if job.settings.name == "older")
    assert (sealed.settings.environment, sealed.version) == ({"DB_PASSWORD": "***", "A": "1"}, 1)
    assert environment_secrets.values_of(sealed) == {"DB_PASSWORD": "in the clear", "A": "1"}
    assert run("organization", "seal", organization)["sealed"] == 0


def test_a_job_that_changes_meanwhile_is_left_to_that_change(
    organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = store.get_project(organization, run("project", "create", organization, "jaffle", *DBT)["id"])
    fields = {"name": "older", "command": "dbt build", "schedule": "@daily", "environment": {"TOKEN": "in the clear"}}
    job = Job.new(new_id("job_"), JobSettings.of(fields, project), project, NOON)
    store.create_job(job)
    listed = store.list_jobs(organization, project.id)
    store.update_job(job, job.changed({"description": "mine"}, project, NOON, lambda _: {}))
    monkeypatch.setattr(store, "list_jobs", lambda *_: listed)

    assert run("organization", "seal", organization)["sealed"] == 0
    assert store.get_job(organization, project.id, job.id)[1].settings.description == "mine"
