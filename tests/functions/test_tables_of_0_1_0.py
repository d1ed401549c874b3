"""Whole tables that 0.1.0 wrote: everything in them is read, listed, edited, run and removed.

tests/data/tables_of_0_1_0.json is a scan of the tables of 0.1.0. That version's own functions wrote them on 2026-04-28
from 12:00 to 13:42 (UTC). They have three jobs, of which one was renamed and one is disabled, and nothing of a fourth,
which was deleted; a success and a failure whose events are still to be sent; two missed slots; a run whose Job is gone,
and one whose Job could not be created yet.
"""

import json
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api import store
from jobs_api.aws.clients import client
from jobs_api.cluster import Cluster, connect
from jobs_api.ids import new_id
from jobs_api.model.run import RunStatus
from jobs_api.pulse import passes
from jobs_api.sync import Scope
from jobsctl import operations
from local.cluster import EmbeddedCluster
from tests.functions.acme import eventually
from tests.functions.people import NOON, Answer, Person
from tests.functions.test_authorize_request import authorize

TABLES = Path(__file__).parent.parent / "data" / "tables_of_0_1_0.json"
# The last item was written then.
WRITTEN = NOON + timedelta(hours=1, minutes=42)
LATER = WRITTEN + timedelta(seconds=30)


@dataclass
class Older:
    """The organization of these tables, with ids of this test's own."""

    organization_id: str
    names: dict[str, str]
    cluster: Cluster

    @property
    def jobs(self) -> str:
        """The path of the jobs of its dbt project."""
        return f"/api/v1/projects/{self.names['jaffle']}/jobs"

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """Send a request half a minute after the last write of 0.1.0."""
        answer = Person(self.organization_id).call(method, path, body, at=LATER, query=query)
        assert answer.status < 300, answer.text
        return answer

    def sync(self) -> None:
        """Make the CronJobs match."""
        passes.sync_cronjobs(Scope(organization_id=self.organization_id), LATER)

    def ingest(self, after: timedelta) -> None:
        """Bring the runs up to date, so long after the last write."""
        ingested = passes.ingest_runs(store.get_organization(self.organization_id), lambda: WRITTEN + after)
        assert ingested.error is None

    def run(self, name: str) -> Any:
        """Return a run as the API shows it."""
        return self.call("GET", f"/api/v1/runs/{self.names[name]}").json


@pytest.fixture
def older(embedded_cluster: EmbeddedCluster) -> Older:
    assert embedded_cluster.url
    text = TABLES.read_text()
    names = json.loads(text)["names"]
    ids = {"org-of-0-1-0", names["token_id"], *re.findall(r"\b(?:proj|job|run|dlv)_[0-9a-z]{16}\b", text)}
    for old in ids:
        text = text.replace(old, f"org-{new_id()}" if old.startswith("org-") else old[:-16] + new_id())
    found = json.loads(text)
    for table, items in found["items"].items():
        for item in items:
            client("dynamodb").put_item(TableName=os.environ[table], Item=item)
    (organization,) = (one["sk"]["S"] for one in found["items"]["ORGANIZATIONS_TABLE"] if "name" in one)
    cluster = connect(store.get_organization(organization))
    cluster._connection.write("POST", "/api/v1/namespaces", {"metadata": {"name": organization}})
    return Older(organization, found["names"], cluster)


def test_everything_in_them_is_read_and_listed(older: Older) -> None:
    jobs = {job["id"]: job for job in older.call("GET", older.jobs, include_stats="true").json["jobs"]}
    runs = {run["id"]: run for run in older.call("GET", f"/api/v1/projects/{older.names['jaffle']}/runs").json["runs"]}
    projects = {one["name"] for one in older.call("GET", "/api/v1/projects").json["projects"]}

    assert {job["name"] for job in jobs.values()} == {"nightly", "every-hour", "paused"}
    assert {job["enabled"] for job in jobs.values()} == {True, False}
    assert len(runs) == 6
    assert projects == {"jaffle", "metrics"}
    for job_id in jobs:
        assert older.call("GET", f"{older.jobs}/{job_id}").json["id"] == job_id
        assert older.call("GET", f"{older.jobs}/{job_id}/history").json["versions"]
        assert "slots" in older.call("GET", f"{older.jobs}/{job_id}/slots").json
    for run_id, run in runs.items():
        assert run.items() <= older.call("GET", f"/api/v1/runs/{run_id}").json.items()
    missed = [run["scheduled_for"] for run in runs.values() if run.get("error_message", "").startswith("Missed:")]
    assert sorted(missed) == ["2026-04-28T12:30:00Z", "2026-04-28T13:30:00Z"]
    (delivery,) = older.call("GET", f"{older.jobs}/{older.names['nightly']}/deliveries").json["deliveries"]
    assert (delivery["id"], delivery["status"]) == (older.names["sent"], "delivered")


def test_a_token_of_theirs_is_accepted(older: Older) -> None:
    context = authorize(f"Bearer {older.names['token']}")["context"]

    assert context["organization_id"] == older.organization_id


def test_their_jobs_are_edited_and_synced_and_names_that_are_free_are_taken(older: Older) -> None:
    nightly = f"{older.jobs}/{older.names['nightly']}"

    older.call("PUT", nightly, {"schedule": "15 3 * * *", "retries": 2})
    older.call("PUT", f"{older.jobs}/{older.names['hourly']}", {"name": "hourly"})
    older.call("DELETE", f"{older.jobs}/{older.names['paused']}")
    for name in ("gone", "paused", "every-hour"):
        older.call("POST", older.jobs, {"name": name, "command": "dbt seed", "schedule": "@daily"})
    older.sync()

    shown = older.call("GET", nightly).json
    assert (shown["schedule"], shown["environment"], shown["sync"]["state"]) == (
        "15 3 * * *",
        {"DBT_TARGET": "prod"},
        "synced",
    )
    cronjobs = {
        one["metadata"]["name"] for page in older.cluster.list_cronjobs(older.organization_id, "") for one in page
    }
    assert cronjobs == {f"jaffle-{name}" for name in ("nightly", "hourly", "gone", "paused", "every-hour")}


def test_their_open_runs_continue_and_their_events_are_sent(older: Older) -> None:
    older.sync()
    older.ingest(timedelta(seconds=20))

    job_name = older.run("waiting")["job_name"]
    assert older.cluster.get_job(older.organization_id, job_name)["metadata"]["name"] == job_name
    assert [store.get_run(older.organization_id, older.names[name]).notify for name in ("ok", "bad")] == [[], []]
    older.call("POST", f"/api/v1/runs/{older.names['waiting']}/cancel")

    def is_cancelled() -> bool:
        older.ingest(timedelta(minutes=5))
        return bool(older.run("waiting")["status"] == "cancelled")

    assert eventually(is_cancelled)
    assert older.run("triggered")["status"] == RunStatus.ERROR
    again = older.call("POST", f"/api/v1/runs/{older.names['bad']}/retry").json
    assert again["retry_of"] == older.names["bad"]
    assert older.call("POST", f"{older.jobs}/{older.names['nightly']}/trigger").json["status"] == "pending"


def test_their_projects_are_removed(older: Older) -> None:
    for name in ("nightly", "hourly", "paused"):
        older.call("DELETE", f"{older.jobs}/{older.names[name]}")

    for name in ("jaffle", "metrics"):
        operations.delete_project(older.organization_id, older.names[name])

    assert older.call("GET", "/api/v1/projects").json["projects"] == []
