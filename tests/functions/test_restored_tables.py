"""Tables restored to an earlier time: the effects on the cluster and on runs, as docs/operations.md describes them.

A table is restored here by writing its rows as they were; DynamoDB would make a table of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Object
from jobs_api.k8s import labels, run_identity
from jobs_api.model.organization import CHECKED_EVERY
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications import queue
from jobs_api.store.project_rows import ProjectsRow
from jobs_api.store.run_rows import RunRow
from jobs_api.trigger.launch import launch
from jobsctl import operations
from tests.functions import passes
from tests.functions.acme import Acme, until


@contextmanager
def restored(acme: Acme) -> Iterator[None]:
    """Take the organization's tables back, at the end, to what they hold at the beginning."""
    projects, runs = _project_rows(acme), _run_rows(acme)
    yield
    for row in (*_project_rows(acme), *_run_rows(acme)):
        row.delete()
    for row in (*projects, *runs):
        row.save()


def _project_rows(acme: Acme) -> list[ProjectsRow]:
    organization = acme.organization.id
    partitions = (organization, f"{organization}/{acme.project.id}")
    return [row for partition in partitions for row in ProjectsRow.query(partition, consistent_read=True)]


def _run_rows(acme: Acme) -> list[RunRow]:
    return list(RunRow.by_project.query(acme.project.id))


def sync(acme: Acme) -> dict[str, Object]:
    """Sync; return the CronJobs then by their names."""
    passes.sync(acme.organization.id)
    selector = labels.selector({labels.ORGANIZATION: acme.organization.id})
    pages = acme.cluster.list_cronjobs(acme.organization.namespace, selector)
    return {cronjob["metadata"]["name"]: cronjob for page in pages for cronjob in page}


def jobs_path(acme: Acme, job_id: str = "") -> str:
    return f"/api/v1/projects/{acme.project.id}/jobs/{job_id}".rstrip("/")


def test_a_change_that_was_made_since_is_taken_back_in_the_cluster_too(acme: Acme) -> None:
    sync(acme)
    with restored(acme):
        for schedule in ("1 1 * * *", "2 2 * * *"):
            acme.alice.call("PUT", jobs_path(acme, acme.job.id), {"schedule": schedule}, at=acme.now())
        assert sync(acme)["jaffle-nightly"]["spec"]["schedule"] == "2 2 * * *"

    assert sync(acme)["jaffle-nightly"]["spec"]["schedule"] == acme.job.settings.schedule


def test_a_job_that_was_deleted_since_comes_back_and_one_that_was_made_since_goes_once_that_is_confirmed(
    acme: Acme,
) -> None:
    sync(acme)
    with restored(acme):
        body: dict[str, Any] = {"name": "new", "command": "dbt run", "schedule": "@daily"}
        assert acme.alice.call("POST", jobs_path(acme), body, at=acme.now()).status == 201
        assert acme.alice.call("DELETE", jobs_path(acme, acme.job.id), at=acme.now()).status == 200
        assert list(sync(acme)) == ["jaffle-new"]

    assert list(sync(acme)) == ["jaffle-new", "jaffle-nightly"]
    operations.confirm_removals(acme.organization.id, at_most=1)
    assert list(sync(acme)) == ["jaffle-nightly"]


def test_runs_whose_jobs_are_in_the_cluster_are_restored_unchanged(acme: Acme) -> None:
    with restored(acme):
        acme.finish("echo hello")
        acme.ingest()
        before = acme.only_run()

    # Only the table of runs was restored, and nothing else shows that.
    acme.ingest()
    assert acme.runs() == []
    operations.check_runs(acme.organization.id)
    acme.ingest()

    again = acme.only_run()
    assert (again.id, again.status, again.start_time) == (before.id, RunStatus.SUCCESS, before.start_time)
    assert acme.log_of(again) == "hello\n"


def test_lost_runs_come_back_after_a_day_by_themselves(acme: Acme) -> None:
    with restored(acme):
        job = acme.finish("echo hello")
        acme.ingest()

    acme.skipped = CHECKED_EVERY
    acme.ingest()

    assert acme.log_of(store.get_run(acme.organization.id, run_identity.run_id_of(job))) == "hello\n"


def test_an_open_run_in_restored_tables_brings_back_the_other_runs(acme: Acme, tmp_path: Path) -> None:
    job = acme.start(until(tmp_path / "go"))
    acme.wait_for_pod(job)
    acme.ingest()
    with restored(acme):
        acme.finish("echo hello")
        (tmp_path / "go").touch()
        acme.wait_for_end(job)
        acme.ingest()

    acme.skipped = timedelta(minutes=5)
    acme.ingest()
    acme.ingest()

    assert [run.status for run in acme.runs()] == [RunStatus.SUCCESS] * 2


def test_a_run_that_was_launched_since_is_not_launched_again(acme: Acme) -> None:
    run = acme.triggered()
    with restored(acme):
        launch(acme.cluster, run)
        store.run_launched(run, run.job_name, acme.now())
        acme.wait_for_end(acme.cluster.get_job(run.namespace, run.job_name))
        acme.ingest()

    operations.check_runs(acme.organization.id)
    acme.ingest()

    assert [(found.id, found.status) for found in acme.runs()] == [(run.id, RunStatus.SUCCESS)]
    pages = acme.cluster.list_jobs(acme.organization.namespace, labels.selector({labels.RUN_ID: run.id}))
    assert sum(len(page) for page in pages) == 1


def test_a_run_that_was_open_and_has_left_the_cluster_since_ends_as_lost(acme: Acme) -> None:
    job = acme.start("sleep 60")
    acme.wait_for_pod(job)
    acme.ingest()
    with restored(acme):
        acme.delete(job)
        acme.skipped = timedelta(minutes=5)
        acme.ingest()

    acme.ingest()

    assert acme.only_run().status is RunStatus.ERROR


def test_after_a_restore_known_deliveries_are_queued_again(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Run] = []
    monkeypatch.setattr(queue, "try_to_publish", told.extend)
    changes = {"slack_channel": "#data", "slack_alerts_enabled": True}
    acme.alice.call("PUT", jobs_path(acme, acme.job.id), changes, at=acme.now())
    with restored(acme):
        acme.finish("exit 1")
        acme.ingest()

    operations.check_runs(acme.organization.id)
    acme.ingest()

    first, again = (run for run in told if run.notify)
    assert (first.id, first.notify) == (again.id, again.notify), "the same delivery, which is made once"
