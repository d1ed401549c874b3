"""Which events for the account a write of a run or of a job makes, and what they say."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.account_events.details import AccountEvent, DetailType, JobDetail, RunDetail, job_news, run_news
from jobs_api.model.item_images import Images, StoredJob
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.model.slots import miss_id

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
ADDRESS = ("org-acme", "proj_1", "job_1")


def a_run(status: RunStatus, **values: Any) -> Run:
    known: dict[str, Any] = {
        "id": "run_1",
        "organization_id": "org-acme",
        "project_id": "proj_1",
        "job_id": "job_1",
        "job_name": "jaffle-nightly-1",
        "cronjob_name": "jaffle-nightly",
        "namespace": "org-acme",
        "job_type": "build",
        "status": status,
        "triggered_by": TriggeredBy.SCHEDULED,
        "command": "dbt build",
        "created_at": NOON,
        "updated_at": NOON + timedelta(minutes=2),
    }
    if status is not RunStatus.PENDING:
        known["start_time"] = NOON + timedelta(seconds=5)
    if status.ended:
        known |= {"end_time": NOON + timedelta(minutes=1), "exit_code": int(status is not RunStatus.SUCCESS)}
    return Run(**known | values)


def a_job(version: int, **values: Any) -> StoredJob:
    settings = {"name": "nightly", "schedule": "@daily", "command": "dbt build"}
    return StoredJob("org-acme", "proj_1", "job_1", "nightly", version, NOON, settings | values)


def events_of(before: Run | None, after: Run | None) -> list[AccountEvent]:
    return [news.event({ADDRESS: ("jaffle", "nightly")}) for news in run_news(Images(before, after))]


def run_details(before: Run | None, after: Run | None) -> list[RunDetail]:
    details = [event.detail for event in events_of(before, after)]
    return [detail for detail in details if isinstance(detail, RunDetail)]


def types_of(before: Run | None, after: Run | None) -> list[str]:
    return [event.detail_type for event in events_of(before, after)]


PENDING, RUNNING, FAILED = (a_run(status) for status in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.FAILED))
SUCCESS = a_run(RunStatus.SUCCESS)
NEVER_RAN = a_run(RunStatus.ERROR, start_time=None, exit_code=None)


@pytest.mark.parametrize(
    ("before", "after", "types"),
    [
        (None, PENDING, []),
        (PENDING, PENDING.model_copy(update={"job_name": "another"}), []),
        (PENDING, RUNNING, ["Run Started"]),
        (None, RUNNING, ["Run Started"]),
        (RUNNING, RUNNING.model_copy(update={"log_begins": "x"}), []),
        (RUNNING, FAILED, ["Run Ended"]),
        (PENDING, SUCCESS, ["Run Started", "Run Ended"]),
        (None, SUCCESS, ["Run Started", "Run Ended"]),
        (PENDING, NEVER_RAN, ["Run Ended"]),
        (FAILED, FAILED.model_copy(update={"notify": []}), []),
        (FAILED, None, []),
    ],
)
def test_a_run_has_events_when_it_starts_and_when_it_ends(
    before: Run | None, after: Run | None, types: list[str]
) -> None:
    assert types_of(before, after) == types


def test_a_run_that_was_never_seen_running_has_an_event_for_its_start_first() -> None:
    started, ended = run_details(PENDING, FAILED)

    assert (started.run.status, started.run.exit_code, started.run.end_time) == (RunStatus.RUNNING, None, None)
    assert (ended.run.status, ended.run.exit_code) == (RunStatus.FAILED, 1)


def test_events_are_of_the_time_at_which_it_happened() -> None:
    started, ended = events_of(PENDING, FAILED)

    assert (started.at, ended.at) == (FAILED.start_time, FAILED.end_time)


def test_an_event_names_the_project_and_the_job_as_they_are_now() -> None:
    [detail] = run_details(RUNNING, FAILED)

    assert (detail.organization_id, detail.project.name, detail.job.name) == ("org-acme", "jaffle", "nightly")
    assert (detail.project.id, detail.job.id, detail.version) == ("proj_1", "job_1", 1)


def test_a_slot_that_was_missed_is_no_run_that_ended() -> None:
    missed = a_run(RunStatus.ERROR, id=miss_id("job_1", NOON), scheduled_for=NOON, error_message="Missed: suspended")

    [detail] = run_details(None, missed)

    assert types_of(None, missed) == ["Run Missed"]
    assert detail.run.error_message == "Missed: suspended"
    assert types_of(missed, missed.model_copy(update={"notify": []})) == []


def test_an_event_that_comes_again_has_the_same_id_and_no_other_event_has_it() -> None:
    twice = [[detail.event_id for detail in run_details(PENDING, FAILED)] for _ in range(2)]

    assert twice[0] == twice[1]
    assert (
        len({*twice[0], *(detail.event_id for detail in run_details(None, a_run(RunStatus.FAILED, id="run_2")))}) == 4
    )


def test_a_secret_in_what_the_log_said_is_masked() -> None:
    failed = a_run(RunStatus.FAILED, error_message="could not connect with password=hunter2hunter2")

    assert "hunter2" not in run_details(RUNNING, failed)[0].model_dump_json()


@given(st.lists(st.sampled_from(["pending", "running", "ended"]), min_size=1, max_size=6), st.data())
def test_each_run_starts_and_ends_once_whatever_is_written_of_it(stages: list[str], data: st.DataObject) -> None:
    order = {"pending": 0, "running": 1, "ended": 2}
    end = data.draw(st.sampled_from([SUCCESS, FAILED]))
    states = [
        {"pending": PENDING, "running": RUNNING, "ended": end}[one] for one in sorted(stages, key=order.__getitem__)
    ]

    told = [kind for before, after in pairwise([None, *states]) for kind in types_of(before, after)]

    expected = ["Run Started"] * (states[-1] is not PENDING) + ["Run Ended"] * states[-1].status.ended
    assert told == expected


def job_details(before: StoredJob | None, after: StoredJob | None) -> list[JobDetail]:
    details = [news.event({ADDRESS: ("jaffle", "nightly")}).detail for news in job_news(Images(before, after))]
    return [detail for detail in details if isinstance(detail, JobDetail)]


def test_a_job_has_events_when_its_owner_creates_changes_or_deletes_it() -> None:
    created = job_details(None, a_job(1))
    updated = job_details(a_job(1), a_job(2, schedule="@hourly", enabled=False))
    deleted = job_details(a_job(2), None)

    assert [detail.action for detail in (*created, *updated, *deleted)] == ["created", "updated", "deleted"]
    assert updated[0].fields == ["enabled", "schedule"]
    assert (updated[0].job.name, updated[0].project.name, updated[0].job_version) == ("nightly", "jaffle", 2)
    assert len({detail.event_id for detail in (*created, *updated, *deleted)}) == 3


def test_fields_that_the_service_sets_are_no_change_of_a_job() -> None:
    assert job_details(a_job(1), a_job(1, synced="now")) == []


def test_no_value_of_a_changed_field_is_in_an_event() -> None:
    [detail] = job_details(a_job(1), a_job(2, environment={"TOKEN": "hunter2"}))

    assert detail.fields == ["environment"]
    assert "hunter2" not in detail.model_dump_json()


def test_the_types_are_those_of_the_contract() -> None:
    assert set(DetailType) == {"Run Started", "Run Ended", "Run Missed", "Job Changed"}
