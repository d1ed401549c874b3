"""Secret values of a job's environment: sealed in every table, masked in every answer, in clear only in the pod."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs_api import store
from jobs_api.aws import encryption
from jobs_api.cluster import ObjectNotFound
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.redaction.masking import secret_values
from jobs_api.sealing import environment
from tests.functions import passes
from tests.functions.acme import Acme
from tests.functions.people import NOON, Person
from tests.functions.stored_items import texts_in
from tests.functions.test_webhook_secrets import kms as kms  # noqa: PLC0414 - a fixture
from tests.notifications.notification_world import new_run

SECRET, OTHER = "env-s3cret-7", "env-0ther-7"
BUILD: dict[str, Any] = {
    "name": "build",
    "command": "dbt build",
    "schedule": "@daily",
    "environment": {"DB_PASSWORD": SECRET, "TARGET": "prod"},
}
TABLES = ("PROJECTS_TABLE", "RUNS_TABLE", "IDEMPOTENCY_TABLE", "DELIVERIES_TABLE", "ORGANIZATIONS_TABLE", "AUDIT_TABLE")


@pytest.fixture
def job(alice: Person, jaffle: Project) -> dict[str, Any]:
    created: dict[str, Any] = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD).json
    return created


def path(job: dict[str, Any], more: str = "") -> str:
    return f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}{more}"


def stored(alice: Person, job: dict[str, Any]) -> Job:
    return store.get_job(alice.organization_id, job["project_id"], job["id"])[1]


def values(alice: Person, job: dict[str, Any]) -> dict[str, str]:
    return environment.values_of(stored(alice, job))


def dump(organization_id: str) -> str:
    """Return everything that the tables hold of an organization, and all answers that are kept."""
    items = [
        text
        for table in TABLES
        for text in texts_in(table, mentioning="" if table == "IDEMPOTENCY_TABLE" else organization_id)
    ]
    assert items
    return "".join(items)


def in_clear(project: Project, name: str = "older") -> Job:
    """Write a job as it was written before environments were sealed."""
    settings = JobSettings.of(BUILD | {"name": name}, project)
    job = Job.new(f"job_{name}", settings, project, NOON)
    store.create_job(job)
    return job


def test_no_answer_shows_a_secret_value(alice: Person, jaffle: Project, job: dict[str, Any]) -> None:
    jobs = f"/api/v1/projects/{jaffle.id}/jobs"
    key = {"Idempotency-Key": "twice"}
    answers = [
        alice.call("GET", path(job)),
        alice.call("GET", jobs),
        alice.call("PUT", path(job), {"description": "x"}),
        *(alice.call("POST", jobs, BUILD | {"name": "keyed"}, headers=key) for _ in range(2)),
        *(alice.call("POST", path(job, "/trigger"), headers=key) for _ in range(2)),
        alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs"),
    ]

    assert job["environment"] == {"DB_PASSWORD": "***", "TARGET": "prod"}
    assert answers[3].text == answers[4].text
    assert answers[3].json["environment"] == job["environment"]
    assert not [answer for answer in answers if SECRET in answer.text or answer.status >= 300]


def test_no_table_holds_a_secret_value(alice: Person, jaffle: Project, job: dict[str, Any]) -> None:
    jobs = f"/api/v1/projects/{jaffle.id}/jobs"
    alice.call("POST", jobs, BUILD | {"name": "keyed"}, headers={"Idempotency-Key": "keyed"})
    alice.call("PUT", path(job), {"environment": {"DB_PASSWORD": "***", "API_TOKEN": OTHER}})
    run = alice.call("POST", path(job, "/trigger")).json
    assert store.get_run(alice.organization_id, run["job_run_id"]).launch, "it waits for a cluster that is not there"

    assert SECRET not in dump(alice.organization_id)
    assert OTHER not in dump(alice.organization_id)
    alice.call("DELETE", path(job))
    assert SECRET not in dump(alice.organization_id)


def test_a_deleted_job_leaves_no_value_behind(jaffle: Project) -> None:
    older = in_clear(jaffle)
    remains = older.removed(jaffle, NOON)
    assert SECRET in dump(jaffle.organization_id)

    store.delete_job(older, NOON, remains)

    assert SECRET not in dump(jaffle.organization_id)
    assert remains is None or remains.settings.environment == {}


def test_the_record_of_a_deleted_job_with_open_slots_has_no_environment(jaffle: Project) -> None:
    settings = JobSettings.of(BUILD | {"schedule": "* * * * *"}, jaffle)
    job = Job.new("job_open", settings, jaffle, NOON)

    remains = job.removed(jaffle, NOON.replace(minute=5))

    assert remains
    assert (remains.settings.environment, remains.sealed_environment) == ({}, None)


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ({"DB_PASSWORD": "***", "TARGET": "prod"}, {"DB_PASSWORD": SECRET, "TARGET": "prod"}),
        ({"DB_PASSWORD": "***"}, {"DB_PASSWORD": SECRET}),
        ({"DB_PASSWORD": OTHER}, {"DB_PASSWORD": OTHER}),
        ({"DB_PASSWORD": "***", "API_TOKEN": OTHER}, {"DB_PASSWORD": SECRET, "API_TOKEN": OTHER}),
        ({"DB_PASSWORD": ""}, {"DB_PASSWORD": ""}),
        ({"TARGET": "***"}, {"TARGET": "***"}),
        ({"TARGET": "dev"}, {"TARGET": "dev"}),
        ({}, {}),
        (None, {}),
    ],
)
def test_a_mask_that_is_sent_back_keeps_the_value(
    alice: Person, job: dict[str, Any], sent: Any, left: dict[str, str]
) -> None:
    answer = alice.call("PUT", path(job), {"environment": sent})

    assert answer.status == 200
    assert values(alice, job) == left
    assert answer.json["environment"] == {
        name: "***" if name in {"DB_PASSWORD", "API_TOKEN"} else value for name, value in left.items()
    }
    assert not any(value in dump(alice.organization_id) for value in (SECRET, OTHER))


@pytest.mark.parametrize("name", ["API_TOKEN", "db_password"])
def test_a_mask_for_what_was_never_stored_is_refused(alice: Person, job: dict[str, Any], name: str) -> None:
    answer = alice.call("PUT", path(job), {"environment": {"DB_PASSWORD": "***", name: "***"}})

    assert answer.faulty_fields == [f"environment.{name}"]
    assert "send the value itself" in answer.text
    assert values(alice, job) == BUILD["environment"]


def test_a_job_cannot_begin_with_a_mask(alice: Person, jaffle: Project) -> None:
    answer = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD | {"environment": {"TOKEN": "***"}})

    assert (answer.status, answer.faulty_fields) == (422, ["environment.TOKEN"])


def test_the_answer_of_get_can_be_put_and_changes_nothing(alice: Person, job: dict[str, Any], kms: list[str]) -> None:
    before = stored(alice, job)

    assert alice.call("PUT", path(job), alice.call("GET", path(job)).json).status == 200
    assert stored(alice, job) == before
    assert kms == []


def test_the_same_values_again_change_nothing(alice: Person, job: dict[str, Any]) -> None:
    before = stored(alice, job)

    assert alice.call("PUT", path(job), {"environment": BUILD["environment"]}).status == 200
    assert stored(alice, job) == before


def test_lists_and_reads_ask_nothing_of_kms(
    alice: Person, jaffle: Project, job: dict[str, Any], kms: list[str]
) -> None:
    alice.call("GET", path(job))
    alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs")
    alice.call("PUT", path(job), {"schedule": "@hourly"})

    assert kms == []


def test_a_job_without_secrets_is_never_sealed(alice: Person, jaffle: Project, kms: list[str]) -> None:
    plain = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD | {"environment": {"TARGET": "x"}}).json

    assert stored(alice, plain).sealed_environment is None
    assert kms == []


def test_sizes_count_the_values_and_not_the_masks(alice: Person, jaffle: Project) -> None:
    big = BUILD | {"environment": {"TOKEN": "x" * 30_000}}
    job = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", big).json

    answer = alice.call("PUT", path(job), {"environment": {"TOKEN": "***", "A": "y" * 5_000}})

    assert answer.faulty_fields == ["environment"]
    assert alice.call("PUT", path(job), {"environment": {"TOKEN": "***", "A": "y" * 2_000}}).status == 200
    assert values(alice, job)["TOKEN"] == "x" * 30_000


def test_a_secret_sealed_for_one_job_opens_for_no_other(alice: Person, jaffle: Project, job: dict[str, Any]) -> None:
    sealed = stored(alice, job).sealed_environment
    other = in_clear(jaffle)

    with pytest.raises(encryption.CannotOpen):
        environment.values_of(
            other.model_copy(update={"sealed_environment": sealed, "settings": stored(alice, job).settings})
        )
    with pytest.raises(encryption.CannotOpen):
        encryption.unseal(str(sealed).partition(":")[2], organization_id=alice.organization_id, job_id=job["id"])
    with pytest.raises(encryption.CannotOpen):
        encryption.unseal("cut off", organization_id=alice.organization_id, job_id=job["id"])


class TestAJobFromBefore:
    def test_a_value_in_clear_is_masked_in_answers_and_sealed_by_the_next_change(
        self, alice: Person, jaffle: Project
    ) -> None:
        older = in_clear(jaffle)
        found = f"/api/v1/projects/{jaffle.id}/jobs/{older.id}"
        shown = alice.call("GET", found).json
        assert shown["environment"] == {"DB_PASSWORD": "***", "TARGET": "prod"}
        assert SECRET not in alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs").text

        assert alice.call("PUT", found, {"description": "x", "environment": shown["environment"]}).status == 200

        assert SECRET not in dump(alice.organization_id)
        assert values(alice, {"project_id": jaffle.id, "id": older.id}) == BUILD["environment"]

    def test_a_value_in_clear_that_is_sent_back_as_a_mask_is_kept(self, alice: Person, jaffle: Project) -> None:
        older = in_clear(jaffle)
        found = f"/api/v1/projects/{jaffle.id}/jobs/{older.id}"

        assert alice.call("PUT", found, {"environment": {"DB_PASSWORD": "***", "API_TOKEN": OTHER}}).status == 200

        kept = {"DB_PASSWORD": SECRET, "API_TOKEN": OTHER}
        assert values(alice, {"project_id": jaffle.id, "id": older.id}) == kept

    def test_a_value_in_clear_is_sealed_on_a_waiting_run(self, alice: Person, jaffle: Project) -> None:
        older = in_clear(jaffle)

        run = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs/{older.id}/trigger").json

        waiting = store.get_run(alice.organization_id, run["job_run_id"])
        assert waiting.launch
        assert SECRET not in json.dumps(waiting.launch)
        assert environment.opened_of(waiting) == {"DB_PASSWORD": SECRET}

    def test_a_value_in_clear_is_sealed_on_a_waiting_retry(self, alice: Person, jaffle: Project) -> None:
        older = in_clear(jaffle)
        run = new_run(older, jaffle, RunStatus.FAILED)

        retried = alice.call("POST", f"/api/v1/runs/{run.id}/retry").json

        waiting = store.get_run(alice.organization_id, retried["job_run_id"])
        assert SECRET not in json.dumps(waiting.launch)
        assert environment.opened_of(waiting) == {"DB_PASSWORD": SECRET}

    def test_a_value_in_clear_is_sealed_together_with_names_that_became_secret_later(
        self, alice: Person, job: dict[str, Any]
    ) -> None:
        known = stored(alice, job)
        newly = {**known.settings.environment, "API_TOKEN": OTHER}
        mixed = known.model_copy(update={"settings": known.settings.model_copy(update={"environment": newly})})

        sealed = environment.with_sealed_environment(mixed)

        assert set(sealed.settings.environment.values()) == {"***", "prod"}
        assert environment.values_of(sealed) == {**BUILD["environment"], "API_TOKEN": OTHER}


class TestInTheCluster:
    def given(self, manifest: Any) -> dict[str, str]:
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        return {one["name"]: one.get("value", "") for one in container["env"]}

    def tick(self, acme: Acme) -> None:
        passes.sync(acme.organization.id)

    def create(self, acme: Acme, **settings: Any) -> dict[str, Any]:
        jobs = f"/api/v1/projects/{acme.project.id}/jobs"
        made: dict[str, Any] = acme.alice.call("POST", jobs, BUILD | {"name": "sealed"} | settings).json
        return made

    def cronjob(self, acme: Acme, job: dict[str, Any]) -> Any:
        return acme.cluster.get_cronjob(acme.organization.namespace, job["cronjob_name"])

    def test_the_cronjob_has_the_values_and_the_next_sync_leaves_it_alone(self, acme: Acme) -> None:
        job = self.create(acme, environment={"DB_PASSWORD": "pa$$(HOME)", "TARGET": "prod"})

        self.tick(acme)

        live = self.cronjob(acme, job)
        given = self.given(live["spec"]["jobTemplate"])
        assert (given["DB_PASSWORD"], given["TARGET"]) == ("pa$$$$(HOME)", "prod")
        self.tick(acme)
        assert self.cronjob(acme, job)["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]

    def test_a_triggered_run_has_the_values(self, acme: Acme) -> None:
        job = self.create(acme)

        run = acme.alice.call("POST", path(job, "/trigger")).json

        made = acme.cluster.get_job(acme.organization.namespace, run["job_name"])
        assert self.given(made)["DB_PASSWORD"] == SECRET
        launched = store.get_run(acme.organization.id, run["job_run_id"])
        assert (launched.launch, launched.sealed_environment) == (None, None)

    def test_a_retried_run_has_the_values(self, acme: Acme) -> None:
        job = store.get_job(acme.organization.id, acme.project.id, self.create(acme)["id"])[1]
        run = new_run(job, acme.project, RunStatus.FAILED)
        encryption._opened.clear()

        retried = acme.alice.call("POST", f"/api/v1/runs/{run.id}/retry").json

        made = acme.cluster.get_job(acme.organization.namespace, retried["job_name"])
        assert self.given(made)["DB_PASSWORD"] == SECRET

    def test_a_run_that_waited_for_the_cluster_has_the_values(self, acme: Acme, refuse: Any) -> None:
        job = self.create(acme, enabled=False)
        refuse("POST", "/jobs")
        run = acme.alice.call("POST", path(job, "/trigger"), at=datetime.now(UTC)).json
        refuse()
        waiting = store.get_run(acme.organization.id, run["job_run_id"])
        assert waiting.launch

        encryption._opened.clear()
        passes.ingest(acme.organization.id)

        made = acme.cluster.get_job(acme.organization.namespace, run["job_name"])
        assert self.given(made)["DB_PASSWORD"] == SECRET

    def test_no_pod_ever_gets_a_mask_where_a_value_cannot_be_opened(
        self, acme: Acme, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job, other = self.create(acme), self.create(acme, name="other", environment={})
        with monkeypatch.context() as broken:
            broken.setattr(encryption, "_unsealed", _does_not_open)
            self.tick(acme)
            run = acme.alice.call("POST", path(job, "/trigger"))
            assert run.status == 202
            assert store.get_run(acme.organization.id, run.json["job_run_id"]).launch

        assert self.cronjob(acme, other)
        with pytest.raises(ObjectNotFound):
            self.cronjob(acme, job)
        shown = acme.alice.call("GET", path(job)).json["sync"]
        assert shown["state"] == "error"
        assert "cannot be decrypted" in shown["message"]
        self.tick(acme)
        assert acme.alice.call("GET", path(job)).json["sync"]["state"] == "synced"


def _does_not_open(*_: object) -> bytes:
    raise encryption.CannotOpen("not now")


def test_texts_are_masked_by_the_values(alice: Person, job: dict[str, Any]) -> None:
    assert secret_values(values(alice, job)) == [SECRET]
