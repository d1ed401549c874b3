"""Slots that are still open when their job is deleted: each is settled once, and no pass fails because of them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.ingest.ingester import Pass
from jobs_api.ingest.slot_accounting import Accounting
from jobs_api.model import slots
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.job_sync import SyncedVersion, SyncState
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.store.project_rows import JOB, META, PAST_JOB, JobRow, PastJobRow, ProjectRow, ProjectsRow
from jobs_api.store.projects import partition_of
from jobs_api.store.rows import Row
from tests.functions.acme import Acme
from tests.functions.people import new_project

MINUTE = timedelta(minutes=1)


@pytest.fixture
def slow(acme: Acme) -> Job:
    """A job that runs each minute, in a project that may start it ten minutes late."""
    project = new_project(
        acme.organization.id, "slow", ProjectType.DBT, starting_deadline_seconds=600, concurrency_policy="Forbid"
    )
    settings = JobSettings.of({"name": "minutely", "command": "dbt run", "schedule": "* * * * *"}, project)
    job = Job.new(new_id("job_"), settings, project, acme.now())
    store.create_job(job)
    acme.job = job
    return job


def runs_of(acme: Acme, project: Project | Job) -> list[Run]:
    project_id = project.project_id if isinstance(project, Job) else project.id
    return store.list_runs(acme.organization.id, project_id, store.RunFilter(), limit=100, before=None)[0]


def last_write_of(job: Job) -> str | None:
    row = ProjectsRow.get(partition_of(job.organization_id, job.project_id), JOB + job.id)
    assert isinstance(row, JobRow)
    return row.last_write


def test_a_job_says_whether_its_owner_wrote_it_last_so_that_only_changes_are_news_for_the_account(
    acme: Acme, slow: Job
) -> None:
    writes = [last_write_of(slow)]
    done = SyncedVersion(version="1", state=SyncState.SYNCED, synced_at=acme.now())
    assert store.record_sync(slow, done)
    writes.append(last_write_of(slow))
    acme.alice.call("PUT", f"/api/v1/projects/{slow.project_id}/jobs/{slow.id}", {"command": "dbt build"})
    writes.append(last_write_of(slow))
    for _ in range(13):
        one_pass_a_minute(acme, 1)
    writes.append(last_write_of(slow))

    assert writes == [None, "sync", None, "slots"]


def one_pass_a_minute(acme: Acme, minutes: int) -> list[Pass]:
    passes = []
    for _ in range(minutes):
        acme.skipped += MINUTE
        passes.append(acme.ingest())
    return passes


def test_a_job_that_is_deleted_with_several_open_slots_fails_no_pass_until_they_are_settled(
    acme: Acme, slow: Job
) -> None:
    one_pass_a_minute(acme, 6)
    path = f"/api/v1/projects/{slow.project_id}/jobs/{slow.id}"

    deleted_at = acme.now()
    assert acme.alice.call("DELETE", path, at=deleted_at).status == 200
    passes = one_pass_a_minute(acme, 13)

    assert [one.failed for one in passes] == [0] * 13
    missed = runs_of(acme, slow)
    assert {run.status for run in missed} == {RunStatus.ERROR}
    slots = sorted(run.scheduled_for for run in missed if run.scheduled_for)
    assert slots == every_minute(slots[0], deleted_at)
    assert not list(store.due_jobs(acme.organization.id, acme.now()))


def test_slots_that_cannot_be_computed_fail_their_job_alone(
    acme: Acme, slow: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, job = store.get_job(slow.organization_id, slow.project_id, slow.id)

    def broken(*_: Any) -> Any:
        raise ValueError("nobody knows this time zone any more")

    monkeypatch.setattr(slots, "owed", broken)
    known, now = {job.id: (project, job)}, acme.now() + 20 * MINUTE
    accounting = Accounting(acme.organization, acme.cluster, now, {}, (), known)

    with ThreadPoolExecutor() as pool:
        accounting.run(pool)

    assert accounting.failed == 1


def test_a_job_that_another_process_has_settled_does_not_uncount_the_jobs_of_other_threads(
    acme: Acme, slow: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, first = store.get_job(slow.organization_id, slow.project_id, slow.id)
    second = first.model_copy(update={"id": "job_second"})
    second_is_done, account = threading.Event(), Accounting._try

    def try_and_tell(accounting: Accounting, due: store.DueJob) -> bool | None:
        settled = account(accounting, due)
        if due.job.id == second.id:
            second_is_done.set()
        return settled

    def settle(due: store.DueJob, _: Job) -> bool:
        return due.job.id == second.id or not second_is_done.wait(60)

    monkeypatch.setattr(Accounting, "_try", try_and_tell)
    monkeypatch.setattr(store, "settle_job", settle)
    both = [store.DueJob(project, job, deleted=False) for job in (first, second)]
    monkeypatch.setattr(store, "due_jobs", lambda *_: iter(both))
    ran = every_minute(acme.now().replace(second=0, microsecond=0), acme.now() + 20 * MINUTE)
    accounting = Accounting(
        acme.organization, acme.cluster, acme.now() + 5 * MINUTE, {first.id: ran, second.id: ran}, ()
    )

    with ThreadPoolExecutor(2) as pool:
        accounting.run(pool)

    assert (accounting.settled, accounting.failed) == (1, 0)


def every_minute(first: datetime, last: datetime) -> list[datetime]:
    return [first + count * MINUTE for count in range(int((last - first) / MINUTE) + 1)]


@pytest.mark.parametrize("kind", [JobRow, ProjectsRow, ProjectRow])
def test_an_update_that_was_done_does_not_fail_over_the_class_of_its_row(
    acme: Acme, slow: Job, kind: type[Row]
) -> None:
    """The kind of the fault: a row is written through a class that is not the stored one."""
    partition, sort = f"{slow.organization_id}/{slow.project_id}", PAST_JOB + slow.id
    values: dict[str, Any] = {"settings": {}, "cronjob_name": "c", "version": 1}
    PastJobRow(partition, sort, created_at=acme.now(), updated_at=acme.now(), **values).save()
    assert sort > META

    kind(partition, sort).update(actions=[JobRow.version.set(2)], condition=JobRow.version == 1)

    stored = ProjectsRow.get(partition, sort)
    assert isinstance(stored, PastJobRow)
    assert stored.version == 2
