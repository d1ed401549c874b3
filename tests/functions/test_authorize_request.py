"""The authorizer: which tokens it accepts, and what the gateway learns about their owners."""

import importlib
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store
from jobs_api.auth import tokens
from jobs_api.auth.usage_key import own_key
from jobs_api.model.document import rfc3339
from jobs_api.model.organization import Role, UsageKey
from tests.functions.people import NOON, ROUTES, Context, Person

# The pod of a run has no token of this kind.
OF_PEOPLE = ROUTES.keys() - {("POST", "/api/v1/runs/{run_id}/artifacts")}
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123/dev/GET/api/v1/jobs"


def authorize(authorization: str) -> dict[str, Any]:
    handler = importlib.import_module("functions.authorize_request.app").lambda_handler
    event = {"type": "TOKEN", "authorizationToken": authorization, "methodArn": METHOD_ARN}
    policy: dict[str, Any] = handler(event, cast("LambdaContext", Context()))
    return policy


def issue(
    person: Person, role: Role = Role.DEVELOPER, expires_at: datetime | None = None, description: str = ""
) -> tuple[str, str]:
    now = datetime.now(UTC)
    text, token = tokens.issue(person.organization_id, role, now, expires_at=expires_at, description=description)
    store.create_token(token)
    return text, token.id


def refused(authorization: str) -> bool:
    try:
        authorize(authorization)
    except Exception as error:  # noqa: BLE001 - the text decides what the gateway answers
        return str(error) == "Unauthorized"
    return False


def test_a_developer_may_do_everything(alice: Person) -> None:
    text, token_id = issue(alice)

    answer = authorize(f"Bearer {text}")

    assert answer["principalId"] == token_id
    assert answer["context"] == {"organization_id": alice.organization_id, "role": "developer", "token_id": token_id}
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    # API Gateway caches the answer for all routes, so the answer must not name the requested one.
    assert statement["Resource"] == ["arn:aws:execute-api:us-east-1:123456789012:abc123/dev/*/*"]


def test_functions_learn_the_token_s_name(alice: Person) -> None:
    text, _ = issue(alice, description="CI of the warehouse")
    long, _ = issue(alice, description="x" * 100_000)

    assert authorize(f"Bearer {text}")["context"]["token_name"] == "CI of the warehouse"
    assert authorize(f"Bearer {long}")["context"]["token_name"] == "x" * 255


def test_a_reader_may_only_get(alice: Person) -> None:
    text, _ = issue(alice, Role.READER)

    (statement,) = authorize(f"bearer {text}")["policyDocument"]["Statement"]

    assert all("/dev/GET/" in arn or "/dev/HEAD/" in arn or "/dev/OPTIONS/" in arn for arn in statement["Resource"])


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer jat_x_y", "jat_a_b"])
def test_a_malformed_token_gets_401(authorization: str) -> None:
    assert refused(authorization)


def test_a_wrong_secret_gets_401(alice: Person) -> None:
    text, _ = issue(alice)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")

    assert refused(f"Bearer {wrong}")
    assert not refused(f"Bearer {text}")


def test_an_unknown_token_gets_401(alice: Person) -> None:
    text, _ = tokens.issue(alice.organization_id, Role.ADMIN, datetime.now(UTC), expires_at=None)

    assert refused(f"Bearer {text}")


def test_a_revoked_token_gets_401(alice: Person) -> None:
    text, token_id = issue(alice)
    store.revoke_token(alice.organization_id, token_id, datetime.now(UTC))

    assert refused(f"Bearer {text}")


def test_an_expired_token_gets_401(alice: Person) -> None:
    text, _ = issue(alice, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    fresh, _ = issue(alice, expires_at=datetime.now(UTC) + timedelta(minutes=1))

    assert refused(f"Bearer {text}")
    assert not refused(f"Bearer {fresh}")


@pytest.mark.parametrize(("method", "route"), sorted(OF_PEOPLE), ids=[" ".join(route) for route in sorted(OF_PEOPLE)])
def test_a_token_that_has_expired_since_the_gateway_asked_gets_401(
    monkeypatch: pytest.MonkeyPatch, method: str, route: str
) -> None:
    known = Person("org-acme", Role.ADMIN).authorized() | {"expires_at": rfc3339(NOON)}
    monkeypatch.setattr(Person, "authorized", lambda _: known)
    path = re.sub(r"{[^}]+}", "x", route)

    answer = Person("org-acme").call(method, path, {} if method in {"POST", "PUT"} else None, at=NOON)

    assert (answer.status, answer.json["code"]) == (401, "unauthorized")
    assert answer.json["message"] == "The token has expired; ask an admin for a new one"


def test_a_token_is_good_until_the_second_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Person("org-acme").authorized() | {"expires_at": rfc3339(NOON)}
    monkeypatch.setattr(Person, "authorized", lambda _: known)

    assert Person("org-acme").call("GET", "/api/v1/me", at=NOON - timedelta(milliseconds=1)).status == 200


def test_the_secret_is_stored_nowhere(alice: Person) -> None:
    text, token_id = issue(alice)
    stored = store.find_token(token_id)

    assert stored is not None
    assert text.split("_", 2)[2] not in stored.model_dump_json()


def test_requests_count_for_the_organizations_own_key_once_it_is_known_everywhere(alice: Person) -> None:
    shared = os.environ["SHARED_USAGE_KEY"]
    key = UsageKey(value=own_key(alice.organization_id, shared), known_from=datetime.now(UTC) - timedelta(seconds=1))
    store.record_usage_key(alice.organization_id, key)
    text, _ = issue(alice)

    assert authorize(f"Bearer {text}")["usageIdentifierKey"] == key.value


@pytest.mark.parametrize("key", [None, UsageKey(value="other", known_from=NOON)], ids=["none", "of another stack"])
def test_requests_count_for_the_shared_key_otherwise(alice: Person, key: UsageKey | None) -> None:
    if key:
        store.record_usage_key(alice.organization_id, key)
    text, _ = issue(alice)

    assert authorize(f"Bearer {text}")["usageIdentifierKey"] == os.environ["SHARED_USAGE_KEY"]


def test_a_key_that_was_just_made_does_not_count_yet(alice: Person) -> None:
    shared = os.environ["SHARED_USAGE_KEY"]
    known_from = datetime.now(UTC) + timedelta(minutes=1)
    store.record_usage_key(
        alice.organization_id, UsageKey(value=own_key(alice.organization_id, shared), known_from=known_from)
    )
    text, _ = issue(alice)

    assert authorize(f"Bearer {text}")["usageIdentifierKey"] == shared
