"""Names that differ only in letters that slugs lose are accepted; older jobs keep their slugs and CronJobs."""

from typing import Any

import pytest

from jobs_api import store
from jobs_api.errors import NameTaken
from jobs_api.ids import new_id
from jobs_api.model import names
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.store.project_rows import ProjectsRow
from tests.functions.people import NOON, Person, new_project

BUILD: dict[str, Any] = {"command": "dbt build", "schedule": "@daily"}


def create(person: Person, project: Project, name: str) -> Any:
    return person.call("POST", f"/api/v1/projects/{project.id}/jobs", BUILD | {"name": name})


def update(person: Person, project: Project, job_id: str, **changes: Any) -> Any:
    return person.call("PUT", f"/api/v1/projects/{project.id}/jobs/{job_id}", changes)


def forget_slug(partition: str, sort: str) -> None:
    """Leave a row as it was written before rows had slugs."""
    row = ProjectsRow.get(partition, sort)
    row.update(actions=[type(row).slug.remove()])  # type: ignore[attr-defined]


def older_job(project: Project, name: str) -> Job:
    """Write a job as it was written before."""
    slug = names.older_slug(name)
    job = Job.new(new_id("job_"), JobSettings.of(BUILD | {"name": name}, project), project, NOON)
    job = job.model_copy(update={"kept_slug": slug, "cronjob_name": f"{project.settings.name}-{slug}"})
    store.create_job(job)
    forget_slug(f"{project.organization_id}/{project.id}", f"job#{job.id}")
    return job


def locks(project: Project) -> set[str]:
    rows = ProjectsRow.query(f"{project.organization_id}/{project.id}", ProjectsRow.sort.startswith("name#"))
    return {row.sort for row in rows}


@pytest.mark.parametrize(
    ("first", "second"), [("日次 v2", "月次 v2"), ("Проект 1", "Задача 1"), ("Łódź", "odz"), ("odz", "Łódź")]
)
def test_names_that_differ_in_letters_stand_beside_each_other(
    alice: Person, jaffle: Project, first: str, second: str
) -> None:
    made = [create(alice, jaffle, name) for name in (first, second)]

    assert [answer.status for answer in made] == [201, 201]
    assert len({answer.json["cronjob_name"] for answer in made}) == 2
    assert create(alice, jaffle, first.upper()).status == 409


class TestAJobFromBefore:
    def test_an_older_job_keeps_its_slug_and_its_cronjob(self, alice: Person, jaffle: Project) -> None:
        job = older_job(jaffle, "日次 v2")

        changed = update(alice, jaffle, job.id, name="日次 v2", description="every day")

        assert changed.json["cronjob_name"] == "jaffle-v2"
        assert locks(jaffle) == {"name#v2"}
        again = update(alice, jaffle, job.id, schedule="@hourly")
        assert again.json["cronjob_name"] == "jaffle-v2"
        assert store.get_job(alice.organization_id, jaffle.id, job.id)[1].slug == "v2"

    def test_an_older_job_keeps_its_slug_through_another_spelling(self, alice: Person, jaffle: Project) -> None:
        job = older_job(jaffle, "Проект 1")

        assert update(alice, jaffle, job.id, name="ПРОЕКТ 1").json["cronjob_name"] == "jaffle-1"

    def test_an_older_job_keeps_its_name_from_a_second_job(self, alice: Person, jaffle: Project) -> None:
        older_job(jaffle, "日次 v2")
        other = create(alice, jaffle, "other").json

        assert create(alice, jaffle, "日次 v2").json["message"] == (
            "This project has a job of this name already; choose another name"
        )
        assert update(alice, jaffle, other["id"], name="日次 V2").status == 409
        assert create(alice, jaffle, "月次 v2").status == 201

    def test_an_older_job_keeps_its_slug_until_it_is_renamed(self, alice: Person, jaffle: Project) -> None:
        job = older_job(jaffle, "日次 v2")

        assert create(alice, jaffle, "v2").status == 409
        renamed = update(alice, jaffle, job.id, name="毎日 v2")

        assert renamed.json["cronjob_name"] == f"jaffle-{names.slug('毎日 v2')}"
        assert locks(jaffle) == {f"name#{names.slug('毎日 v2')}"}
        assert create(alice, jaffle, "v2").status == 201
        assert create(alice, jaffle, "日次 v2").status == 201

    @pytest.mark.parametrize("name", ["日次 v2", "v2"])
    def test_an_older_job_keeps_both_names_from_a_job_that_an_apply_renames(
        self, alice: Person, jaffle: Project, name: str
    ) -> None:
        older_job(jaffle, "日次 v2")
        other = create(alice, jaffle, "other").json
        renamed = BUILD | {"id": other["id"], "name": name}

        answer = alice.call("POST", f"/api/v1/projects/{jaffle.id}/apply", {"jobs": [renamed]})

        assert answer.faulty_fields == ["jobs[0].name"]

    @pytest.mark.parametrize("listed", [("日次 v2", "v2"), ("v2", "日次 v2")])
    def test_an_older_job_and_its_slug_cannot_both_be_in_an_apply(
        self, alice: Person, jaffle: Project, listed: tuple[str, str]
    ) -> None:
        job = older_job(jaffle, "日次 v2")
        path = f"/api/v1/projects/{jaffle.id}/apply"

        same = alice.call("POST", path, {"jobs": [BUILD | {"name": "日次 v2"}]}).json
        both = alice.call("POST", path, {"jobs": [BUILD | {"name": name} for name in listed]})

        assert [(one["action"], one["job_id"]) for one in same["changes"]] == [("none", job.id)]
        assert both.status == 422
        message = "names the same job of the project as that of jobs[0]"
        assert both.json["errors"] == [{"field": "jobs[1].name", "message": message}]

    def test_deleting_an_older_job_frees_its_slug(self, alice: Person, jaffle: Project) -> None:
        job = older_job(jaffle, "日次 v2")

        alice.call("DELETE", f"/api/v1/projects/{jaffle.id}/jobs/{job.id}")

        assert locks(jaffle) == set()

    def test_an_older_job_does_not_block_a_name_of_other_letters(self, alice: Person, jaffle: Project) -> None:
        assert create(alice, jaffle, "v2").status == 201
        assert create(alice, jaffle, "日次 v2").status == 201

    def test_a_run_of_an_older_job_has_the_older_slug(self, alice: Person, jaffle: Project) -> None:
        job = older_job(jaffle, "日次 v2")

        run = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs/{job.id}/trigger").json

        assert run["job_name"] == "jaffle-v2-20260428-120000"


class TestAProjectFromBefore:
    def test_an_older_project_keeps_its_slug_for_all_its_jobs(self, alice: Person) -> None:
        project = new_project(alice.organization_id, "販売 v2", ProjectType.DBT)
        older = project.model_copy(update={"kept_slug": "v2"})
        store.delete_project(project)
        store.create_project(older)
        forget_slug(f"{alice.organization_id}/{older.id}", "meta")

        assert create(alice, older, "build").json["cronjob_name"] == "v2-build"
        with pytest.raises(NameTaken, match="of this name already"):
            new_project(alice.organization_id, "販売 V2", ProjectType.DBT)
        assert new_project(alice.organization_id, "販買 v2", ProjectType.DBT).slug != "v2"
        found = store.get_project(alice.organization_id, older.id)
        store.delete_project(found)
        assert new_project(alice.organization_id, "v2", ProjectType.DBT).slug == "v2"


def test_one_of_two_jobs_with_one_name_is_created(alice: Person, jaffle: Project) -> None:
    settings = JobSettings.of(BUILD | {"name": "日次 v2"}, jaffle)
    store.create_job(Job.new(new_id("job_"), settings, jaffle, NOON))

    with pytest.raises(NameTaken):
        store.create_job(Job.new(new_id("job_"), settings, jaffle, NOON))
    assert alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs").json["total"] == 1
