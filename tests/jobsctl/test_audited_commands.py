"""Each command of jobsctl that writes is on the organization's audit log once, under the name that AWS has for it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.organization import HeldRemovals, Role
from jobs_api.store.project_rows import ProjectsRow
from jobsctl import operations, operator
from jobsctl.__main__ import app
from tests.functions.people import NOON, Person

DBT = ["--type", "dbt", "--image", "dbt:1"]


def run(*words: str) -> Any:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def organization() -> str:
    identity = f"org-{new_id()}"
    run("organization", "create", identity)
    return identity


@pytest.fixture(autouse=True)
def _operator_is_asked_for_anew() -> Iterator[None]:
    operator.operator.cache_clear()
    yield
    operator.operator.cache_clear()


def entries(organization: str) -> list[dict[str, Any]]:
    answer = Person(organization, Role.ADMIN).call("GET", "/api/v1/audit-log", at=NOON.replace(year=2027))
    found: list[dict[str, Any]] = answer.json["entries"]
    return found[::-1]


def a_job(organization: str, project_id: str, **environment: str) -> Job:
    project = store.get_project(organization, project_id)
    document = {"name": new_id(), "command": "dbt build", "schedule": "@daily", "environment": environment}
    return store.create_job(Job.new(new_id("job_"), JobSettings.of(document, project), project, NOON))


def test_every_command_that_writes_is_an_entry(organization: str) -> None:
    made = run("project", "create", organization, "jaffle", *DBT)["id"]
    run("project", "set", organization, made, "image=dbt:2")
    run("project", "set", organization, made, "image=dbt:2")  # changes nothing
    for verb in ("deploy", "suspend", "resume", "undeploy", "index-runs"):
        run("project", verb, organization, made)
    run("project", "pause", organization, made, "--until", (datetime.now(UTC) + timedelta(days=1)).isoformat())
    run("project", "resume", organization, made)
    run("project", "resume", organization, made)  # changes nothing
    token = run("token", "create", organization, "--role", "reader")["id"]
    new = run("token", "rotate", organization, token)["id"]
    run("token", "revoke", organization, new)
    run("token", "revoke", organization, new)  # was revoked before
    run("organization", "slack-token", organization, "--token", "xoxb-1")
    run("organization", "check-runs", organization)
    held = HeldRemovals(count=2, there=2, projects=["proj_a"], cronjobs=["a-nightly"], since=NOON)
    store.record_held_removals(organization, held)
    run("organization", "confirm-removals", organization, "--at-most", "2")
    a_job(organization, made, API_KEY="hunter2")
    run("organization", "seal", organization)
    run("organization", "seal", organization)  # nothing is left to seal
    run("project", "delete", organization, made)

    found = entries(organization)

    assert [(one["action"], one["target"]) for one in found] == [
        ("organization.create", organization),
        # The organization's own limit of requests, in deployments that have such limits.
        *([("organization.limit", organization)] if found[1]["action"] == "organization.limit" else []),
        ("project.create", made),
        *[("project.update", made)] * 5,
        ("project.index_runs", made),
        *[("project.update", made)] * 2,
        ("token.create", token),
        ("token.create", new),
        ("token.expire", token),
        ("token.revoke", new),
        ("organization.slack_token", organization),
        ("organization.check_runs", organization),
        ("organization.confirm_removals", organization),
        ("organization.seal", organization),
        ("project.delete", made),
    ]
    assert {one["actor"]["token_id"] for one in found} == {"jobsctl"}
    assert len({one["request_id"] for one in found}) == len(found)
    listed = Person(organization, Role.ADMIN).call("GET", "/api/v1/audit-log", query={"actor": "jobsctl"})
    assert listed.status == 200


def test_a_command_that_is_refused_is_no_entry(organization: str) -> None:
    before = entries(organization)

    for words in (
        ("project", "create", organization, "jaffle", "--type", "dbt", "--image", "dbt:1", "--set", "nonsense=1"),
        ("project", "delete", organization, "proj_nobody"),
        ("token", "revoke", organization, "nobody"),
        ("organization", "slack-token", "org-nobody", "--token", "xoxb-1"),
    ):
        assert CliRunner().invoke(app, list(words)).exit_code != 0

    assert entries(organization) == before


def test_a_deletion_that_is_cut_off_and_run_again_is_one_entry(
    organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = run("project", "create", organization, "jaffle", *DBT)["id"]
    a_job(organization, project)

    with monkeypatch.context() as broken:
        broken.setattr(ProjectsRow, "delete", _dies)
        with pytest.raises(OSError, match="dies"):
            operations.delete_project(organization, project)
    assert [one["action"] for one in entries(organization)][-1] == "project.delete"
    run("project", "delete", organization, project)

    assert [one["action"] for one in entries(organization)].count("project.delete") == 1
    assert store.past_projects(organization) == [project]


def _dies(*_: object, **__: object) -> None:
    raise OSError("the process dies here")


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:iam::123456789012:user/alice", "alice"),
        ("arn:aws:iam::123456789012:user/division/alice", "division/alice"),
        ("arn:aws:sts::123456789012:assumed-role/Admin/alice@example.com", "Admin/alice@example.com"),
        ("arn:aws-cn:sts::123456789012:federated-user/alice", "federated-user/alice"),
        ("arn:aws:iam::123456789012:root", "root"),
        ("", "jobsctl"),
    ],
)
def test_an_operator_has_the_name_that_aws_knows_them_by(arn: str, name: str) -> None:
    assert operator.name_of(arn) == name


def test_an_operator_without_an_aws_identity_is_named_jobsctl(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable:
        def get_caller_identity(self) -> None:
            raise EndpointConnectionError(endpoint_url="https://sts.amazonaws.com")

    monkeypatch.setattr("boto3.client", lambda *_, **__: Unreachable())

    assert operator.operator().model_dump() == {"token_id": "jobsctl", "name": "jobsctl"}
