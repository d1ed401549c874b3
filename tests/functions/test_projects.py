"""Projects over HTTP: what everyone of an organization sees of them, and finds by name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.transactions import TransactWrite

from jobs_api import store
from jobs_api.api import idempotency
from jobs_api.ids import new_id
from jobs_api.k8s import manifests
from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.store import projects, transactions
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.acme import Acme
from tests.functions.people import NOON, Person, new_project
from tests.notifications.notification_world import new_job

PROJECTS = "/api/v1/projects"
FIELDS = {
    "id", "organization_id", "name", "project_type", "image", "working_directory", "resources", "concurrency_policy",
    "timeout_seconds", "starting_deadline_seconds", "successful_history_limit", "failed_history_limit", "ttl_seconds",
    "artifacts", "deployed", "suspended", "created_at", "updated_at",
}  # fmt: skip


def test_a_project_shows_all_that_is_decided_about_it(rita: Person, jaffle: Project) -> None:
    answer = rita.call("GET", f"{PROJECTS}/{jaffle.id}")

    assert (answer.status, set(answer.json)) == (200, FIELDS)
    assert answer.json["timeout_seconds"] == 86_400
    assert (answer.json["image"], answer.json["deployed"]) == ("dbt", True)
    assert answer.json["resources"] == {}


def test_set_fields_are_shown_and_others_are_absent(alice: Person) -> None:
    until = NOON + timedelta(days=1)
    fields = {"environment_secret": "dbt", "allowed_environment": ["PATH"], "allowed_resources": ["nvidia.com/gpu"]}
    paused = {"paused_until": until, "pause_reason": "moving"}
    project = new_project(alice.organization_id, "all of it", ProjectType.DBT, **fields, **paused)

    shown = alice.call("GET", f"{PROJECTS}/{project.id}", at=NOON).json
    afterwards = alice.call("GET", f"{PROJECTS}/{project.id}", at=until).json

    assert shown.items() >= (fields | {"paused_until": "2026-04-29T12:00:00Z", "pause_reason": "moving"}).items()
    assert not {"paused_until", "pause_reason"} & set(afterwards)


def test_all_projects_are_listed_oldest_first(alice: Person, jaffle: Project, analytics: Project) -> None:
    answer = alice.call("GET", PROJECTS).json

    assert {one["id"] for one in answer["projects"]} == {jaffle.id, analytics.id}
    assert answer["projects"] == sorted(answer["projects"], key=lambda one: (one["created_at"], one["id"]))
    assert answer["total"] == 2
    assert answer["projects"][0] == alice.call("GET", f"{PROJECTS}/{answer['projects'][0]['id']}").json


@pytest.mark.parametrize("name", ["Jaffle Shop", "jaffle-shop", "JAFFLE_SHOP", " jaffle  shop ", "Jäffle  shop!"])
def test_a_project_is_found_by_every_name_it_would_collide_with(alice: Person, jaffle: Project, name: str) -> None:
    shop = new_project(alice.organization_id, "Jaffle Shop", ProjectType.DBT)

    found = alice.call("GET", PROJECTS, query={"name": name}).json

    assert jaffle.id != shop.id
    assert ([one["id"] for one in found["projects"]], found["total"]) == ([shop.id], 1)


def test_names_that_lose_letters_are_different_projects(alice: Person) -> None:
    daily, weekly = (new_project(alice.organization_id, name, ProjectType.DBT) for name in ("日次 v2", "週次 v2"))

    for project in (daily, weekly):
        (found,) = alice.call("GET", PROJECTS, query={"name": project.settings.name}).json["projects"]
        assert found["id"] == project.id
    assert alice.call("GET", PROJECTS, query={"name": "v2"}).json["total"] == 0


@pytest.mark.parametrize("name", ["nothing", "--", "\N{GRINNING FACE}", "\0", "%", "x" * 255])
def test_a_name_that_nothing_has_finds_nothing(alice: Person, jaffle: Project, name: str) -> None:
    assert jaffle.settings.name == "jaffle"
    assert alice.call("GET", PROJECTS, query={"name": name}).json == {"projects": [], "total": 0}


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_a_name_that_cannot_be_one_is_refused(alice: Person, name: str) -> None:
    answer = alice.call("GET", PROJECTS, query={"name": name})

    assert (answer.status, answer.faulty_fields) == (422, ["name"])


@pytest.mark.parametrize("project_id", ["proj_3sue3bpo2pgmdu3s", "proj_x#y", "..", "%00", "x" * 1000])
def test_a_project_that_is_not_there_is_not_found(alice: Person, project_id: str) -> None:
    assert alice.call("GET", f"{PROJECTS}/{project_id}").status == 404


SHOP = {"name": "shop", "project_type": "dbt", "image": "shop:1"}


@pytest.fixture
def admin(alice: Person) -> Person:
    """An admin in Alice's organization."""
    return Person(alice.organization_id, Role.ADMIN)


def test_a_project_that_is_made_has_the_defaults_and_is_found_at_its_location(admin: Person) -> None:
    made = admin.call("POST", PROJECTS, SHOP)

    assert made.status == 201, made.text
    path = made.headers["Location"].removeprefix("/dev")
    assert admin.call("GET", path).json == made.json
    assert made.json.items() >= (SHOP | {"deployed": False, "ttl_seconds": 86_400, "timeout_seconds": 86_400}).items()
    assert set(made.json) == FIELDS - {"working_directory"}


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({}, True),
        ({"artifacts": None}, True),
        ({"artifacts": False}, False),
        ({"project_type": "sqlmesh"}, False),
        ({"project_type": "sqlmesh", "artifacts": None}, False),
    ],
)
def test_a_new_dbt_project_stores_artifacts_unless_it_says_otherwise(
    admin: Person,
    fields: dict[str, Any],
    stored: bool,  # noqa: FBT001
) -> None:
    made = admin.call("POST", PROJECTS, SHOP | fields)

    assert (made.status, made.json["artifacts"]) == (201, stored)


def test_a_project_from_before_keeps_what_it_has_until_somebody_says_otherwise(admin: Person, jaffle: Project) -> None:
    path = f"{PROJECTS}/{jaffle.id}"

    changed = [
        admin.call("PUT", path, fields).json["artifacts"] for fields in ({"image": "dbt:2"}, {"artifacts": None})
    ]

    assert changed == [False, True]


@pytest.mark.parametrize("role", [Role.READER, Role.DEVELOPER])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_admins_write_projects(alice: Person, jaffle: Project, role: Role, method: str) -> None:
    path = PROJECTS if method == "POST" else f"{PROJECTS}/{jaffle.id}"

    answer = Person(alice.organization_id, role).call(method, path, {} if method != "DELETE" else None)

    assert (answer.status, answer.json["code"]) == (403, "forbidden")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"image": ""}, "image"),
    ({"image": None}, "image"),
    ({"image": "two words"}, "image"),
    ({"timeout_seconds": 0}, "timeout_seconds"),
    ({"timeout_seconds": "soon"}, "timeout_seconds"),
    ({"active_deadline_seconds": 60}, "active_deadline_seconds"),
    ({"ttl_seconds": 10}, "ttl_seconds"),
    ({"concurrency_policy": "Queue"}, "concurrency_policy"),
    ({"resources": {"limits": {"memory": "1"}}}, "resources.limits.memory"),
    ({"environment_secret": "Not A Name"}, "environment_secret"),
    ({"allowed_environment": ["JOBS_API_X"]}, "allowed_environment.0"),
    ({"paused_until": "2026-01-01T00:00:00Z"}, "paused_until"),
    ({"paused_until": "tomorrow"}, "paused_until"),
    ({"pause_reason": "no end"}, "pause_reason"),
    ({"deployed": "yes"}, "deployed"),
    ({"suspended": 1}, "suspended"),
    ({"ttl_seconds": "86400"}, "ttl_seconds"),
    ({"timeout_seconds": True}, "timeout_seconds"),
    ({"working_directory": "app"}, "working_directory"),
    ({"image": "https://ghcr.io/acme/shop"}, "image"),
    ({"imgae": "x"}, "imgae"),
]


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_a_wrong_setting_is_refused_by_name_and_nothing_is_done(
    admin: Person, jaffle: Project, change: dict[str, Any], field: str
) -> None:
    before = admin.call("GET", f"{PROJECTS}/{jaffle.id}").json

    made = admin.call("POST", PROJECTS, SHOP | change)
    changed = admin.call("PUT", f"{PROJECTS}/{jaffle.id}", change)

    assert (made.status, made.faulty_fields) == (422, [field]), made.text
    assert (changed.status, changed.faulty_fields) == (422, [field]), changed.text
    assert admin.call("GET", f"{PROJECTS}/{jaffle.id}").json == before
    assert admin.call("GET", PROJECTS).json["total"] == 1


def test_all_faults_of_a_project_are_reported_at_once(admin: Person, jaffle: Project) -> None:
    wrong = {"imgae": "x", "image": "no image", "deployed": 1, "ttl_seconds": -1, "timeout_seconds": "60", "name": ""}
    bounds = {"resources": {"limits": {"memory": "1"}}}

    made = admin.call("POST", PROJECTS, {"project_type": "spark"} | wrong)
    changed = admin.call("PUT", f"{PROJECTS}/{jaffle.id}", wrong)
    beyond = admin.call("PUT", f"{PROJECTS}/{jaffle.id}", {"imgae": "x", "name": "shop"} | bounds)

    assert sorted(made.faulty_fields) == sorted([*wrong, "project_type"])
    assert sorted(changed.faulty_fields) == sorted(wrong)
    assert sorted(beyond.faulty_fields) == ["imgae", "name", "resources.limits.memory"]


def test_the_answer_of_a_get_can_be_sent_back(admin: Person, jaffle: Project) -> None:
    path = f"{PROJECTS}/{jaffle.id}"
    before = admin.call("GET", path).json

    answer = admin.call("PUT", path, before | {"image": "dbt:2"})

    assert answer.json | {"updated_at": ""} == before | {"image": "dbt:2", "updated_at": ""}


def test_an_old_name_of_the_timeout_leads_to_the_new_one(admin: Person) -> None:
    answer = admin.call("POST", PROJECTS, SHOP | {"active_deadline_seconds": 60})

    assert "did you mean timeout_seconds?" in answer.json["message"]


def test_a_change_changes_what_is_sent_alone(admin: Person, jaffle: Project) -> None:
    path = f"{PROJECTS}/{jaffle.id}"
    before = admin.call("GET", path).json
    later = NOON + timedelta(hours=1)

    changed = admin.call("PUT", path, {"image": "jaffle:2", "timeout_seconds": 7_200}, at=later).json

    new = {"image": "jaffle:2", "timeout_seconds": 7_200, "updated_at": "2026-04-28T13:00:00Z"}
    assert changed == before | new
    assert admin.call("GET", path).json == changed
    assert admin.call("PUT", path, {}, at=later + timedelta(hours=1)).json == changed
    back = admin.call("PUT", path, {"timeout_seconds": None, "working_directory": None}).json
    assert (back["timeout_seconds"], "working_directory" in back) == (86_400, False)


def test_an_image_is_that_of_the_next_run_and_the_cronjob(acme: Acme) -> None:
    admin = Person(acme.organization.id, Role.ADMIN)

    assert admin.call("PUT", f"{PROJECTS}/{acme.project.id}", {"image": "release:2"}).status == 200

    project, job = store.get_job(acme.organization.id, acme.project.id, acme.job.id)
    (container,) = manifests.cronjob(project, job, NOON)["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"] == "release:2"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": "other"}, ["name"]),
        ({"name": "JAFFLE"}, ["name"]),
        ({"project_type": "sqlmesh"}, ["project_type"]),
        ({"name": None, "project_type": None}, ["name", "project_type"]),
    ],
)
def test_a_project_keeps_its_name_and_type(
    admin: Person, jaffle: Project, change: dict[str, Any], fields: list[str]
) -> None:
    answer = admin.call("PUT", f"{PROJECTS}/{jaffle.id}", change)

    assert (answer.status, answer.faulty_fields) == (422, fields), answer.text
    assert admin.call("PUT", f"{PROJECTS}/{jaffle.id}", {"name": "jaffle", "project_type": "dbt"}).status == 200


@pytest.mark.parametrize("name", ["jaffle", "Jaffle", "日次 v2"])
def test_a_name_that_is_taken_is_refused(admin: Person, jaffle: Project, name: str) -> None:
    assert jaffle.settings.name == "jaffle"
    first = admin.call("POST", PROJECTS, SHOP | {"name": name})
    again = admin.call("POST", PROJECTS, SHOP | {"name": name})

    assert first.status == (201 if name == "日次 v2" else 409)
    assert (again.status, again.json["code"]) == (409, "conflict")


def test_a_refused_request_leaves_its_key_free(admin: Person) -> None:
    key = {"Idempotency-Key": new_id()}

    refused, made = (admin.call("POST", PROJECTS, body, headers=key) for body in ({}, SHOP))

    assert (refused.status, made.status) == (422, 201)


def test_a_project_is_made_once_by_a_key_also_where_the_answer_was_lost(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": new_id()}
    first, again = (admin.call("POST", PROJECTS, SHOP, headers=key) for _ in range(2))
    monkeypatch.setattr(idempotency, "once", lambda _key, _scope, _body, answer, _context: answer())
    lost = admin.call("POST", PROJECTS, SHOP, headers=key)

    assert first.json == again.json == lost.json
    assert admin.call("GET", PROJECTS).json["total"] == 1


def test_a_deployed_project_is_not_deleted(admin: Person, jaffle: Project) -> None:
    path = f"{PROJECTS}/{jaffle.id}"
    refused = admin.call("DELETE", path)

    assert (refused.status, refused.json["code"]) == (409, "project_deployed")
    assert admin.call("PUT", path, {"deployed": False}).status == 200
    assert admin.call("DELETE", path).status == 200
    assert admin.call("DELETE", path).status == 404
    assert admin.call("GET", PROJECTS).json["total"] == 0
    assert admin.call("POST", PROJECTS, SHOP | {"name": "jaffle"}).status == 201


def test_a_deletion_that_dies_at_any_write_is_finished_by_the_next_one(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_project(admin.organization_id, "doomed", ProjectType.DBT, deployed=False)
    new_job(made)
    tries = 0
    for survives in range(20):
        left = survives

        def dying(call: Call) -> Any:
            nonlocal left
            if call.writes:
                if left == 0:
                    raise ConnectionError("the process died")
                left -= 1
            return call.make()

        intercept_aws(monkeypatch, dying)
        answer = admin.call("DELETE", f"{PROJECTS}/{made.id}")
        monkeypatch.undo()
        tries += 1
        if answer.status != 500:
            break
        assert admin.call("GET", f"{PROJECTS}/{made.id}").status in {200, 404}

    assert (answer.status, tries) in {(200, tries), (404, tries)}
    assert tries > 2
    assert admin.call("GET", PROJECTS).json["total"] == 0
    assert admin.call("POST", PROJECTS, SHOP | {"name": "doomed"}).status == 201


def test_a_job_that_is_created_while_its_project_is_deleted_leaves_its_names_free(
    admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = new_project(admin.organization_id, "doomed", ProjectType.DBT, deployed=False)
    write_all, steps = transactions.write_all, iter(["begin", "end"])

    def write_after_a_creation(fill: Callable[[TransactWrite], None]) -> None:
        if next(steps) == "end":
            new_job(doomed)
        write_all(fill)

    monkeypatch.setattr(projects, "write_all", write_after_a_creation)
    assert admin.call("DELETE", f"{PROJECTS}/{doomed.id}").status == 200

    again = new_project(admin.organization_id, "doomed", ProjectType.DBT)
    job, _ = new_job(again)
    assert store.list_jobs(again.organization_id, again.id)[1] == [job]


def test_nothing_is_made_or_deployed_in_an_organization_that_leaves(admin: Person) -> None:
    made = new_project(admin.organization_id, "waits", ProjectType.DBT, deployed=False)
    store.leave_cluster(admin.organization_id, NOON, closed=True)

    assert admin.call("POST", PROJECTS, SHOP).status == 409
    assert admin.call("PUT", f"{PROJECTS}/{made.id}", {"deployed": True}).status == 409
    assert admin.call("PUT", f"{PROJECTS}/{made.id}", {"image": "dbt:2"}).status == 200
