"""Tokens over HTTP: an admin makes, lists and revokes them, and a secret is shown once."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest

from jobs_api import store
from jobs_api.api import idempotency
from jobs_api.ids import new_id
from jobs_api.model.organization import Role
from tests.functions.people import NOON, Answer, Person
from tests.functions.test_authorize_request import authorize, issue, refused

TOKENS = "/api/v1/tokens"
CI = {"name": "CI of the warehouse", "role": "developer", "expires_in_days": 900}


@pytest.fixture
def admin(alice: Person) -> Person:
    """An admin in Alice's organization."""
    return Person(alice.organization_id, Role.ADMIN)


def listed(admin: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.call("GET", TOKENS).json["tokens"]
    return found


def test_a_token_that_was_made_works_and_shows_its_secret_once(admin: Person) -> None:
    made = admin.call("POST", TOKENS, CI)

    assert made.status == 201, made.text
    shown = dict(made.json)
    text = shown.pop("token")
    assert shown == {
        "id": shown["id"],
        "name": "CI of the warehouse",
        "role": "developer",
        "created_at": "2026-04-28T12:00:00Z",
        "expires_at": "2028-10-14T12:00:00Z",
    }
    assert text.startswith(f"jat_{shown['id']}_")
    assert listed(admin) == [shown]
    assert text.split("_", 2)[2] not in json.dumps(listed(admin))


def test_a_new_token_is_authorized_with_its_role_and_name(admin: Person) -> None:
    made = admin.call("POST", TOKENS, {"name": "dashboards", "role": "reader"}).json

    context = authorize(f"Bearer {made['token']}")["context"]

    known = {"organization_id": admin.organization_id, "role": "reader", "token_name": "dashboards"}
    assert context == known | {"token_id": made["id"]}
    assert "expires_at" not in made


def test_the_authorizer_says_until_when_a_token_is_valid(admin: Person) -> None:
    text, token_id = issue(admin, expires_at=NOON + timedelta(days=3_650))

    assert authorize(f"Bearer {text}")["context"]["expires_at"] == "2036-04-25T12:00:00Z"
    assert store.find_token(token_id)


@pytest.mark.parametrize("role", [Role.READER, Role.DEVELOPER])
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", "/0nobody")])
def test_only_admins_manage_tokens(alice: Person, role: Role, method: str, path: str) -> None:
    answer = Person(alice.organization_id, role).call(method, TOKENS + path, CI if method == "POST" else None)

    assert (answer.status, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"role": "owner"}, "role"),
        ({"role": None}, "role"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 3_651}, "expires_in_days"),
        ({"expires_in_days": 10**30}, "expires_in_days"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
        ({"expires_in_days": "90"}, "expires_in_days"),
        ({"expires_in_days": True}, "expires_in_days"),
        ({"expires": 90}, "expires"),
        ({"organization_id": "org-other"}, "organization_id"),
    ],
)
def test_an_invalid_token_request_is_refused_with_its_field(admin: Person, change: dict[str, Any], field: str) -> None:
    answer = admin.call("POST", TOKENS, CI | change)

    assert (answer.status, answer.faulty_fields) == (422, [field]), answer.text
    assert listed(admin) == []


def test_null_days_is_a_token_without_an_end(admin: Person) -> None:
    assert "expires_at" not in admin.call("POST", TOKENS, CI | {"expires_in_days": None}).json


def test_a_revoked_token_stays_on_the_list_and_works_no_more(admin: Person) -> None:
    text, token_id = issue(admin)

    first, again = (admin.call("DELETE", f"{TOKENS}/{token_id}") for _ in range(2))

    assert (first.status, again.status) == (200, 200)
    assert listed(admin)[0]["revoked_at"] == "2026-04-28T12:00:00Z"
    assert refused(f"Bearer {text}")


def test_nobody_revokes_the_token_of_the_request(admin: Person) -> None:
    answer = admin.call("DELETE", f"{TOKENS}/token")

    assert (answer.status, answer.json["code"]) == (409, "conflict")


@pytest.mark.parametrize("token_id", ["0nobody", "x" * 3_000, "%00", "meta", "token#0nobody"])
def test_a_token_that_is_not_there_is_not_found(admin: Person, token_id: str) -> None:
    assert admin.call("DELETE", f"{TOKENS}/{token_id}").status == 404


def test_the_same_key_gives_the_same_token_and_keeps_no_secret_in_clear_text(admin: Person) -> None:
    key = {"Idempotency-Key": new_id()}

    first, again = (admin.call("POST", TOKENS, CI, headers=key) for _ in range(2))

    assert first.text == again.text
    assert len(listed(admin)) == 1
    client: Any = boto3.client("dynamodb")
    stored = json.dumps(client.scan(TableName=idempotency._answers().table_name)["Items"], default=str)
    assert first.json["id"] in stored
    assert first.json["token"].split("_", 2)[2] not in stored


def test_a_refused_request_leaves_its_key_free(admin: Person) -> None:
    key = {"Idempotency-Key": new_id()}

    refused, made = (admin.call("POST", TOKENS, body, headers=key) for body in ({}, CI))

    assert (refused.status, made.status) == (422, 201)


def test_a_request_whose_answer_was_lost_gets_a_token_that_works(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try wrote the token and died before its answer was kept: its text is lost."""
    monkeypatch.setattr(idempotency, "once", lambda _key, _scope, _body, answer, _context: answer())
    key = {"Idempotency-Key": new_id()}

    lost, again = (admin.call("POST", TOKENS, CI, headers=key) for _ in range(2))

    assert again.status == 201, again.text
    assert again.json["id"] == lost.json["id"]
    assert len(listed(admin)) == 1
    assert authorize(f"Bearer {again.json['token']}")["context"]["token_id"] == again.json["id"]
    assert refused(f"Bearer {lost.json['token']}")


@pytest.mark.parametrize("later", ["old", "revoked"])
def test_an_older_request_with_the_key_changes_no_token(
    admin: Person, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    monkeypatch.setattr(idempotency, "once", lambda _key, _scope, _body, answer, _context: answer())
    key = {"Idempotency-Key": new_id()}
    made = admin.call("POST", TOKENS, CI, headers=key).json
    if later == "revoked":
        admin.call("DELETE", f"{TOKENS}/{made['id']}")

    at = NOON + (timedelta(days=2) if later == "old" else timedelta(minutes=1))
    answer = admin.call("POST", TOKENS, CI, headers=key, at=at)

    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert refused(f"Bearer {made['token']}") is (later == "revoked")


def test_a_second_revocation_at_once_changes_nothing(admin: Person) -> None:
    _, token_id = issue(admin)

    def revoke(_: int) -> Answer:
        return admin.call("DELETE", f"{TOKENS}/{token_id}")

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(revoke, range(2)))

    assert [answer.status for answer in answers] == [200, 200]


def test_no_token_is_made_in_an_organization_that_is_being_deleted(admin: Person) -> None:
    store.leave_cluster(admin.organization_id, NOON, closed=True)

    assert admin.call("POST", TOKENS, CI).status == 409
    assert listed(admin) == []


def test_a_whole_token_in_place_of_its_id_is_neither_told_nor_logged(
    admin: Person, caplog: pytest.LogCaptureFixture
) -> None:
    secret, token_id = issue(admin)

    answer = admin.call("DELETE", f"{TOKENS}/{secret}")

    assert answer.status == 404
    assert f"'jat_{token_id}_***'" in answer.json["message"]
    assert secret not in answer.text + caplog.text
