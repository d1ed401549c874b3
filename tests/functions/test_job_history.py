"""GET and POST of a job's versions: who changed what, and a version that comes back."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.audit import AUDIT_KEPT_FOR
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.sealing import environment, webhook
from jobs_api.store.audit_rows import AuditRow
from jobs_api.store.project_rows import JobRow
from jobsctl import operations
from tests.functions.people import NOON, Person, new_project

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}
ACTOR = {"token_id": "token", "name": "CI of the warehouse"}
HOUR = timedelta(hours=1)


@pytest.fixture
def job(alice: Person, jaffle: Project) -> str:
    """Create a job; return its path."""
    made = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD)
    return made.headers["Location"].removeprefix("/dev")


def put(alice: Person, job: str, at: int = 1, **changes: Any) -> dict[str, Any]:
    answer = alice.call("PUT", job, changes, at=NOON + at * HOUR)
    assert answer.status == 200, answer.text
    changed: dict[str, Any] = answer.json
    return changed


def versions(person: Person, job: str, **query: str) -> list[dict[str, Any]]:
    answer = person.call("GET", f"{job}/history", query=query, at=NOON + 100 * HOUR)
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["versions"]
    return found


def stored(alice: Person, job: str) -> Job:
    *_, project_id, _, job_id = job.split("/")
    return store.get_job(alice.organization_id, project_id, job_id)[1]


def as_of_before_0_2(alice: Person, job: str) -> Job:
    """Make a job one that a release made which stored no versions."""
    found = stored(alice, job)
    row = JobRow(f"{alice.organization_id}/{found.project_id}", f"job#{found.id}")
    row.update(actions=[JobRow.recorded_version.remove()])
    for version in AuditRow.query(f"{alice.organization_id}/{found.id}"):
        version.delete()
    return found


def test_the_history_lists_who_changed_which_field_newest_first(alice: Person, job: str) -> None:
    put(alice, job, schedule="@hourly", description="often")
    put(alice, job, at=2, description=None)

    newest, middle, oldest = versions(alice, job)

    assert newest == {
        "version": 3,
        "changed_at": "2026-04-28T14:00:00Z",
        "changed_by": ACTOR,
        "action": "job.update",
        "fields": {"description": {"before": "often"}},
    }
    assert middle["fields"] == {
        "schedule": {"before": "@daily", "after": "@hourly"},
        "description": {"after": "often"},
    }
    assert (oldest["version"], oldest["action"]) == (1, "job.create")
    assert oldest["fields"]["command"] == {"after": "dbt build"}
    assert "slack_channel" not in oldest["fields"]


def test_a_put_that_changes_nothing_makes_no_version(alice: Person, job: str) -> None:
    put(alice, job, schedule="@daily")

    assert [version["version"] for version in versions(alice, job)] == [1]


def test_a_reader_reads_it_and_rolls_nothing_back(alice: Person, rita: Person, job: str) -> None:
    put(alice, job, schedule="@hourly")

    assert len(versions(rita, job)) == 2
    assert rita.call("POST", f"{job}/rollback", {"version": 1}).status == 403
    assert stored(alice, job).settings.schedule == "@hourly"


def test_no_secret_is_in_a_history_and_a_new_value_of_one_is_a_change(alice: Person, job: str) -> None:
    put(alice, job, environment={"API_KEY": "hunter2", "DAY": "monday"})
    put(alice, job, at=2, environment={"API_KEY": "hunter3", "DAY": "monday"})
    put(alice, job, at=3, webhook_url="https://example.com/hook", webhook_headers={"X-Token": "swordfish"})
    put(alice, job, at=4, webhook_headers={"X-Token": "swordfish2"})
    alice.call("POST", f"{job}/notifications/rotate-secret", at=NOON + 5 * HOUR)

    answer = alice.call("GET", f"{job}/history")

    rotated, header, hook, value, first, _ = answer.json["versions"]
    assert (rotated["action"], rotated["fields"]) == ("job.rotate_secret", {})
    assert header["fields"] == {"webhook_headers": {"before": {"X-Token": "***"}, "after": {"X-Token": "***"}}}
    assert hook["fields"]["webhook_headers"] == {"after": {"X-Token": "***"}}
    masked = {"API_KEY": "***", "DAY": "monday"}
    assert value["fields"] == {"environment": {"before": masked, "after": masked}}
    assert first["fields"] == {"environment": {"before": {}, "after": masked}}
    rows = str([row.attribute_values for row in AuditRow.scan()])
    for secret in ("hunter", "swordfish", "whsec_"):
        assert secret not in answer.text
        assert secret not in rows


def test_pages_meet_whatever_their_size(alice: Person, job: str) -> None:
    for hour in range(1, 6):
        put(alice, job, at=hour, description=f"at {hour}")
    found, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = alice.call("GET", f"{job}/history", query=query).json
        found += [version["version"] for version in page["versions"]]
        cursor = page.get("next_cursor")
        if not cursor:
            break

    assert found == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"cursor": "bm9uc2Vuc2U"}])
def test_a_bad_query_is_refused_and_its_field_named(alice: Person, job: str, query: dict[str, str]) -> None:
    answer = alice.call("GET", f"{job}/history", query=query)

    assert (answer.status, answer.faulty_fields) == (422, list(query))


def test_a_cursor_of_another_jobs_history_is_refused(alice: Person, jaffle: Project, job: str) -> None:
    put(alice, job, schedule="@hourly")
    cursor = alice.call("GET", f"{job}/history", query={"limit": "1"}).json["next_cursor"]
    other = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD | {"name": "other"}).json["id"]

    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/{other}/history", query={"cursor": cursor})

    assert (answer.status, answer.faulty_fields) == (422, ["cursor"])


def test_a_deleted_job_has_no_history(alice: Person, job: str) -> None:
    alice.call("DELETE", job)

    assert alice.call("GET", f"{job}/history").status == 404
    assert alice.call("POST", f"{job}/rollback", {"version": 1}).status == 404


def test_the_history_of_an_older_job_begins_with_what_is_known(alice: Person, job: str) -> None:
    put(alice, job, schedule="@weekly")
    as_of_before_0_2(alice, job)
    assert versions(alice, job) == [{"version": 2, "changed_at": "2026-04-28T13:00:00Z", "fields": {}}]

    put(alice, job, at=2, schedule="@hourly")

    newest, older = versions(alice, job)
    assert newest["fields"] == {"schedule": {"before": "@weekly", "after": "@hourly"}}
    assert older == {"version": 2, "changed_at": "2026-04-28T13:00:00Z", "fields": {}}
    assert alice.call("POST", f"{job}/rollback", {"version": 2}).json["schedule"] == "@weekly"


def test_a_version_that_an_older_release_made_in_between_is_kept_too(alice: Person, job: str) -> None:
    before = stored(alice, job)
    settings = before.settings.model_copy(update={"schedule": "@monthly"})
    store.update_job(before, before.model_copy(update={"settings": settings, "version": 2}))

    put(alice, job, schedule="@hourly")

    newest, between, first = versions(alice, job)
    assert newest["fields"] == {"schedule": {"before": "@monthly", "after": "@hourly"}}
    assert (between["version"], between["fields"]) == (2, {})
    assert "changed_by" not in between
    assert first["changed_by"] == ACTOR


def test_versions_are_kept_for_400_days_and_what_a_change_replaces_can_always_come_back(
    alice: Person, job: str
) -> None:
    late = NOON + AUDIT_KEPT_FOR + HOUR
    alice.call("PUT", job, {"schedule": "@hourly"}, at=late)

    newest, older = alice.call("GET", f"{job}/history", at=late).json["versions"]

    assert newest["version"] == 2
    assert (older["version"], older["fields"]) == (1, {})
    answer = alice.call("POST", f"{job}/rollback", {"version": 1}, at=late + HOUR)
    assert answer.json["schedule"] == "@daily"
    much_later = alice.call("GET", f"{job}/history", at=late + AUDIT_KEPT_FOR + 2 * HOUR)
    assert [version["version"] for version in much_later.json["versions"]] == [3]
    gone = alice.call("POST", f"{job}/rollback", {"version": 2}, at=late + AUDIT_KEPT_FOR + 2 * HOUR)
    assert (gone.status, gone.faulty_fields) == (422, ["version"])


# Rolling back.


def test_a_rollback_is_a_change_to_what_the_version_was(alice: Person, job: str) -> None:
    put(alice, job, schedule="@hourly", description="often", timezone="Europe/Berlin", enabled=False)

    answer = alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 2 * HOUR)

    assert answer.status == 200
    assert (answer.json["schedule"], answer.json["timezone"], answer.json["enabled"]) == ("@daily", "UTC", True)
    assert "description" not in answer.json
    assert answer.json["updated_at"] == "2026-04-28T14:00:00Z"
    newest = versions(alice, job)[0]
    assert (newest["version"], newest["action"]) == (3, "job.rollback")
    assert newest["fields"]["schedule"] == {"before": "@hourly", "after": "@daily"}


def test_a_rollback_to_what_the_job_is_changes_nothing(alice: Person, job: str) -> None:
    put(alice, job, schedule="@hourly")
    put(alice, job, at=2, schedule="@daily")

    for version in (3, 1):
        answer = alice.call("POST", f"{job}/rollback", {"version": version}, at=NOON + 3 * HOUR)
        assert (answer.status, answer.json["updated_at"]) == (200, "2026-04-28T14:00:00Z")
    assert len(versions(alice, job)) == 3


def test_a_rollback_restores_the_name_or_reports_that_it_is_taken(alice: Person, jaffle: Project, job: str) -> None:
    put(alice, job, name="other")
    assert alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 2 * HOUR).json["name"] == "build"
    put(alice, job, at=3, name="other")
    alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD)

    answer = alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 4 * HOUR)

    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert stored(alice, job).settings.name == "other"


def test_a_mask_keeps_the_value_that_the_same_variable_and_header_have_now(alice: Person, job: str) -> None:
    put(
        alice,
        job,
        environment={"API_KEY": "old", "DAY": "monday"},
        webhook_url="https://example.com/hook",
        webhook_headers={"X-Token": "old"},
    )
    put(alice, job, at=2, environment={"API_KEY": "new", "DAY": "friday"}, webhook_headers={"X-Token": "new"})

    answer = alice.call("POST", f"{job}/rollback", {"version": 2}, at=NOON + 3 * HOUR)

    assert answer.json["environment"] == {"API_KEY": "***", "DAY": "monday"}
    assert environment.values_of(stored(alice, job)) == {"API_KEY": "new", "DAY": "monday"}
    assert webhook.headers_of(stored(alice, job)) == {"X-Token": "new"}


def test_a_secret_that_is_gone_is_named_and_nothing_is_half_restored(alice: Person, job: str) -> None:
    put(alice, job, environment={"API_KEY": "old", "DB_PASSWORD": "old"}, schedule="@hourly")
    put(alice, job, at=2, environment={"DAY": "friday"}, schedule="@weekly")

    answer = alice.call("POST", f"{job}/rollback", {"version": 2}, at=NOON + 3 * HOUR)

    assert answer.status == 422
    assert answer.faulty_fields == ["environment.API_KEY", "environment.DB_PASSWORD"]
    assert "version 2" in answer.json["errors"][0]["message"]
    assert (stored(alice, job).settings.schedule, stored(alice, job).version) == ("@weekly", 3)

    put(alice, job, at=4, environment={"API_KEY": "a new one", "DB_PASSWORD": "another"})
    assert alice.call("POST", f"{job}/rollback", {"version": 2}, at=NOON + 5 * HOUR).json["schedule"] == "@hourly"
    assert environment.values_of(stored(alice, job)) == {"API_KEY": "a new one", "DB_PASSWORD": "another"}


def test_headers_do_not_follow_a_rollback_to_another_origin(alice: Person, job: str) -> None:
    put(alice, job, webhook_url="https://one.example/hook", webhook_headers={"X-Token": "for one"})
    put(alice, job, at=2, webhook_url="https://two.example/hook", webhook_headers={"X-Token": "for two"})

    answer = alice.call("POST", f"{job}/rollback", {"version": 2}, at=NOON + 3 * HOUR)

    assert (answer.status, answer.faulty_fields) == (422, ["webhook_headers"])
    assert stored(alice, job).settings.webhook_url == "https://two.example/hook"


def test_a_webhook_that_comes_back_gets_a_new_secret_which_is_shown(alice: Person, job: str) -> None:
    old = put(alice, job, webhook_url="https://one.example/hook")["webhook_secret"]
    put(alice, job, at=2, webhook_url=None)

    answer = alice.call("POST", f"{job}/rollback", {"version": 2}, at=NOON + 3 * HOUR)

    assert answer.json["webhook_secret"].startswith("whsec_")
    assert answer.json["webhook_secret"] != old


def test_a_version_that_breaks_a_rule_of_today_is_refused_field_by_field(alice: Person, job: str) -> None:
    put(alice, job, schedule="@hourly")
    row = AuditRow.get(f"{alice.organization_id}/{stored(alice, job).id}", "version#000000001")
    row.settings = {**row.settings, "command": "sqlmesh run", "schedule": "@every 5m"}  # type: ignore[attr-defined]
    row.save()

    answer = alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 2 * HOUR)

    assert (answer.status, answer.faulty_fields) == (422, ["command", "schedule"])
    assert all("version 1" in fault["message"] for fault in answer.json["errors"])
    assert stored(alice, job).version == 2


def test_a_version_with_what_the_project_no_longer_allows_is_refused_and_nothing_changes(
    alice: Person, jaffle: Project, job: str
) -> None:
    operations.change_project(alice.organization_id, jaffle.id, {"allowed_environment": ["PATH"]})
    put(alice, job, environment={"PATH": "/opt/dbt"})
    put(alice, job, at=2, environment={}, schedule="@weekly")
    operations.change_project(alice.organization_id, jaffle.id, {"allowed_environment": []})
    before = stored(alice, job)

    answer = alice.call("POST", f"{job}/rollback", {"version": 2}, at=NOON + 3 * HOUR)

    assert (answer.status, answer.faulty_fields) == (422, ["environment.PATH"])
    assert stored(alice, job) == before
    assert len(versions(alice, job)) == 3


def test_a_version_of_a_release_that_knew_fewer_fields_gives_them_their_defaults(alice: Person, job: str) -> None:
    put(alice, job, timezone="Europe/Berlin")
    row = AuditRow.get(f"{alice.organization_id}/{stored(alice, job).id}", "version#000000001")
    row.settings = {k: v for k, v in row.settings.items() if k != "timezone"}  # type: ignore[attr-defined]
    row.save()

    assert alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 2 * HOUR).json["timezone"] == "UTC"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": 0},
        {"version": -1},
        {"version": "1"},
        {"version": 1.5},
        {"version": True},
        {"version": 99},
        {"version": 10**12},
        {"version": None},
        {"versoin": 1},
    ],
)
def test_a_body_that_names_no_version_changes_nothing(alice: Person, job: str, body: dict[str, Any]) -> None:
    answer = alice.call("POST", f"{job}/rollback", body)

    assert answer.status == 422, answer.text
    assert stored(alice, job).version == 1


@pytest.mark.parametrize(("body", "status"), [(None, 400), ("[]", 400), ("nonsense", 400)])
def test_a_rollback_needs_an_object(alice: Person, job: str, body: Any, status: int) -> None:
    assert alice.call("POST", f"{job}/rollback", body).status == status


def test_the_same_key_rolls_back_once(alice: Person, job: str) -> None:
    put(alice, job, schedule="@hourly")
    key = {"Idempotency-Key": "back"}
    first = alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 2 * HOUR, headers=key)
    put(alice, job, at=3, schedule="@weekly")

    again = alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 4 * HOUR, headers=key)
    other = alice.call("POST", f"{job}/rollback", {"version": 2}, at=NOON + 4 * HOUR, headers=key)

    assert (again.status, again.text) == (first.status, first.text)
    assert other.status == 409
    assert stored(alice, job).settings.schedule == "@weekly"


def test_a_refused_rollback_is_not_kept_for_its_key(alice: Person, job: str) -> None:
    key = {"Idempotency-Key": "back"}
    body = {"version": 2}
    assert alice.call("POST", f"{job}/rollback", body, headers=key).status == 422

    put(alice, job, schedule="@hourly")
    put(alice, job, at=2, schedule="@weekly")

    assert alice.call("POST", f"{job}/rollback", body, headers=key).json["schedule"] == "@hourly"


def test_two_who_write_at_once_lose_nothing(alice: Person, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(alice, job, schedule="@hourly")
    update = store.update_job

    def late(*arguments: Any) -> None:
        monkeypatch.setattr(store, "update_job", update)
        put(alice, job, at=2, description="in between")
        update(*arguments)

    monkeypatch.setattr(store, "update_job", late)

    answer = alice.call("POST", f"{job}/rollback", {"version": 1}, at=NOON + 3 * HOUR)

    assert (answer.status, answer.json["schedule"]) == (200, "@daily")
    assert [version["action"] for version in versions(alice, job)[:3]] == ["job.rollback", "job.update", "job.update"]


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}", "\x01", "\x7f", '"'])
def test_the_largest_job_has_a_history_in_pages_that_fit(alice: Person, job: str, character: str) -> None:
    """A control character takes six bytes in JSON, and seven in the JSON around that."""
    size = 32 * 1024 // len(character.encode()) - 200

    def largest(number: int) -> dict[str, Any]:
        environment = {f"V{number:03}": character * size}
        return {"environment": environment, "description": f"{number} " + "\N{GRINNING FACE}" * 990}

    for number in range(1, 13):
        put(alice, job, at=number, **largest(number))
    found, cursor, pages = [], None, 0
    while cursor or not pages:
        query = {"limit": "500", **({"cursor": cursor} if cursor else {})}
        page = alice.call("GET", f"{job}/history", query=query)
        assert page.status == 200
        found += [version["version"] for version in page.json["versions"]]
        cursor, pages = page.json.get("next_cursor"), pages + 1

    assert found == list(range(13, 0, -1))
    assert alice.call("POST", f"{job}/rollback", {"version": 2}).json["environment"] == largest(1)["environment"]


def test_versions_that_do_not_compress_fit_into_an_item(alice: Person, job: str) -> None:
    random = Random(1)  # noqa: S311 - the same text each time

    def noise() -> dict[str, str]:
        return {"V": "".join(chr(random.choice([*range(1, 32), *range(0x80, 0x800)])) for _ in range(16_000))}

    for number in range(1, 4):
        put(alice, job, at=number, environment=noise(), command="dbt build --vars '" + "é" * 4000 + "'")

    assert len(versions(alice, job)) == 4


def test_a_project_of_another_kind_is_checked_by_its_own_rules(alice: Person) -> None:
    project = new_project(alice.organization_id, "analytics", ProjectType.SQLMESH)
    body = BUILD | {"command": "sqlmesh run"}
    job = alice.call("POST", f"/api/v1/projects/{project.id}/jobs", body).headers["Location"].removeprefix("/dev")
    put(alice, job, command="sqlmesh plan --auto-apply")

    assert alice.call("POST", f"{job}/rollback", {"version": 1}).json["command"] == "sqlmesh run"
    assert Person(alice.organization_id, Role.ADMIN).call("GET", f"{job}/history").status == 200
