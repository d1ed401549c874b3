"""Finding things: whose token this is, and when a schedule fires."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.authorize_request.app import _context
from jobs_api.auth import tokens
from jobs_api.model.organization import Role
from tests.functions.people import Person

PREVIEW = "/api/v1/schedules/preview"
OCTOBER = datetime(2026, 10, 24, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("role", Role)
def test_everyone_learns_whose_token_it_is(role: Role) -> None:
    answer = Person("org-acme", role).call("GET", "/api/v1/me")

    expected = {"organization_id": "org-acme", "role": role, "token_id": "token", "token_name": "CI of the warehouse"}
    assert (answer.status, answer.json) == (200, expected)


def test_a_token_without_a_name_has_none() -> None:
    assert "token_name" not in Person("org-acme", token_name="").call("GET", "/api/v1/me").json


def test_a_token_says_until_when_it_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = tokens.issue("org-acme", Role.READER, OCTOBER, expires_at=OCTOBER + timedelta(days=1, microseconds=5))
    person = Person("org-acme", Role.READER)
    monkeypatch.setattr(Person, "authorized", lambda _: _context(token))

    answer = person.call("GET", "/api/v1/me")

    assert answer.json == {
        "organization_id": "org-acme",
        "role": "reader",
        "token_id": token.id,
        "expires_at": "2026-10-25T00:00:00Z",
    }


def test_a_preview_has_the_next_firings_and_what_clocks_do_to_them() -> None:
    query = {"schedule": "30 2 * * *", "timezone": "Europe/Berlin", "count": "3"}

    answer = Person("org-acme", Role.READER).call("GET", PREVIEW, query=query, at=OCTOBER)

    assert answer.json == {
        "next_run_at": ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        "local": ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"],
        "warnings": [
            "clocks in Europe/Berlin go from 03:00 to 02:00 on 2026-10-25, so it fires twice at 02:30",
            "clocks in Europe/Berlin go from 02:00 to 03:00 on 2027-03-28, so it skips 02:30",
            "clocks in Europe/Berlin go from 03:00 to 02:00 on 2027-10-31, so it fires twice at 02:30",
        ],
    }


def test_a_preview_without_a_zone_is_in_utc_and_has_ten() -> None:
    answer = Person("org-acme").call("GET", PREVIEW, query={"schedule": "@hourly"}).json

    assert answer["local"] == [text.replace("Z", "+00:00") for text in answer["next_run_at"]]
    assert (len(answer["local"]), answer["warnings"]) == (10, [])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({}, ["schedule"]),
        ({"schedule": ""}, ["schedule"]),
        ({"schedule": "60 * * * *"}, ["schedule"]),
        ({"schedule": "@every 5m"}, ["schedule"]),
        ({"schedule": "0 0 30 2 *"}, ["schedule"]),
        ({"schedule": "*" * 10_000}, ["schedule"]),
        ({"schedule": "TZ=UTC 0 0 * * *"}, ["schedule"]),
        ({"schedule": "@daily", "timezone": "Berlin"}, ["timezone"]),
        ({"schedule": "@daily", "timezone": ""}, ["timezone"]),
        ({"schedule": "@daily", "timezone": "x" * 100}, ["timezone"]),
        ({"schedule": "every day", "timezone": "../../etc"}, ["schedule", "timezone"]),
        ({"schedule": "@daily", "count": "0"}, ["count"]),
        ({"schedule": "@daily", "count": "51"}, ["count"]),
        ({"schedule": "@daily", "count": "many"}, ["count"]),
        ({"schedule": "x", "timezone": "localtime", "count": "0"}, ["schedule", "timezone", "count"]),
    ],
)
def test_an_invalid_schedule_in_a_preview_is_refused_with_its_field(query: dict[str, str], fields: list[str]) -> None:
    answer = Person("org-acme").call("GET", PREVIEW, query=query)

    assert (answer.status, answer.faulty_fields) == (422, fields), answer.text
