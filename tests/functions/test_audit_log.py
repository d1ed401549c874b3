"""GET /audit-log: every write is on it once, and only admins of the organization read it."""

import importlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from jobs_api import store
from jobs_api.api import idempotency
from jobs_api.ids import new_id
from jobs_api.model.actor import Actor
from jobs_api.model.alert_targets import Event
from jobs_api.model.audit import AUDIT_KEPT_FOR, AuditAction, WrittenBy, entry
from jobs_api.model.commands import ProjectType
from jobs_api.model.delivery import new_delivery
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook.http import Answer
from jobs_api.store import audit, deliveries
from jobs_api.store.audit_rows import AuditRow
from jobs_api.store.run_rows import RunRow
from tests.functions.acme import Acme
from tests.functions.people import NOON, ROUTES, Person, new_project
from tests.functions.test_authorize_request import issue
from tests.notifications.notification_world import new_job, new_run

ACTOR: Final = {"token_id": "token", "name": "CI of the warehouse"}
BUILD: Final = {"name": "build", "command": "dbt build", "schedule": "@daily"}
HOUR: Final = timedelta(hours=1)
# A Pod that stores artifacts of its own run does not act for a user, so it writes no entry.
OF_PODS: Final = {"store_artifacts"}
CHANGES: Final = {
    function.removeprefix("functions/") for (method, _), function in ROUTES.items() if method != "GET"
} - OF_PODS
OF_NO_PROJECT: Final = {"create_token", "revoke_token"}


class World:
    """The jobs, runs and tokens that the writes change."""

    def __init__(self, acme: Acme) -> None:
        self.alice = acme.alice
        self.admin = Person(acme.organization.id, Role.ADMIN)
        self.project = acme.project
        self.jobs = f"/api/v1/projects/{acme.project.id}/jobs"
        hooked, _ = new_job(acme.project, name="told", webhook_enabled=True, webhook_url="https://hooks.example/")
        self.job_id = hooked.id
        self.job = f"{self.jobs}/{hooked.id}"
        self.run = new_run(hooked, acme.project, RunStatus.FAILED)
        self.delivery = new_delivery(self.run, Event.FAILURE, "webhook", acme.now(), timedelta(days=1))
        assert deliveries.create(self.delivery)

        self.undeployed = new_project(acme.organization.id, "undeployed", ProjectType.DBT, deployed=False).id
        self.token = issue(acme.alice)[1]
        self.open_run = new_run(hooked, acme.project, RunStatus.PENDING).id
        self.ended_run = self.run.id

    def entries(self, **query: str) -> list[dict[str, Any]]:
        answer = self.admin.call("GET", "/api/v1/audit-log", query=query, at=NOON + 50 * HOUR)
        assert answer.status == 200, answer.text
        found: list[dict[str, Any]] = answer.json["entries"]
        return found


# For each endpoint that writes: the call, the action of its entry, and the kind of its target.
WRITES: Final[dict[str, tuple[Callable[[World], Any], str, str]]] = {
    "create_project": (
        lambda w: w.admin.call("POST", "/api/v1/projects", {"name": "shop", "project_type": "dbt", "image": "dbt"}),
        "project.create",
        "",
    ),
    "update_project": (
        lambda w: w.admin.call("PUT", f"/api/v1/projects/{w.undeployed}", {"image": "dbt:2"}),
        "project.update",
        "project",
    ),
    "delete_project": (
        lambda w: w.admin.call("DELETE", f"/api/v1/projects/{w.undeployed}"),
        "project.delete",
        "project",
    ),
    "create_token": (
        lambda w: w.admin.call("POST", "/api/v1/tokens", {"name": "CI", "role": "reader"}),
        "token.create",
        "",
    ),
    "revoke_token": (lambda w: w.admin.call("DELETE", f"/api/v1/tokens/{w.token}"), "token.revoke", "token"),
    "create_job": (lambda w: w.alice.call("POST", w.jobs, BUILD), "job.create", ""),
    "apply_jobs": (
        lambda w: w.alice.call("POST", f"/api/v1/projects/{w.project.id}/apply", {"jobs": [BUILD]}),
        "job.create",
        "new",
    ),
    "update_job": (lambda w: w.alice.call("PUT", w.job, {"schedule": "@weekly"}), "job.update", "job"),
    "delete_job": (lambda w: w.alice.call("DELETE", w.job), "job.delete", "job"),
    "rollback_job": (lambda w: w.alice.call("POST", f"{w.job}/rollback", {"version": 2}), "job.rollback", "job"),
    "trigger_job": (lambda w: w.alice.call("POST", f"{w.job}/trigger"), "job.trigger", "job"),
    "cancel_run": (lambda w: w.alice.call("POST", f"/api/v1/runs/{w.open_run}/cancel"), "run.cancel", "run"),
    "retry_run": (lambda w: w.alice.call("POST", f"/api/v1/runs/{w.ended_run}/retry"), "run.retry", "ended"),
    "rotate_webhook_secret": (
        lambda w: w.alice.call("POST", f"{w.job}/notifications/rotate-secret"),
        "job.rotate_secret",
        "job",
    ),
    "test_notifications": (
        lambda w: w.alice.call("POST", f"{w.job}/notifications/test"),
        "job.test_notifications",
        "job",
    ),
    "redeliver": (
        lambda w: w.alice.call("POST", f"{w.job}/deliveries/{w.delivery.id}/redeliver"),
        "delivery.redeliver",
        "delivery",
    ),
}


@pytest.fixture
def world(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(http, "post", lambda *_: Answer(200, ""))
    return World(acme)


def test_every_endpoint_that_writes_is_tried_here() -> None:
    assert set(WRITES) == CHANGES


@pytest.mark.parametrize("function", sorted(WRITES))
def test_a_write_is_on_the_log_once_with_who_and_what(world: World, function: str) -> None:
    call, action, kind = WRITES[function]
    if function == "rollback_job":
        for schedule in ("@hourly", "@weekly"):
            world.alice.call("PUT", world.job, {"schedule": schedule})
    before = world.entries()

    answer = call(world)

    assert answer.status < 300, answer.text
    [written] = [one for one in world.entries() if one not in before]
    ids = {
        "job": world.job_id,
        "delivery": world.delivery.id,
        "run": world.open_run,
        "ended": world.ended_run,
        "token": world.token,
        "project": world.undeployed,
    }
    if kind == "new":
        ids["new"] = answer.json["changes"][0]["job_id"]
    target = ids.get(kind) or answer.json["id"]
    assert written["actor"] == ACTOR
    assert (written["action"], written["target"], written["at"]) == (action, target, "2026-04-28T12:00:00Z")
    assert written["request_id"] == answer.headers["X-Request-ID"]
    assert written.get("project_id") == (
        None if function in OF_NO_PROJECT else target if action.startswith("project.") else world.project.id
    )


@pytest.mark.parametrize(
    "function", sorted(set(WRITES) - {"apply_jobs", "create_job", "create_token", "create_project"})
)
def test_a_write_that_is_refused_is_not_on_the_log(world: World, function: str) -> None:
    before = world.entries()
    world.job += "x"
    world.open_run += "x"
    world.ended_run += "x"
    world.token += "x"
    world.undeployed += "x"

    assert WRITES[function][0](world).status == 404

    assert world.entries() == before


@pytest.mark.parametrize("name", ["create", "trigger"])
def test_a_write_that_is_repeated_with_its_key_is_one_entry(world: World, name: str) -> None:
    path = world.jobs if name == "create" else f"{world.job}/trigger"
    key = {"Idempotency-Key": new_id()}
    body = BUILD if name == "create" else {}

    for _ in range(3):
        assert world.alice.call("POST", path, body, headers=key).status < 300

    assert [one["action"] for one in world.entries()] == [f"job.{name}"]


@pytest.mark.parametrize("name", ["create", "trigger"])
def test_a_request_that_is_repeated_after_its_answer_was_lost_is_one_entry(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try wrote and died before its answer was kept, so that Powertools knows nothing of it."""
    monkeypatch.setattr(idempotency, "once", lambda _key, _scope, _body, answer, _context: answer())
    path = world.jobs if name == "create" else f"{world.job}/trigger"
    key = {"Idempotency-Key": new_id()}

    first, second = (world.alice.call("POST", path, BUILD if name == "create" else {}, headers=key) for _ in range(2))

    assert first.json.get("id") == second.json.get("id")
    assert first.json.get("job_run_id") == second.json.get("job_run_id")
    assert len(world.entries()) == 1


def test_a_run_says_which_token_started_it(world: World) -> None:
    run_id = world.alice.call("POST", f"{world.job}/trigger").json["job_run_id"]

    assert world.alice.call("GET", f"/api/v1/runs/{run_id}").json["triggered_by_token"] == ACTOR
    [written] = world.entries()
    assert written["run_id"] == run_id
    assert "triggered_by_token" not in world.alice.call("GET", f"/api/v1/runs/{world.run.id}").json


def test_a_run_and_its_entry_are_written_together_or_not_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("the process dies here")

    monkeypatch.setattr(audit, "write_all", broken)

    assert world.alice.call("POST", f"{world.job}/trigger").status == 500

    assert world.entries() == []
    assert {row.run_id for row in RunRow.by_job.query(world.job_id)} == {world.run.id, world.open_run}


def test_a_test_of_notifications_that_dies_while_it_is_sent_is_on_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise OSError("the process dies here")

    monkeypatch.setattr(importlib.import_module("functions.test_notifications.app"), "test_all", dies)

    assert world.alice.call("POST", f"{world.job}/notifications/test").status == 500

    assert [one["action"] for one in world.entries()] == ["job.test_notifications"]


@pytest.mark.parametrize("role", [Role.READER, Role.DEVELOPER])
def test_only_an_admin_reads_the_log(alice: Person, role: Role) -> None:
    answer = Person(alice.organization_id, role).call("GET", "/api/v1/audit-log")

    assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert "admin" in answer.json["message"]


def test_another_organization_s_admin_sees_nothing_of_it(world: World, charlie: Person) -> None:
    world.alice.call("POST", world.jobs, BUILD)
    stranger = Person(charlie.organization_id, Role.ADMIN)

    assert stranger.call("GET", "/api/v1/audit-log").json == {"entries": []}
    headers = {"X-Organization-ID": world.alice.organization_id}
    assert stranger.call("GET", "/api/v1/audit-log", headers=headers).status == 403


# Lists of entries that were written at known times.


@pytest.fixture
def log(alice: Person) -> Callable[..., list[str]]:
    """Write nine entries, one an hour, by three tokens in turn; return what lists them by their targets."""
    for hour in range(9):
        actor = Actor(token_id=f"token-{hour % 3}", name=f"name {hour % 3}" if hour % 3 else None)
        by = WrittenBy(actor=actor, at=NOON + hour * HOUR, request_id=f"request-{hour}")
        audit.record(entry(by, AuditAction.JOB_UPDATE, alice.organization_id, str(hour)))
    admin = Person(alice.organization_id, Role.ADMIN)

    def listed(at: datetime = NOON + 20 * HOUR, **query: str) -> list[str]:
        answer = admin.call("GET", "/api/v1/audit-log", query=query, at=at)
        assert answer.status == 200, answer.text
        found, cursor = answer.json["entries"], answer.json.get("next_cursor")
        while cursor:
            page = admin.call("GET", "/api/v1/audit-log", query={**query, "cursor": cursor}, at=at).json
            found, cursor = found + page["entries"], page.get("next_cursor")
        return [one["target"] for one in found]

    return listed


NOON_PLUS: Final = [(NOON + hour * HOUR).isoformat() for hour in range(10)]


def test_the_newest_come_first(log: Callable[..., list[str]]) -> None:
    assert log() == list("876543210")


@pytest.mark.parametrize("limit", ["1", "2", "8", "9", "10"])
def test_pages_of_any_size_meet(log: Callable[..., list[str]], limit: str) -> None:
    assert log(limit=limit) == list("876543210")
    assert log(limit=limit, **{"from": NOON_PLUS[2], "to": NOON_PLUS[7]}) == list("65432")
    assert log(limit=limit, actor="token-1") == list("741")


def test_from_is_listed_and_to_is_not(log: Callable[..., list[str]]) -> None:
    assert log(**{"from": NOON_PLUS[7]}) == ["8", "7"]
    assert log(to=NOON_PLUS[2]) == ["1", "0"]
    assert log(**{"from": NOON_PLUS[4], "to": NOON_PLUS[5]}) == ["4"]
    assert log(**{"from": "2026-04-28T18:00:00+02:00"}) == list("87654")


def test_an_actor_is_a_token_by_its_id_or_its_name(log: Callable[..., list[str]]) -> None:
    assert log(actor="token-0") == list("630")
    assert log(actor="name 2") == list("852")
    assert log(actor="nobody") == []


def test_entries_are_listed_for_400_days(log: Callable[..., list[str]]) -> None:
    late = NOON + 4 * HOUR + AUDIT_KEPT_FOR

    assert log(at=late) == list("87654")
    assert log(at=late, **{"from": NOON_PLUS[0]}) == list("87654")
    assert log(at=late, to=NOON_PLUS[2]) == []


def test_entries_of_one_moment_are_all_on_some_page(alice: Person, admin: Person) -> None:
    by = WrittenBy(actor=Actor(token_id="token"), at=NOON, request_id="one")
    for target in "abcde":
        audit.record(entry(by, AuditAction.JOB_UPDATE, alice.organization_id, target))
    found, query = [], {"limit": "2"}
    while query:
        page = admin.call("GET", "/api/v1/audit-log", query=query).json
        found += [one["target"] for one in page["entries"]]
        query = {"limit": "2", "cursor": page["next_cursor"]} if "next_cursor" in page else {}

    assert found == list("edcba")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-04-28T12:00:00"}, "to"),
        ({"from": NOON_PLUS[2], "to": NOON_PLUS[2]}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"actor": ""}, "actor"),
        ({"actor": "x" * 256}, "actor"),
        ({"cursor": "bm9uc2Vuc2U"}, "cursor"),
    ],
)
def test_a_bad_query_is_refused_and_its_field_named(admin: Person, query: dict[str, str], field: str) -> None:
    answer = admin.call("GET", "/api/v1/audit-log", query=query)

    assert (answer.status, answer.faulty_fields) == (422, [field])


def test_a_cursor_is_good_only_for_its_own_query_and_organization(
    log: Callable[..., list[str]], admin: Person, charlie: Person
) -> None:
    assert log()
    cursor = admin.call("GET", "/api/v1/audit-log", query={"limit": "1"}).json["next_cursor"]
    stranger = Person(charlie.organization_id, Role.ADMIN)

    for person, query in ((admin, {"actor": "token-0"}), (admin, {"to": NOON_PLUS[2]}), (stranger, {})):
        answer = person.call("GET", "/api/v1/audit-log", query={**query, "cursor": cursor})
        assert (answer.status, answer.faulty_fields) == (422, ["cursor"])


def test_an_action_of_a_later_release_is_shown(alice: Person, admin: Person) -> None:
    by = WrittenBy(actor=Actor(token_id="token"), at=NOON, request_id="one")
    row = audit.row_of(entry(by, AuditAction.JOB_UPDATE, alice.organization_id, "job_1"))
    row.action = "job.teleport"
    row.save()

    assert admin.call("GET", "/api/v1/audit-log").json["entries"][0]["action"] == "job.teleport"


def test_an_organization_s_log_goes_with_it_and_leaves_the_neighbour_s(alice: Person, charlie: Person) -> None:
    by = WrittenBy(actor=Actor(token_id="token"), at=NOON, request_id="one")
    for person in (alice, charlie):
        for number in range(60):
            audit.record(entry(by, AuditAction.JOB_UPDATE, person.organization_id, f"job_{number}"))

    audit.purge_audit_log(alice.organization_id)

    left = [
        row.partition
        for row in AuditRow.scan()
        if row.partition.startswith((alice.organization_id, charlie.organization_id))
    ]
    assert len(left) == 60
    assert all(partition.startswith(charlie.organization_id) for partition in left)


def test_a_job_that_was_made_before_versions_were_stored_is_purged_with_its_organization(
    alice: Person, jaffle: Project
) -> None:
    job, _ = new_job(jaffle)
    alice.call("PUT", f"/api/v1/projects/{jaffle.id}/jobs/{job.id}", {"schedule": "@hourly"})
    partition = f"{alice.organization_id}/{job.id}"
    assert AuditRow.count(partition) == 2
    assert store.get_job(alice.organization_id, jaffle.id, job.id)[1].recorded_version == 2

    audit.purge_audit_log(alice.organization_id)

    assert AuditRow.count(partition) == 0
