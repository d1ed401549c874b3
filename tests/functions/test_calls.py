"""How many calls to DynamoDB each endpoint makes, since these decide the cost and time of a request."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster.connection import Connection
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import delivery_id
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications.deliver import deliver
from jobs_api.notifications.queue import QueueMessage
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook.http import Answer
from tests.functions.acme import Acme
from tests.functions.people import NOON, Person
from tests.functions.test_runs import a_run
from tests.notifications.notification_world import new_job, new_run

BUILD: dict[str, Any] = {"name": "build", "command": "dbt build", "schedule": "@daily"}


@pytest.fixture
def job(alice: Person, jaffle: Project) -> dict[str, Any]:
    created: dict[str, Any] = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD).json
    return created


@pytest.fixture
def run(jaffle: Project) -> Run:
    return a_run(jaffle)


def test_list_is_one_query(alice: Person, job: dict[str, Any], made: list[str]) -> None:
    alice.call("GET", f"/api/v1/projects/{job['project_id']}/jobs")

    assert made == ["Query"]


def test_create_is_one_read_and_one_transaction(alice: Person, jaffle: Project, made: list[str]) -> None:
    alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD)

    assert made == ["GetItem", "TransactWriteItems"]


def test_get_is_one_read(alice: Person, job: dict[str, Any], made: list[str]) -> None:
    alice.call("GET", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}")

    assert made == ["BatchGetItem"]


@pytest.mark.parametrize("changes", [{"schedule": "@hourly"}, {"name": "new"}])
def test_update_is_one_read_and_one_transaction(
    alice: Person, job: dict[str, Any], made: list[str], changes: dict[str, str]
) -> None:
    alice.call("PUT", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}", changes)

    assert made == ["BatchGetItem", "TransactWriteItems"]


def test_a_rollback_is_two_reads_and_one_transaction(alice: Person, job: dict[str, Any], made: list[str]) -> None:
    path = f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}"
    alice.call("PUT", path, {"schedule": "@hourly"})
    made.clear()

    alice.call("POST", f"{path}/rollback", {"version": 1})

    assert made == ["BatchGetItem", "GetItem", "TransactWriteItems"]


def test_a_page_of_a_history_is_one_read_and_one_query(alice: Person, job: dict[str, Any], made: list[str]) -> None:
    alice.call("GET", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}/history")

    assert made == ["BatchGetItem", "Query"]


def test_a_page_of_the_audit_log_is_one_query(admin: Person, made: list[str]) -> None:
    admin.call("GET", "/api/v1/audit-log")

    assert made == ["Query"]


def test_delete_is_one_read_and_one_transaction(alice: Person, job: dict[str, Any], made: list[str]) -> None:
    alice.call("DELETE", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}")

    assert made == ["BatchGetItem", "TransactWriteItems"]


def test_get_run_is_one_read(alice: Person, run: Run, made: list[str]) -> None:
    alice.call("GET", f"/api/v1/runs/{run.id}")

    assert made == ["GetItem"]


def test_a_page_of_runs_is_one_read_and_one_query(alice: Person, run: Run, made: list[str]) -> None:
    alice.call("GET", f"/api/v1/projects/{run.project_id}/runs")

    assert made == ["GetItem", "Query"]


def test_a_request_that_breaks_a_rule_writes_nothing(alice: Person, jaffle: Project, made: list[str]) -> None:
    alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", BUILD | {"schedule": "never"})

    assert made == ["GetItem"]
    assert store.list_jobs(jaffle.organization_id, jaffle.id)[1] == []


def test_trigger_is_one_read_and_two_writes_around_one_call_to_the_cluster(
    acme: Acme, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}/trigger"
    acme.alice.call("POST", path)  # from the second request on, the organization's cluster is cached
    made.clear()
    send = Connection.send

    def recording(connection: Connection, method: str, *rest: Any, **options: Any) -> Any:
        made.append(f"{method} to the cluster")
        return send(connection, method, *rest, **options)

    monkeypatch.setattr(Connection, "send", recording)

    acme.alice.call("POST", path, at=NOON + timedelta(seconds=1))

    assert made == ["BatchGetItem", "TransactWriteItems", "POST to the cluster", "UpdateItem"]


def test_a_page_of_deliveries_is_one_read_and_one_query(alice: Person, job: dict[str, Any], made: list[str]) -> None:
    alice.call("GET", f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}/deliveries")

    assert made == ["BatchGetItem", "Query"]


def test_a_webhook_is_four_reads_and_a_write_before_and_after_it_is_sent(
    alice: Person, jaffle: Project, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked, _ = new_job(jaffle, webhook_enabled=True, webhook_url="https://hooks.example/")
    run = new_run(hooked, jaffle, RunStatus.FAILED)
    made.clear()

    def post(*_: object) -> Answer:
        made.append("sent")
        return Answer(200, "")

    monkeypatch.setattr(http, "post", post)
    deliver(QueueMessage(run.organization_id, run.id, Event.FAILURE, "webhook"), lambda: NOON)

    assert made == ["GetItem", "GetItem", "PutItem", "GetItem", "BatchGetItem", "sent", "UpdateItem"]

    made.clear()
    path = f"/api/v1/projects/{jaffle.id}/jobs/{hooked.id}"
    assert alice.call("POST", f"{path}/deliveries/{delivery_id(run.id, Event.FAILURE, 'webhook')}/redeliver")
    assert made == ["BatchGetItem", "GetItem", "TransactWriteItems"]

    made.clear()
    assert alice.call("POST", f"{path}/notifications/rotate-secret")
    assert made == ["BatchGetItem", "TransactWriteItems"]


def test_a_live_call_is_counted_before_and_after_it_waits_for_the_cluster(
    acme: Acme, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.alice.call("GET", "/api/v1/jobs")  # from the second request on, the organization's cluster is cached
    made.clear()
    send = Connection.send

    def recording(connection: Connection, method: str, *rest: Any, **options: Any) -> Any:
        made.append(f"{method} from the cluster")
        return send(connection, method, *rest, **options)

    monkeypatch.setattr(Connection, "send", recording)

    acme.alice.call("GET", "/api/v1/jobs")

    assert made == ["UpdateItem", "GET from the cluster", "UpdateItem"]


def test_a_test_of_notifications_is_one_read_and_is_counted_before_and_after_it_is_sent(
    alice: Person, jaffle: Project, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked, _ = new_job(jaffle, webhook_url="https://hooks.example/")

    def post(*_: object) -> Answer:
        made.append("sent")
        return Answer(200, "")

    monkeypatch.setattr(http, "post", post)
    made.clear()

    alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs/{hooked.id}/notifications/test")

    assert made == ["BatchGetItem", "UpdateItem", "PutItem", "sent", "UpdateItem"]
