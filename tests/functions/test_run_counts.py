"""How many runs ended on each day: each counts once, in the write that ends it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.store import purging, run_counts
from jobs_api.store.run_rows import RunRow
from tests.calls_to_aws import Call, die_at, intercept_aws
from tests.functions.people import NOON, Person

ENDS = (RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.ERROR, RunStatus.CANCELLED)
NAMES = {
    RunStatus.SUCCESS: "successful_runs",
    RunStatus.FAILED: "failed_runs",
    RunStatus.ERROR: "error_runs",
    RunStatus.CANCELLED: "cancelled_runs",
}
NONE = {"total_runs": 0, "successful_runs": 0, "failed_runs": 0, "error_runs": 0, "cancelled_runs": 0}
DAY = timedelta(days=1)


@pytest.fixture
def job(jaffle: Project) -> Job:
    return new_job(jaffle)


def new_job(project: Project) -> Job:
    settings = {"name": f"job {new_id()}", "command": "dbt build", "schedule": "@daily"}
    return Job.new(new_id("job_"), JobSettings.of(settings, project), project, NOON)


def run_of(job: Job, project: Project) -> Run:
    return Run(
        id=new_id("run_"),
        organization_id=project.organization_id,
        project_id=project.id,
        job_id=job.id,
        job_name=job.cronjob_name,
        cronjob_name=job.cronjob_name,
        namespace=project.namespace,
        job_type="build",
        status=RunStatus.RUNNING,
        triggered_by=TriggeredBy.MANUAL,
        command="dbt build",
        created_at=NOON,
        updated_at=NOON,
    )


def ended(run: Run, status: RunStatus = RunStatus.SUCCESS, at: datetime = NOON, seconds: float | None = 10.0) -> Run:
    return run.model_copy(
        update={"status": status, "start_time": at, "end_time": at, "updated_at": at, "duration_seconds": seconds}
    )


def end(job: Job, project: Project, *args: Any) -> Run:
    run = run_of(job, project)
    assert store.create_run(run)
    after = ended(run, *args)
    assert store.advance_run(run, after)
    return after


def daily(alice: Person, project: Project, at: datetime = NOON, **query: Any) -> list[dict[str, Any]]:
    path = f"/api/v1/projects/{project.id}/runs/daily-stats"
    answer = alice.call("GET", path, query={name: str(value) for name, value in query.items()}, at=at)
    assert answer.status == 200, answer.text
    days: list[dict[str, Any]] = answer.json["days"]
    return days


def stats(alice: Person, project: Project, **query: Any) -> dict[str, Any]:
    path = f"/api/v1/projects/{project.id}/runs"
    answer = alice.call("GET", path, query={"include_stats": "true", **query})
    found: dict[str, Any] = answer.json["stats"]
    return found


def test_the_days_of_a_project_without_runs_are_zeros_oldest_first(alice: Person, jaffle: Project) -> None:
    days = daily(alice, jaffle)

    assert [day["date"] for day in days] == [(NOON.date() - n * DAY).isoformat() for n in range(29, -1, -1)]
    assert all({name: day[name] for name in NONE} == NONE and "avg_success_duration" not in day for day in days)


@pytest.mark.parametrize("days", [0, 401, "all"])
def test_days_are_1_to_400(alice: Person, jaffle: Project, days: Any) -> None:
    assert len(daily(alice, jaffle, days=1)) == 1
    assert len(daily(alice, jaffle, days=400)) == 400
    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs/daily-stats", query={"days": str(days)})
    assert (answer.status, answer.faulty_fields) == (422, ["days"])


def test_runs_are_counted_by_day_project_and_job(alice: Person, jaffle: Project, job: Job) -> None:
    other = new_job(jaffle)
    end(job, jaffle, RunStatus.SUCCESS, NOON, 10.0)
    end(job, jaffle, RunStatus.SUCCESS, NOON, 20.5)
    end(job, jaffle, RunStatus.FAILED, NOON - DAY)
    end(other, jaffle, RunStatus.CANCELLED, NOON)
    store.create_run(run_of(job, jaffle))

    *_, yesterday, today = daily(alice, jaffle)

    assert today == {
        "date": NOON.date().isoformat(),
        **NONE,
        "total_runs": 3,
        "successful_runs": 2,
        "cancelled_runs": 1,
        "avg_success_duration": 15.25,
    }
    assert yesterday == {"date": (NOON - DAY).date().isoformat(), **NONE, "total_runs": 1, "failed_runs": 1}
    assert daily(alice, jaffle, job_id=other.id)[-1]["total_runs"] == 1
    assert daily(alice, jaffle, job_id="not/an id")[-1]["total_runs"] == 0
    assert stats(alice, jaffle) == {
        "total_runs": 4,
        "successful_runs": 2,
        "failed_runs": 1,
        "error_runs": 0,
        "cancelled_runs": 1,
        "avg_success_duration": 15.25,
    }
    assert stats(alice, jaffle, job_id=other.id, status="failed")["total_runs"] == 1


def test_a_list_has_stats_only_if_they_are_asked_for(alice: Person, jaffle: Project) -> None:
    assert "stats" not in alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs").json


def test_a_day_begins_at_midnight_of_utc(alice: Person, jaffle: Project, job: Job) -> None:
    midnight = NOON.replace(hour=0, minute=0, second=0, microsecond=0)
    end(job, jaffle, RunStatus.SUCCESS, midnight)
    end(job, jaffle, RunStatus.FAILED, midnight - timedelta(microseconds=1))

    *_, yesterday, today = daily(alice, jaffle)

    assert (yesterday["failed_runs"], today["successful_runs"]) == (1, 1)


def test_stats_of_a_list_are_of_30_days_and_not_more(alice: Person, jaffle: Project, job: Job) -> None:
    end(job, jaffle, RunStatus.SUCCESS, NOON - 29 * DAY)
    end(job, jaffle, RunStatus.SUCCESS, NOON - 30 * DAY)

    assert stats(alice, jaffle)["total_runs"] == 1
    assert sum(day["total_runs"] for day in daily(alice, jaffle, days=31)) == 2


def test_an_end_that_is_seen_twice_counts_once(alice: Person, jaffle: Project, job: Job) -> None:
    run = run_of(job, jaffle)
    assert store.create_run(run)

    assert [store.advance_run(run, ended(run)) for _ in range(3)] == [True, False, False]

    assert daily(alice, jaffle)[-1]["total_runs"] == 1


def test_one_of_two_processes_that_end_a_run_counts_it(alice: Person, jaffle: Project, job: Job) -> None:
    run = run_of(job, jaffle)
    store.create_run(run)
    statuses = [RunStatus.SUCCESS, RunStatus.FAILED] * 4

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda status: store.advance_run(run, ended(run, status)), statuses))

    assert written.count(True) == 1
    today = daily(alice, jaffle)[-1]
    assert today["total_runs"] == 1
    assert today[NAMES[store.get_run(run.organization_id, run.id).status]] == 1


def test_the_ends_of_a_jobs_many_runs_are_written_one_after_another(
    alice: Person, jaffle: Project, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing: list[int] = []
    most: list[int] = []

    def watched(call: Call) -> Any:
        writing.append(1)
        most.append(len(writing))
        answer = call.make()
        writing.pop()
        return answer

    runs = [run_of(job, jaffle) for _ in range(20)]
    for run in runs:
        store.create_run(run)
    intercept_aws(monkeypatch, watched)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda run: store.advance_run(run, ended(run)), runs))

    assert max(most) == 1
    assert daily(alice, jaffle)[-1]["successful_runs"] == 20


@contextmanager
def dying_after_the_write(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        die_at(patched, "TransactWriteItems", after=True)
        with pytest.raises(SystemExit):
            yield


def test_an_end_is_counted_where_its_writer_dies_right_after(
    alice: Person, jaffle: Project, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(job, jaffle)
    store.create_run(run)
    with dying_after_the_write(monkeypatch):
        store.advance_run(run, ended(run))

    assert store.advance_run(run, ended(run)) is False
    assert daily(alice, jaffle)[-1]["total_runs"] == 1


def test_a_run_seen_only_once_it_has_ended_counts_once(alice: Person, jaffle: Project, job: Job) -> None:
    miss = ended(run_of(job, jaffle), RunStatus.ERROR).model_copy(
        update={"start_time": None, "end_time": None, "scheduled_for": NOON - DAY}
    )

    assert [store.create_run(miss) for _ in range(2)] == [True, False]

    *_, yesterday, today = daily(alice, jaffle)
    assert (yesterday["error_runs"], today["error_runs"]) == (1, 0)


def test_a_success_without_a_duration_does_not_lower_the_average(alice: Person, jaffle: Project, job: Job) -> None:
    end(job, jaffle, RunStatus.SUCCESS, NOON, None)
    assert "avg_success_duration" not in daily(alice, jaffle)[-1]
    end(job, jaffle, RunStatus.SUCCESS, NOON, 8.0)

    assert daily(alice, jaffle)[-1]["avg_success_duration"] == 8
    assert daily(alice, jaffle)[-1]["successful_runs"] == 2


def test_counts_stay_when_runs_expire(alice: Person, jaffle: Project, job: Job) -> None:
    run = end(job, jaffle)
    RunRow(run.id).delete()

    later = daily(alice, jaffle, at=NOON + 300 * DAY, days=400)

    assert [day["date"] for day in later if day["total_runs"]] == [NOON.date().isoformat()]


def test_counts_expire_400_days_after_the_last_day_of_their_month(jaffle: Project, job: Job) -> None:
    run = end(job, jaffle)

    (row,) = run_counts.CountsRow.query(f"{run.organization_id}/{run.project_id}/counts")

    gone_at = datetime.fromtimestamp(int(row.expires_at), UTC)
    month_after = (NOON.replace(day=1) + timedelta(days=31)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert gone_at == month_after + 400 * DAY


def test_counts_are_deleted_with_the_project(admin: Person, jaffle: Project, job: Job) -> None:
    run = end(job, jaffle)
    late = run_of(job, jaffle)
    store.create_run(late)
    address = f"/api/v1/projects/{jaffle.id}"
    assert admin.call("PUT", address, {"deployed": False}).status == 200
    assert admin.call("DELETE", address).status == 200
    days = [NOON.date()]
    assert not run_counts.counts_by_day(run.organization_id, jaffle.id, days)

    # A run that ends later is counted until the organization is deleted too.
    store.advance_run(late, ended(late))
    assert run_counts.counts_by_day(run.organization_id, jaffle.id, days)
    purging.purge_project(run.organization_id, jaffle.id)
    assert not run_counts.counts_by_day(run.organization_id, jaffle.id, days)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 400), st.sampled_from(ENDS), st.none() | st.floats(0, 9e5)),
        max_size=12,
    )
)
def test_stats_equal_a_count_of_all_runs(
    jaffle: Project, alice: Person, ends: list[tuple[int, int, RunStatus, float | None]]
) -> None:
    jobs = [new_job(jaffle) for _ in range(3)]
    runs = [(at, end(jobs[at], jaffle, status, NOON - days * DAY, took)) for at, days, status, took in ends]

    for at, job in enumerate(jobs):
        for day, told in enumerate(reversed(daily(alice, jaffle, job_id=job.id, days=400))):
            those = [run for of, run in runs if of == at and run.end_time == NOON - day * DAY]
            expected = {name: sum(run.status is status for run in those) for status, name in NAMES.items()}
            assert {name: told[name] for name in expected} == expected
            assert told["total_runs"] == len(those)
            took = [run.duration_seconds for run in those if run.status is RunStatus.SUCCESS]
            timed = [seconds for seconds in took if seconds is not None]
            mean = sum(timed) / len(timed) if timed else None
            assert told.get("avg_success_duration") == (None if mean is None else pytest.approx(mean, abs=0.011))
