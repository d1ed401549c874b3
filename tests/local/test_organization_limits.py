"""The gateway refuses requests over an organization's limit; other organizations are not affected."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from jobs_api.ids import new_id
from jobs_api.model.organization import Role
from jobsctl import operations, usage_keys
from jobsctl.__main__ import app
from local import usage_plans
from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.listening import listen
from local.template import read
from tests.local.conftest import Answer, Client

ROOT = Path(__file__).parents[2]
BURST = 3
# So slow that the bucket does not fill again during a test.
PARAMETERS = {"OrganizationRate": "0.0001", "OrganizationBurst": str(BURST)}


@dataclass(frozen=True)
class Organization:
    """An organization and its token, at the gateway."""

    client: Client
    id: str = field(default_factory=lambda: f"org-{new_id()}")

    def made(self) -> "Organization":
        operations.create_organization(self.id)
        return self

    def ask(self, times: int = 1) -> list[Answer]:
        """Ask for a run that is not there, with a new token, whose authorization nothing has kept."""
        token, _ = operations.create_token(self.id, Role.DEVELOPER, days=None)
        authorization = ("Authorization", f"Bearer {token}")
        return [self.client.call("GET", "/api/v1/runs/run_none", authorization) for _ in range(times)]

    def statuses(self, times: int) -> list[int]:
        return [answer.status for answer in self.ask(times)]


@pytest.fixture
def parameters() -> dict[str, str]:
    return PARAMETERS


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str]) -> Iterator[Client]:
    template = read(ROOT / "template.yaml", parameters=parameters, cache=ROOT / ".local" / "cache")
    # Each test has a deployment of its own in one account.
    monkeypatch.setenv("SHARED_USAGE_KEY", new_id() * 2)
    plans = usage_plans.create(template, os.environ["SHARED_USAGE_KEY"])
    monkeypatch.setenv("USAGE_PLAN", plans.plan_id)
    with Gateway(definition_of(template), Functions(template.functions()), listen(), knows_key=plans.knows) as running:
        yield Client(running.url)


@pytest.fixture
def acme(client: Client) -> Organization:
    made = Organization(client).made()
    usage_keys.give(made.id, settling=timedelta())
    return made


@pytest.fixture
def globex(client: Client) -> Organization:
    made = Organization(client).made()
    usage_keys.give(made.id, settling=timedelta())
    return made


def jobsctl(*words: str) -> Any:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_requests_over_the_limit_get_a_429_with_a_time_to_wait(acme: Organization) -> None:
    *answers, refused = acme.ask(BURST + 1)

    assert [answer.status for answer in answers] == [404] * BURST
    assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
    assert refused.json.keys() == {"message", "code", "request_id"}
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["X-Request-ID"] == refused.json["request_id"]
    assert refused.headers["Content-Type"] == "application/json"


BY_METHOD = {
    "OrganizationRate": "100",
    "OrganizationBurst": "100",
    "OrganizationListRate": "1",
    "OrganizationTriggerRate": "1",
}


@pytest.mark.parametrize("parameters", [BY_METHOD])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/projects/p/jobs"),
        ("GET", "/projects/p/runs"),
        ("GET", "/projects/p/jobs/j/deliveries"),
        ("POST", "/projects/p/jobs/j/trigger"),
    ],
)
def test_lists_and_triggers_have_smaller_limits_that_leave_the_rest_alone(
    acme: Organization, globex: Organization, method: str, path: str
) -> None:
    def asked(organization: Organization, times: int) -> list[int]:
        token, _ = operations.create_token(organization.id, Role.DEVELOPER, days=None)
        authorization = ("Authorization", f"Bearer {token}")
        return [organization.client.call(method, f"/api/v1{path}", authorization).status for _ in range(times)]

    statuses = asked(acme, 20)

    # One request a second is allowed, however long the requests take.
    assert statuses[0] == 404
    assert 429 in statuses
    assert acme.statuses(5) == [404] * 5
    assert asked(globex, 1) == [404]


def test_each_method_with_its_own_limit_exists_in_the_api() -> None:
    api = definition_of(read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache"))

    assert api.usage_plan
    assert api.usage_plan.by_method.keys() <= {f"{route.resource}/{route.method}" for route in api.routes}


def test_other_organizations_do_not_notice(acme: Organization, globex: Organization) -> None:
    acme.ask(BURST + 5)

    assert globex.statuses(BURST) == [404] * BURST


def test_all_tokens_of_an_organization_count_together(acme: Organization) -> None:
    assert acme.statuses(BURST) == [404] * BURST
    assert acme.statuses(1) == [429]


def test_organizations_without_a_key_share_a_limit(client: Client, acme: Organization) -> None:
    older, another = Organization(client).made(), Organization(client).made()

    assert older.statuses(BURST) == [404] * BURST
    assert another.statuses(1) == [429]
    assert acme.statuses(1) == [404]


def test_a_new_organization_is_served_at_once_and_counted_apart_when_its_key_has_settled(client: Client) -> None:
    fresh = Organization(client)

    made = jobsctl("organization", "create", fresh.id)

    assert made["usage_key"]["known_from"] > made["created_at"]
    assert fresh.statuses(1) == [404]
    assert Organization(client).made().statuses(BURST) == [404] * (BURST - 1) + [429]


def test_older_organizations_get_limits_of_their_own_and_again_changes_nothing(client: Client) -> None:
    older = Organization(client).made()

    (first,) = jobsctl("organization", "limit", older.id)

    assert first["usage_key"]["value"]
    assert jobsctl("organization", "limit", older.id) == [first]


def test_an_interrupted_creation_of_a_key_is_completed(client: Client) -> None:
    half = Organization(client).made()
    usage_keys.give(half.id, settling=timedelta())
    # As if the process had died before it wrote to the table.
    again = usage_keys.give(half.id, settling=timedelta())

    assert again.usage_key
    assert half.statuses(BURST + 1) == [404] * BURST + [429]


def test_an_organization_is_created_though_no_key_can_be_created(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many(_: str) -> None:
        raise ClientError({"Error": {"Code": "LimitExceededException", "Message": "10,000 keys"}}, "CreateApiKey")

    monkeypatch.setattr(usage_keys, "give", too_many)
    fresh = Organization(client)

    result = CliRunner().invoke(app, ["organization", "create", fresh.id])

    assert (result.exit_code, json.loads(result.stdout)["id"]) == (0, fresh.id)
    assert "shares a limit of requests" in result.stderr
    assert fresh.statuses(1) == [404]


def test_a_table_restored_into_another_deployment_locks_nobody_out(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = new_id() * 2
    monkeypatch.setenv("SHARED_USAGE_KEY", elsewhere)
    plan: Any = boto3.client("apigateway")
    shared = plan.create_api_key(name="elsewhere", value=elsewhere, enabled=True)["id"]
    plan.create_usage_plan_key(usagePlanId=os.environ["USAGE_PLAN"], keyId=shared, keyType="API_KEY")

    assert acme.statuses(1) == [404]


def test_requests_with_a_deleted_key_are_refused_until_it_is_created_again(acme: Organization) -> None:
    usage_keys.take(acme.id)

    (refused,) = acme.ask()

    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    again = usage_keys.give(acme.id)
    assert acme.statuses(1) == [404]
    # Some parts of API Gateway do not know the new key yet.
    assert again.usage_key
    assert again.usage_key.known_from > datetime.now(UTC)


def test_a_deployment_without_limits_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USAGE_PLAN", raising=False)

    result = CliRunner().invoke(app, ["organization", "limit"])

    assert result.exit_code == 2
    assert "upgrade it first" in result.output.replace("\n", " ")


def test_a_cors_preflight_needs_no_token_and_no_usage_key(client: Client) -> None:
    asked = ("Origin", "https://example.com"), ("Access-Control-Request-Method", "POST")

    answers = [client.call("OPTIONS", "/api/v1/projects/proj_x/jobs", *asked) for _ in range(BURST + 2)]

    assert {answer.status for answer in answers} == {200}
    assert answers[0].headers["Access-Control-Allow-Origin"] == "*"
    assert answers[0].headers["Access-Control-Allow-Methods"] == "GET,OPTIONS,POST"
    assert "Authorization" in answers[0].headers["Access-Control-Allow-Headers"]
