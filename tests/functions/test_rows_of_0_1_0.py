"""Rows that 0.1.0 wrote work as others do, and 0.1.0 can read the rows of what it knows after a rollback."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.aws.clients import client
from jobs_api.model.run import Run, RunStatus
from jobs_api.store.project_rows import JobRow, ProjectRow
from jobs_api.store.projects import partition_of
from jobs_api.store.sync_results import put_together
from jobsctl import operations
from tests.functions import passes
from tests.functions.acme import Acme

# The attributes and fields of 0.1.0. It ignores other attributes, and refuses other fields within these.
RUN = (
    "run_id organization_id project_id job_id position open_in notify_in job_name cronjob_name namespace "
    "job_type status triggered_by command start_time end_time duration_seconds scheduled_for exit_code "
    "error_message pod_name created_at updated_at launch log job_uid alerts notify expires_at"
)
JOB = "pk sk kind settings cronjob_name webhook version created_at updated_at synced slots due_in due_at"
SYNCED = {"version", "state", "message", "synced_at", "in_force_at", "resumed_at"}
SLOTS = {"since", "unsettled", "settled_until"}
PROJECT = (
    "name project_type image working_directory resources concurrency_policy successful_history_limit "
    "failed_history_limit starting_deadline_seconds active_deadline_seconds ttl_seconds "
    "environment_secret deployed suspended"
)


def keep_only(table: str, key: dict[str, Any], attributes: str) -> None:
    """Remove from an item what 0.1.0 did not write."""
    name, dynamodb = os.environ[table], client("dynamodb")
    item = dynamodb.get_item(TableName=name, Key=key)["Item"]
    assert item.keys() - set(attributes.split()), "nothing to remove; the test shows nothing"
    dynamodb.put_item(TableName=name, Item={name: value for name, value in item.items() if name in attributes.split()})


def older(acme: Acme, **values: Any) -> Run:
    """Write a run and a job as 0.1.0 did."""
    run = acme.triggered(**values)
    keep_only("RUNS_TABLE", {"run_id": {"S": run.id}}, RUN)
    partition = partition_of(acme.organization.id, acme.project.id)
    keep_only("PROJECTS_TABLE", {"pk": {"S": partition}, "sk": {"S": f"job#{acme.job.id}"}}, JOB)
    return run


def job_row(acme: Acme) -> JobRow:
    row = JobRow.get(partition_of(acme.organization.id, acme.project.id), f"job#{acme.job.id}")
    assert isinstance(row, JobRow)
    return row


def test_its_ended_runs_are_read_listed_and_retried(acme: Acme) -> None:
    ended = acme.now()
    run = older(acme, status=RunStatus.FAILED, launch=None, command="dbt test", end_time=ended)

    shown = acme.alice.call("GET", f"/api/v1/runs/{run.id}").json
    listed = acme.alice.call("GET", f"/api/v1/projects/{acme.project.id}/runs").json["runs"]
    again = acme.alice.call("POST", f"/api/v1/runs/{run.id}/retry")

    assert (shown["status"], shown["triggered_by"]) == ("failed", "manual")
    assert {"attempt", "retry_of", "triggered_by_token", "launch_after", "skipped", "cause"}.isdisjoint(shown)
    assert shown in listed
    assert (again.status, again.json["retry_of"]) == (202, run.id)
    assert acme.alice.call("POST", f"/api/v1/runs/{run.id}/cancel").json["code"] == "run_already_ended"


def test_a_run_that_it_left_unlaunched_is_cancelled(acme: Acme) -> None:
    run = older(acme)

    answer = acme.alice.call("POST", f"/api/v1/runs/{run.id}/cancel", {"reason": "upgraded"})

    assert (answer.status, answer.json["status"]) == (202, "cancelled")
    acme.ingest()
    assert acme.status_of(run) is RunStatus.CANCELLED


def test_a_run_that_it_left_unlaunched_is_launched_and_tried_again_as_its_job_says_now(acme: Acme) -> None:
    run = older(acme, script="exit 1")
    path = f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}"
    assert acme.alice.call("PUT", path, {"retries": 1}).status == 200

    acme.ingest()
    acme.wait_for_end({"metadata": {"name": run.job_name}})
    acme.ingest()

    first = store.get_run(acme.organization.id, run.id)
    assert first.status is RunStatus.FAILED
    assert [one.attempt for one in acme.runs() if one.id == first.retried_as] == [2]


def test_it_can_read_a_job_that_was_synced_and_changed_since(acme: Acme) -> None:
    path = f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}"
    passes.sync(acme.organization.id)
    assert acme.alice.call("PUT", path, {"schedule": "@hourly"}).status == 200
    passes.sync(acme.organization.id)

    row = job_row(acme)

    assert set(row.synced) <= SYNCED
    assert set(row.slots) <= SLOTS
    shown = store.get_job(acme.organization.id, acme.project.id, acme.job.id)[1].synced
    assert shown
    assert shown.fingerprint


def test_it_can_read_a_project_whose_pause_was_ended(acme: Acme) -> None:
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    operations.change_project(acme.organization.id, acme.project.id, {"paused_until": until, "pause_reason": "moves"})
    row = ProjectRow.get(partition_of(acme.organization.id, acme.project.id), "meta")
    assert {"paused_until", "pause_reason"} <= set(row.settings)

    operations.change_project(acme.organization.id, acme.project.id, {"paused_until": None})

    row.refresh()
    assert set(row.settings) <= set(PROJECT.split())
    assert [set(one) for one in row.fired] == [{"since", "until"}]


@pytest.mark.parametrize(
    ("synced_at", "fingerprint"), [("2026-04-28T12:00:00Z", "abc"), ("2026-04-28T12:10:00Z", None)]
)
def test_the_fingerprint_of_a_cronjob_is_dropped_once_the_older_version_has_synced_the_job(
    synced_at: str, fingerprint: str | None
) -> None:
    matched = {"synced_at": "2026-04-28T12:00:00Z", "fingerprint": "abc"}

    assert put_together({"synced_at": synced_at, "version": "1.1"}, matched).get("fingerprint") == fingerprint
