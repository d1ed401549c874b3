"""A webhook's secrets: shown once, rotated, and nowhere in a table."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.aws import encryption
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.pulse import queue
from jobs_api.sealing import webhook as webhook_secrets
from tests.functions.people import NOON, Person
from tests.functions.stored_items import texts_in

HOOK: dict[str, Any] = {
    "name": "build",
    "command": "dbt build",
    "schedule": "@daily",
    "webhook_enabled": True,
    "webhook_url": "https://example.com/hook",
    "webhook_headers": {"X-Token": "s3cret-value"},
}


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call to KMS from here on."""
    made: list[str] = []
    real = encryption._client()

    class Counting:
        def __getattr__(self, name: str) -> Any:
            made.append(name)
            return getattr(real, name)

    monkeypatch.setattr(encryption, "_client", Counting)
    encryption._opened.clear()
    return made


@pytest.fixture
def job(alice: Person, jaffle: Project) -> dict[str, Any]:
    created: dict[str, Any] = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", HOOK).json
    return created


def path(job: dict[str, Any], more: str = "") -> str:
    return f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}{more}"


def stored(alice: Person, job: dict[str, Any]) -> Job:
    return store.get_job(alice.organization_id, job["project_id"], job["id"])[1]


def keys(alice: Person, job: dict[str, Any], after: timedelta = timedelta(0)) -> list[str]:
    webhook = stored(alice, job).webhook
    return webhook_secrets.open_keys(webhook, alice.organization_id, job["id"], NOON + after)


def test_a_secret_is_shown_once_by_the_call_that_made_it(alice: Person, job: dict[str, Any]) -> None:
    assert job["webhook_secret"].startswith("whsec_")
    assert keys(alice, job) == [job["webhook_secret"]]
    for answer in (alice.call("GET", path(job)), alice.call("PUT", path(job), {"description": "x"})):
        assert "webhook_secret" not in answer.json


def test_a_job_without_a_webhook_has_none(alice: Person, jaffle: Project, kms: list[str]) -> None:
    plain = {name: value for name, value in HOOK.items() if not name.startswith("webhook")}
    created = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", plain).json

    assert "webhook_secret" not in created
    assert kms == []


def test_the_secret_is_created_with_the_url_and_deleted_with_it(alice: Person, job: dict[str, Any]) -> None:
    without = alice.call("PUT", path(job), {"webhook_enabled": False, "webhook_url": None}).json
    assert "webhook_secret" not in without
    assert keys(alice, job) == []

    again = alice.call("PUT", path(job), {"webhook_url": "https://example.com/other"}).json
    assert again["webhook_secret"] != job["webhook_secret"]
    assert keys(alice, job) == [again["webhook_secret"]]


def test_a_new_url_keeps_the_secret(alice: Person, job: dict[str, Any]) -> None:
    moved = alice.call("PUT", path(job), {"webhook_url": "https://example.com/moved"}).json

    assert "webhook_secret" not in moved
    assert keys(alice, job) == [job["webhook_secret"]]


def test_no_table_shows_a_secret_or_a_header(alice: Person, jaffle: Project, job: dict[str, Any]) -> None:
    alice.call("PUT", path(job), {"webhook_headers": {"X-Token": "***", "X-Other": "0ther-value"}})
    keyed = alice.call(
        "POST", f"/api/v1/projects/{jaffle.id}/jobs", HOOK | {"name": "keyed"}, headers={"Idempotency-Key": "k1"}
    ).json
    tables = "".join(text for name in ("PROJECTS_TABLE", "IDEMPOTENCY_TABLE", "AUDIT_TABLE") for text in texts_in(name))

    for secret in (job["webhook_secret"], keyed["webhook_secret"], "s3cret-value", "0ther-value"):
        assert secret not in tables
        assert secret.removeprefix("whsec_") not in tables


def test_the_same_request_again_gets_the_same_answer_with_the_secret_in_it(alice: Person, jaffle: Project) -> None:
    first, second = (
        alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", HOOK, headers={"Idempotency-Key": "twice"})
        for _ in range(2)
    )

    assert first.text == second.text
    assert "whsec_" in first.text


def test_a_request_that_was_cut_off_and_came_again_shows_the_secret_that_is_stored(
    alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Idempotency-Key": "cut-off"}
    with monkeypatch.context() as cut_off:
        cut_off.setattr(queue, "job_changed", lambda *_: 1 / 0)
        assert alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", HOOK, headers=headers).status == 500

    created = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", HOOK, headers=headers)

    assert created.status == 201
    assert keys(alice, created.json) == [created.json["webhook_secret"]]


def test_texts_of_the_owner_that_resemble_masks_are_returned_unchanged(alice: Person, jaffle: Project) -> None:
    fake = f"whsec_{'A' * 43}="
    body = HOOK | {"name": "fake", "description": f"{fake} \\u0000 {fake}"}
    first, second = (
        alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", body, headers={"Idempotency-Key": "fake"})
        for _ in range(2)
    )

    assert first.json["description"] == body["description"]
    assert first.text == second.text


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "@hourly"},
        {"webhook_headers": {"X-Token": "***"}},
        {"webhook_events": ["failure"]},
        {"webhook_url": "https://example.com/moved"},
    ],
)
def test_kms_is_not_asked_where_nothing_secret_changes(
    alice: Person, job: dict[str, Any], kms: list[str], changes: dict[str, Any]
) -> None:
    assert alice.call("PUT", path(job), changes).status == 200
    assert alice.call("GET", path(job)).status == 200

    assert kms == []


def test_headers_may_be_dropped_and_kept_one_by_one(alice: Person, job: dict[str, Any]) -> None:
    alice.call("PUT", path(job), {"webhook_headers": {"X-Token": "***", "X-New": "1"}})
    assert webhook_secrets.headers_of(stored(alice, job)) == {"X-Token": "s3cret-value", "X-New": "1"}
    alice.call("PUT", path(job), {"webhook_headers": {"X-New": "***"}})
    assert webhook_secrets.headers_of(stored(alice, job)) == {"X-New": "1"}
    alice.call("PUT", path(job), {"webhook_headers": None})
    assert webhook_secrets.headers_of(stored(alice, job)) == {}


def test_headers_of_many_kibibytes_are_kept_whole(alice: Person, job: dict[str, Any]) -> None:
    headers = {f"X-{n}": "v" * 700 for n in range(20)}

    assert alice.call("PUT", path(job), {"webhook_headers": headers}).status == 200
    assert webhook_secrets.headers_of(stored(alice, job)) == headers
    too_many = {f"X-{n}": "v" * 900 for n in range(20)}
    assert alice.call("PUT", path(job), {"webhook_headers": too_many}).faulty_fields == ["webhook_headers"]


def test_a_secret_sealed_for_one_job_opens_for_no_other(alice: Person, job: dict[str, Any]) -> None:
    sealed = stored(alice, job).webhook.headers
    assert sealed

    with pytest.raises(Exception, match="InvalidCiphertext"):
        encryption.unseal(sealed, organization_id=alice.organization_id, job_id="job_another")


def test_rotating_gives_a_new_secret_and_both_sign_for_a_day(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("POST", path(job, "/notifications/rotate-secret"))

    assert answer.status == 200
    new = answer.json["webhook_secret"]
    assert answer.json["previous_accepted_until"] == "2026-04-29T12:00:00Z"
    assert keys(alice, job, timedelta(hours=23)) == [new, job["webhook_secret"]]
    assert keys(alice, job, timedelta(hours=25)) == [new]


def test_after_several_rotations_each_secret_is_valid_for_its_own_day(alice: Person, job: dict[str, Any]) -> None:
    made = [job["webhook_secret"]]
    for hour in range(3):
        at = NOON + timedelta(hours=hour)
        made.append(alice.call("POST", path(job, "/notifications/rotate-secret"), at=at).json["webhook_secret"])

    assert keys(alice, job, timedelta(hours=3)) == made[::-1]
    assert keys(alice, job, timedelta(hours=25, minutes=30)) == made[:1:-1]


def test_a_job_without_a_webhook_has_nothing_to_rotate(alice: Person, analytics: Project) -> None:
    created = alice.call(
        "POST",
        f"/api/v1/projects/{analytics.id}/jobs",
        {"name": "run", "command": "sqlmesh run", "schedule": "@daily"},
    ).json

    answer = alice.call("POST", path(created, "/notifications/rotate-secret"))

    assert (answer.status, answer.json["code"]) == (409, "conflict")


def test_a_reader_may_not_rotate(rita: Person, job: dict[str, Any]) -> None:
    assert rita.call("POST", path(job, "/notifications/rotate-secret")).status == 403


def test_a_stranger_may_not_rotate(charlie: Person, job: dict[str, Any]) -> None:
    assert charlie.call("POST", path(job, "/notifications/rotate-secret")).status == 404
