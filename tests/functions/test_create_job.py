"""POST /projects/{id}/jobs."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.persistence import dynamodb
from botocore.exceptions import ClientError

from jobs_api import store
from jobs_api.errors import NameTaken
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from tests.calls_to_aws import die_at
from tests.functions.people import NOON, Person, new_project

NIGHTLY: dict[str, Any] = {
    "name": "nightly-refresh",
    "description": "Full model refresh at 2 AM",
    "command": "sqlmesh run --select-model '*'",
    "schedule": "0 2 * * *",
    "enabled": True,
    "slack_channel": "#data-alerts",
    "slack_alerts_enabled": True,
    "slack_alert_on_success": False,
    "slack_alert_on_warning": False,
}
BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}


def path(project: Project) -> str:
    return f"/api/v1/projects/{project.id}/jobs"


def test_it_works(alice: Person, analytics: Project) -> None:
    answer = alice.call("POST", path(analytics), NIGHTLY)

    assert answer.status == 201
    job = answer.json
    assert answer.headers["Location"] == f"/dev{path(analytics)}/{job['id']}"
    assert answer.headers["X-Request-ID"]
    assert job["id"].startswith("job_")
    assert job | NIGHTLY == job
    assert job["project_id"] == analytics.id
    assert job["resources"] == job["environment"] == {}
    assert job["webhook_enabled"] is False
    assert job["created_at"] == job["updated_at"] == "2026-04-28T12:00:00Z"
    assert job["cronjob_name"] == "analytics-nightly-refresh"
    assert job["timezone"] == "UTC"
    assert job["next_run_at"] == "2026-04-29T02:00:00Z"
    assert job["sync"] == {"state": "pending"}
    assert alice.call("GET", path(analytics)).json == {"jobs": [job], "total": 1}


def test_fields_without_a_value_are_omitted(alice: Person, jaffle: Project) -> None:
    job = alice.call("POST", path(jaffle), BUILD).json

    assert None not in job.values()
    assert not {"description", "slack_channel", "webhook_url", "webhook_headers", "webhook_events"} & job.keys()


def test_null_means_the_default(alice: Person, jaffle: Project) -> None:
    nulls = dict.fromkeys(
        ("description", "enabled", "resources", "environment", "slack_channel", "timezone", "webhook_events")
    )

    job = alice.call("POST", path(jaffle), BUILD | nulls).json

    assert job["enabled"] is True
    assert job["resources"] == {}
    assert job["timezone"] == "UTC"


def test_null_is_no_name(alice: Person, jaffle: Project) -> None:
    answer = alice.call("POST", path(jaffle), BUILD | {"name": None, "schedule": None})

    assert answer.status == 422
    assert answer.faulty_fields == ["name", "schedule"]


def test_all_faults_come_at_once(alice: Person, jaffle: Project) -> None:
    answer = alice.call(
        "POST",
        path(jaffle),
        {
            "name": "!!!",
            "description": "x" * 1001,
            "command": "dbt build; rm -rf /",
            "schedule": "* * * * 7",
            "timezone": "Mars/Olympus",
            "enabled": "yes",
            "resources": {"limits": {"cpu": "lots"}},
            "environment": {"1st": "x"},
            "slack_alerts_enabled": True,
            "webhook_enabled": True,
            "webhook_headers": {"Host": "x"},
            "webhook_events": ["sucess"],
            "shedule": "@daily",
        },
    )

    assert answer.status == 422
    assert answer.json["code"] == "invalid_request"
    assert {field.split(".")[0] for field in answer.faulty_fields} == {
        "name",
        "description",
        "command",
        "schedule",
        "timezone",
        "enabled",
        "resources",
        "environment",
        "slack_channel",
        "webhook_url",
        "webhook_headers",
        "webhook_events",
        "shedule",
    }
    unknown = next(fault for fault in answer.json["errors"] if fault["field"] == "shedule")
    assert "schedule" in unknown["message"]
    assert alice.call("GET", path(jaffle)).json["total"] == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 7}, "name"),
        ({"command": ""}, "command"),
        ({"command": "dbt"}, "command"),
        ({"command": "dbt build " + "x" * 4096}, "command"),
        ({"command": "dbt build --select 'a"}, "command"),
        ({"command": "sqlmesh run"}, "command"),
        ({"schedule": "@reboot"}, "schedule"),
        ({"schedule": "0 0 30 2 *"}, "schedule"),
        ({"schedule": "TZ=UTC 0 0 * * *"}, "schedule"),
        ({"timezone": "Local"}, "timezone"),
        ({"timezone": "europe/berlin"}, "timezone"),
        ({"enabled": "true"}, "enabled"),
        ({"enabled": 1}, "enabled"),
        ({"environment": {"A": 1}}, "environment.A"),
        ({"environment": {"A": "x" * 32768}}, "environment"),
        ({"environment": {f"V{n}": "" for n in range(101)}}, "environment"),
        ({"environment": {"A": "\0"}}, "environment"),
        ({"slack_alert_on_success": True}, "slack_channel"),
        ({"slack_alert_on_warning": True}, "slack_channel"),
        ({"slack_channel": "data-alerts"}, "slack_channel"),
        ({"webhook_url": "http://example.com"}, "webhook_url"),
        ({"webhook_url": "https://127.0.0.1/x"}, "webhook_url"),
        ({"webhook_url": "https://[::ffff:10.0.0.1]/x"}, "webhook_url"),
        ({"webhook_headers": {"Content-Type": "x"}}, "webhook_headers"),
        ({"webhook_headers": {"transfer-Encoding": "identity"}}, "webhook_headers"),
        ({"webhook_headers": {"X": "a\r\nb"}}, "webhook_headers"),
        ({"webhook_headers": {"X": "***"}}, "webhook_headers"),
        ({"webhook_headers": {f"X-{n}": "1" for n in range(21)}}, "webhook_headers"),
        ({"webhook_events": ["finished"]}, "webhook_events.0"),
    ],
)
def test_each_rule_names_its_field(alice: Person, jaffle: Project, change: dict[str, Any], field: str) -> None:
    answer = alice.call("POST", path(jaffle), BUILD | change)

    assert answer.status == 422, answer.text
    assert answer.faulty_fields == [field]


@pytest.mark.parametrize(
    "extra",
    [
        {"webhook_enabled": True},
        {"webhook_url": "https://example.com/hook"},
        {"webhook_headers": {"X-Token": "1"}},
        {"webhook_events": ["failure"]},
    ],
)
def test_a_sqlmesh_project_has_no_webhooks(alice: Person, analytics: Project, extra: dict[str, Any]) -> None:
    answer = alice.call("POST", path(analytics), NIGHTLY | extra)

    assert answer.status == 422
    assert set(answer.faulty_fields) <= {"webhook_url", *extra}


def test_webhooks_may_be_off_on_a_sqlmesh_project(alice: Person, analytics: Project) -> None:
    assert alice.call("POST", path(analytics), NIGHTLY | {"webhook_enabled": False}).status == 201


def test_header_values_are_never_shown(alice: Person, jaffle: Project) -> None:
    webhook = {
        "webhook_enabled": True,
        "webhook_url": "https://example.com/hook",
        "webhook_headers": {"X-Token": "s3cret"},
    }

    answer = alice.call("POST", path(jaffle), BUILD | webhook)

    assert answer.json["webhook_headers"] == {"X-Token": "***"}
    assert answer.json["webhook_events"] == ["success", "failure"]
    assert "s3cret" not in answer.text + alice.call("GET", path(jaffle)).text


def test_names_collide_by_their_slug(alice: Person, jaffle: Project) -> None:
    assert alice.call("POST", path(jaffle), BUILD | {"name": "Nightly Refresh"}).status == 201

    answer = alice.call("POST", path(jaffle), BUILD | {"name": "nightly-refresh"})

    assert answer.status == 409
    assert answer.json["code"] == "conflict"


def test_a_name_is_unique_under_any_concurrency(alice: Person, jaffle: Project) -> None:
    with ThreadPoolExecutor(8) as pool:
        project_jobs = [pool.submit(_create_straight, alice, jaffle, f"job_{number:016d}") for number in range(8)]
        outcomes = [job.result() for job in project_jobs]

    assert outcomes.count("created") == 1
    assert outcomes.count("NameTaken") == 7
    assert alice.call("GET", path(jaffle)).json["total"] == 1


def _create_straight(alice: Person, project: Project, job_id: str) -> str:
    assert project.organization_id == alice.organization_id
    try:
        store.create_job(Job.new(job_id, JobSettings.of(BUILD, project), project, NOON))
    except NameTaken:
        return "NameTaken"
    return "created"


def test_two_projects_never_share_a_cronjob(alice: Person) -> None:
    first = new_project(alice.organization_id, "a", ProjectType.DBT)
    second = new_project(alice.organization_id, "a-b", ProjectType.DBT)
    assert alice.call("POST", path(first), BUILD | {"name": "b-c"}).status == 201

    assert alice.call("POST", path(second), BUILD | {"name": "c"}).status == 409


def test_a_reader_cannot_create_a_job(rita: Person, jaffle: Project) -> None:
    answer = rita.call("POST", path(jaffle), BUILD)

    assert answer.status == 403
    assert answer.json["code"] == "forbidden"


def test_a_stranger_sees_no_project(charlie: Person, alice: Person, jaffle: Project) -> None:
    strange = charlie.call("POST", path(jaffle), BUILD)
    made_up = charlie.call("POST", "/api/v1/projects/proj_madeup/jobs", BUILD)

    assert strange.status == made_up.status == 404
    assert strange.json["message"].replace(jaffle.id, "?") == made_up.json["message"].replace("proj_madeup", "?")
    assert alice.call("GET", path(jaffle)).json["total"] == 0


def test_another_organization_in_the_header_is_forbidden(alice: Person, jaffle: Project) -> None:
    assert alice.call("POST", path(jaffle), BUILD, headers={"x-organization-id": "org-other"}).status == 403
    own = {"X-ORGANIZATION-ID": alice.organization_id}
    assert alice.call("POST", path(jaffle), BUILD, headers=own).status == 201


@pytest.mark.parametrize(
    "body", [None, "", "  ", "null", "[]", '"x"', "7", "{", '{"name": NaN}', '{"name": "\\ud800"}']
)
def test_a_body_is_a_json_object(alice: Person, jaffle: Project, body: str | None) -> None:
    answer = alice.call("POST", path(jaffle), body)

    assert answer.status == 400
    assert answer.json["code"] == "invalid_json"


def test_a_body_that_nests_without_end_is_refused(alice: Person, jaffle: Project) -> None:
    assert alice.call("POST", path(jaffle), '{"resources":' * 10_000).status == 400


def test_a_body_has_at_most_256_kib(alice: Person, jaffle: Project) -> None:
    answer = alice.call("POST", path(jaffle), BUILD | {"description": "x" * 256 * 1024})

    assert answer.status == 413
    assert answer.json["code"] == "payload_too_large"


def test_a_body_needs_no_content_type(alice: Person, jaffle: Project) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert alice.call("POST", path(jaffle), BUILD, headers=form).status == 201


def test_the_answer_of_get_can_be_posted(alice: Person, jaffle: Project) -> None:
    job = alice.call("POST", path(jaffle), BUILD).json

    copy = alice.call("POST", path(jaffle), job | {"name": "copy"})

    assert copy.status == 201
    assert copy.json["id"] != job["id"]


class TestIdempotencyKey:
    def test_the_same_request_gets_the_same_bytes(self, alice: Person, jaffle: Project) -> None:
        key = {"Idempotency-Key": "k-1"}

        first, second = (alice.call("POST", path(jaffle), BUILD, headers=key) for _ in range(2))

        assert first.status == second.status == 201
        assert first.text == second.text
        assert first.headers["Location"] == second.headers["Location"]
        assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
        assert alice.call("GET", path(jaffle)).json["total"] == 1

    def test_another_body_is_a_conflict(self, alice: Person, jaffle: Project) -> None:
        key = {"Idempotency-Key": "k-1"}
        alice.call("POST", path(jaffle), BUILD, headers=key)

        answer = alice.call("POST", path(jaffle), BUILD | {"name": "other"}, headers=key)

        assert answer.status == 409
        assert answer.json["code"] == "conflict"

    def test_a_failure_is_not_kept(self, alice: Person, jaffle: Project) -> None:
        key = {"Idempotency-Key": "k-1"}
        assert alice.call("POST", path(jaffle), {}, headers=key).status == 422

        assert alice.call("POST", path(jaffle), BUILD, headers=key).status == 201

    def test_a_key_counts_within_the_organization(self, alice: Person, charlie: Person, jaffle: Project) -> None:
        other = new_project(charlie.organization_id, "jaffle", ProjectType.DBT)
        key = {"Idempotency-Key": "k-1"}

        first = alice.call("POST", path(jaffle), BUILD, headers=key)
        second = charlie.call("POST", path(other), BUILD, headers=key)

        assert first.json["id"] != second.json["id"]

    @pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
    def test_a_malformed_key_is_invalid(self, alice: Person, jaffle: Project, key: str) -> None:
        answer = alice.call("POST", path(jaffle), BUILD, headers={"Idempotency-Key": key})

        assert answer.status == 422
        assert answer.faulty_fields == ["Idempotency-Key"]

    def test_a_try_that_died_after_its_write_is_finished_by_the_next(
        self, alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = {"Idempotency-Key": "k-1"}

        with monkeypatch.context() as patch:
            die_at(patch, "SendMessage")
            with pytest.raises(SystemExit):
                alice.call("POST", path(jaffle), BUILD, headers=key)
        written = alice.call("GET", path(jaffle)).json["jobs"]
        _end_the_wait_for_the_first_try(monkeypatch)

        answer = alice.call("POST", path(jaffle), BUILD, headers=key)

        assert answer.status == 201
        assert [answer.json] == written

    def test_where_the_keys_cannot_be_kept_nothing_is_made_and_the_answer_has_our_shape(
        self, alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(dynamodb.DynamoDBPersistenceLayer, "_put_record", _throttled)
            answer = alice.call("POST", path(jaffle), BUILD, headers={"Idempotency-Key": "k-1"})

        assert (answer.status, answer.json["code"]) == (500, "internal_error")
        assert answer.json["request_id"] == answer.headers["X-Request-ID"]
        assert "Throughput" not in answer.text
        assert alice.call("GET", path(jaffle)).json["total"] == 0

    def test_where_only_the_answer_cannot_be_kept_it_is_given_and_the_next_try_makes_no_second_job(
        self, alice: Person, jaffle: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = {"Idempotency-Key": "k-1"}
        with monkeypatch.context() as patch:
            patch.setattr(dynamodb.DynamoDBPersistenceLayer, "_update_record", _throttled)
            first = alice.call("POST", path(jaffle), BUILD, headers=key)
        _end_the_wait_for_the_first_try(monkeypatch)

        second = alice.call("POST", path(jaffle), BUILD, headers=key)

        assert [first.status, second.status] == [201, 201]
        assert alice.call("GET", path(jaffle)).json["jobs"] == [first.json]


def _throttled(*_: object) -> None:
    raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "PutItem")


def _end_the_wait_for_the_first_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Powertools believe that the function of the first try was stopped long ago."""

    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return super().now(tz) + dt.timedelta(minutes=1)

    monkeypatch.setattr(f"{dynamodb.__name__}.dt.datetime", Later)
