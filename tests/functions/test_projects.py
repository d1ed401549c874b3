"""Projects over HTTP: what everyone of an organization sees of them, and finds by name."""

from datetime import timedelta

import pytest

from jobs_api.model.commands import ProjectType
from jobs_api.model.project import Project
from tests.functions.people import NOON, Person, new_project

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


def test_what_is_set_is_shown_and_what_is_not_is_absent(alice: Person) -> None:
    until = NOON + timedelta(days=1)
    said = {"environment_secret": "dbt", "allowed_environment": ["PATH"], "allowed_resources": ["nvidia.com/gpu"]}
    paused = {"paused_until": until, "pause_reason": "moving"}
    project = new_project(alice.organization_id, "all of it", ProjectType.DBT, **said, **paused)

    shown = alice.call("GET", f"{PROJECTS}/{project.id}", at=NOON).json
    afterwards = alice.call("GET", f"{PROJECTS}/{project.id}", at=until).json

    assert shown.items() >= (said | {"paused_until": "2026-04-29T12:00:00Z", "pause_reason": "moving"}).items()
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


def test_names_that_lose_letters_are_told_apart(alice: Person) -> None:
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
