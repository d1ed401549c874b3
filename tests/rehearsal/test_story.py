"""A client of a deployed service: from a job to the log of its run, and no access to a stranger's objects."""

from typing import Any

import pytest

from tests.rehearsal.conftest import Person
from tests.rehearsal.deployment import eventually

pytestmark = pytest.mark.timeout(600)

SEEDS = ("raw_customers", "raw_order_items", "raw_orders")


@pytest.fixture(scope="module")
def job(alice: Person, jaffle: str) -> dict[str, Any]:
    """A job that builds Alice's project each minute."""
    document = {"name": "nightly-refresh", "command": "dbt build", "schedule": "* * * * *"}
    answer = alice.call("POST", f"/projects/{jaffle}/jobs", document)
    assert answer.status == 201, answer
    followed = alice.follow("GET", answer.header("Location") or "")
    assert (followed.status, followed.json["id"]) == (200, answer.json["id"]), answer.headers
    created: dict[str, Any] = answer.json
    return created


def test_a_job_becomes_a_cronjob(alice: Person, jaffle: str, job: dict[str, Any]) -> None:
    def synced() -> Any:
        answer = alice.call("GET", f"/projects/{jaffle}/jobs/{job['id']}").json
        assert answer["sync"]["state"] in {"pending", "synced"}, answer
        return answer["sync"]["state"] == "synced"

    eventually(synced)


def test_a_trigger_runs_it_at_once_and_its_log_is_kept(alice: Person, jaffle: str, job: dict[str, Any]) -> None:
    answer = alice.call("POST", f"/projects/{jaffle}/jobs/{job['id']}/trigger", {"command_override": "dbt seed"})
    assert answer.status == 202, answer
    run = _ended(alice, answer.json["job_run_id"])

    assert (run["status"], run["triggered_by"], run["job_type"]) == ("success", "manual", "seed"), run
    assert "Completed successfully" in alice.call("GET", f"/runs/{run['id']}/logs").json["logs"]
    told = alice.call("GET", f"/runs/{run['id']}/results").json
    assert {node["name"]: node["status"] for node in told["results"]} == dict.fromkeys(SEEDS, "success")
    assert told["counts"] == run["results"]


def test_the_schedule_runs_it(alice: Person, jaffle: str, job: dict[str, Any]) -> None:
    def fired() -> Any:
        runs = alice.call("GET", f"/projects/{jaffle}/runs?triggered_by=scheduled&job_id={job['id']}").json["runs"]
        return runs and runs[-1]["id"]

    run = _ended(alice, eventually(fired))

    assert (run["status"], run["namespace"]) == ("success", "org-acme"), run
    assert "Completed successfully" in alice.call("GET", f"/runs/{run['id']}/logs").json["logs"]


def test_live_jobs_are_those_of_the_cluster(alice: Person, job: dict[str, Any]) -> None:
    live = eventually(lambda: alice.call("GET", "/jobs").json["jobs"])

    assert {found["job_id"] for found in live} == {job["id"]}
    shown = alice.call("GET", f"/jobs/{live[0]['id']}")
    assert shown.json["namespace"] == "org-acme"
    assert alice.call("GET", f"/jobs/{live[0]['id']}/logs?tail=5").status == 200


def test_a_stranger_sees_and_changes_nothing(charlie: Person, jaffle: str, job: dict[str, Any]) -> None:
    path = f"/projects/{jaffle}/jobs"

    assert charlie.call("GET", path).status == 404
    assert charlie.call("GET", f"{path}/{job['id']}").status == 404
    assert charlie.call("PUT", f"{path}/{job['id']}", {"enabled": False}).status == 404
    assert charlie.call("POST", f"{path}/{job['id']}/trigger").status == 404
    assert charlie.call("DELETE", f"{path}/{job['id']}").status == 404
    assert charlie.call("GET", "/jobs").json == {"jobs": [], "total": 0}


def test_a_reader_only_reads(rita: Person, jaffle: str, job: dict[str, Any]) -> None:
    assert rita.call("GET", f"/projects/{jaffle}/jobs").json["total"] == 1
    assert rita.call("PUT", f"/projects/{jaffle}/jobs/{job['id']}", {"enabled": False}).status == 403


def test_the_same_key_makes_one_job(alice: Person, jaffle: str) -> None:
    document = {"name": "by-key", "command": "dbt run", "schedule": "@yearly"}
    answers = [alice.call("POST", f"/projects/{jaffle}/jobs", document, idempotency_key="rehearsal") for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json


def test_changes_and_deletions_are_published(alice: Person, jaffle: str, job: dict[str, Any]) -> None:
    path = f"/projects/{jaffle}/jobs/{job['id']}"
    changed = alice.call("PUT", path, {"schedule": "0 3 * * *", "enabled": False})
    assert (changed.status, changed.json["schedule"]) == (200, "0 3 * * *")
    eventually(lambda: alice.call("GET", path).json["sync"]["state"] == "synced")

    assert alice.call("DELETE", path).json == {"message": "Job deleted successfully"}
    assert alice.call("GET", path).status == 404
    runs = alice.call("GET", f"/projects/{jaffle}/runs").json["runs"]
    assert {run["job_id"] for run in runs} == {job["id"]}


def _ended(person: Person, run_id: str) -> dict[str, Any]:
    def ended() -> Any:
        answer = person.call("GET", f"/runs/{run_id}")
        return answer.json if answer.json["status"] not in {"pending", "running"} else None

    run: dict[str, Any] = eventually(ended)
    return run
