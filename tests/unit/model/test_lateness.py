"""Which runs are late or take long, when, and once; and which slots without a run."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model import lateness
from jobs_api.model.alert_targets import Event
from jobs_api.model.job import Job
from jobs_api.model.run import Run, RunStatus
from jobs_api.model.run_events import as_of, happened, with_events
from jobs_api.notifications.webhook.payload import body_of
from tests.unit.model.test_due import NOON, a_run, alerts
from tests.unit.model.test_slots import a_job, a_project, at

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
EVENTS = [Event.STARTED, Event.SUCCESS, Event.FAILURE, Event.LATE, Event.LONG]
TELLS = alerts(events=EVENTS)


def going(status: RunStatus = RunStatus.RUNNING, **values: Any) -> Run:
    """A run that was to end at noon, or to take half an hour; it began twenty minutes before noon."""
    start_time = at(-20) if status is not RunStatus.PENDING else None
    values = {"expected_by": NOON, "expected_minutes": 30, "start_time": start_time, **values}
    return a_run(status, TELLS, **values)


def ended(run: Run, minutes: float, status: RunStatus = RunStatus.SUCCESS, seen: float | None = None) -> Run:
    """The run's end, so many minutes after noon, and when a pass saw it."""
    end = {"end_time": at(minutes), "updated_at": at(minutes if seen is None else seen)}
    return run.model_copy(update={"status": status, **end})


@pytest.mark.parametrize("status", [RunStatus.PENDING, RunStatus.RUNNING])
def test_an_open_run_is_late_once_some_seconds_after_its_time(status: RunStatus) -> None:
    run = going(status)

    assert lateness.found_late(run, NOON + 4 * SECOND) is run
    late = lateness.found_late(run, NOON + 5 * SECOND)
    assert (late.late_at, late.late_status, late.long_at) == (NOON + 5 * SECOND, status, None)
    assert lateness.found_late(late, NOON + 6 * SECOND) is late


def test_a_run_takes_long_from_its_start_on_however_it_was_started() -> None:
    run = going(expected_by=None, scheduled_for=None)

    assert lateness.found_late(run, at(10) + 4 * SECOND) is run
    assert lateness.found_late(run, at(10) + 5 * SECOND).long_at == at(10) + 5 * SECOND
    waiting = going(RunStatus.PENDING, expected_by=None)
    assert lateness.found_late(waiting, at(600)) is waiting


def test_both_may_be_found_at_once() -> None:
    found = lateness.found_late(going(), at(20))

    assert happened(going(), found) == [Event.LATE, Event.LONG]
    assert with_events(going(), found).notify == [Event.LATE, Event.LONG]


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.ERROR, RunStatus.CANCELLED])
def test_a_run_that_has_ended_is_never_late_afterwards(status: RunStatus) -> None:
    run = ended(going(), -1, status)

    assert lateness.found_late(run, at(600)) is run


def test_a_run_with_a_cancel_request_is_not_notified_as_late() -> None:
    run = going(cancel_requested_at=at(-1))

    assert lateness.found_late(run, at(600)) is run
    assert happened(run, with_events(run, ended(run, 30, RunStatus.CANCELLED))) == [Event.CANCELLED]
    assert happened(run, with_events(run, ended(run, 30, RunStatus.SUCCESS))) == [Event.SUCCESS]


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.ERROR])
def test_a_late_end_is_notified_together_with_the_end(status: RunStatus) -> None:
    """A pulse was lost: no pass has seen the run open after its time."""
    run = going(expected_minutes=None)

    after = with_events(run, ended(run, 1, status, seen=30))

    assert after.notify[0] is Event.LATE
    assert len(after.notify) == 2
    assert after.late_at == at(30)
    assert with_events(run, after) == after


@pytest.mark.parametrize(("end", "seen"), [(-1, 30), (0, 30), (1, 2 * 24 * 60)])
def test_an_end_in_time_or_one_that_is_seen_after_a_day_is_no_news(end: float, seen: float) -> None:
    run = going()

    after = with_events(run, ended(run, end, seen=seen))

    assert after.notify == [Event.SUCCESS]
    assert after.late_at is None


def test_an_open_run_is_not_notified_as_late_after_a_day() -> None:
    run = going(RunStatus.PENDING)

    assert lateness.found_late(run, NOON + DAY).late_at
    assert lateness.found_late(run, NOON + DAY + SECOND) is run


def test_a_new_run_whose_slot_was_late_before_is_not_told_again() -> None:
    run = going(RunStatus.PENDING, late_at=at(1))

    assert with_events(None, run).notify == []
    assert lateness.found_late(run, at(5)) is run
    over = ended(run, 30).model_copy(update={"start_time": at(-1)})
    assert with_events(run, over).notify == [Event.STARTED, Event.LONG, Event.SUCCESS]


def test_the_next_pass_is_due_when_a_run_may_be_late_or_long() -> None:
    assert list(lateness.next_found(going(), at(-10))) == [NOON + 5 * SECOND, at(10) + 5 * SECOND]
    assert list(lateness.next_found(going(), at(5))) == [at(10) + 5 * SECOND]
    assert list(lateness.next_found(lateness.found_late(going(), at(20)), at(20))) == []


@given(
    st.floats(min_value=-19, max_value=100),
    st.lists(st.floats(min_value=-19, max_value=2000), max_size=8),
    st.floats(min_value=0, max_value=60),
)
def test_whatever_the_passes_see_each_lateness_is_notified_once(end: float, passes: list[float], lag: float) -> None:
    run, told = going(), []
    for minutes in sorted(one for one in passes if one < end + lag):
        # A list of the cluster may be some seconds old.
        if minutes < end + 4 / 60:
            after = with_events(run, lateness.found_late(run, at(minutes)))
            told += happened(run, after)
            run = after
    last = with_events(run, ended(run, end, seen=max([end + lag, *passes])))
    told += happened(run, last)

    assert told.count(Event.LATE) <= 1
    assert told.count(Event.LONG) <= 1
    in_time = max([end + lag, *passes]) < 24 * 60
    if in_time:
        assert (Event.LATE in told) == (at(end) > NOON)
        assert (Event.LONG in told) == (at(end) > at(10))


def test_a_webhook_has_the_same_bytes_before_and_after_the_end() -> None:
    run = going(RunStatus.PENDING, expected_minutes=1)
    late = lateness.found_late(run, at(1))
    running = late.model_copy(update={"status": RunStatus.RUNNING, "start_time": at(0), "pod_name": "p"})
    long = lateness.found_late(running, at(3))
    over = ended(long, 9, RunStatus.FAILED).model_copy(update={"error_message": "x", "exit_code": 1})

    first, second = body_of(late, Event.LATE, TELLS), body_of(long, Event.LONG, TELLS)

    for later in (running, long, over):
        assert body_of(later, Event.LATE, TELLS) == first
    assert body_of(over, Event.LONG, TELLS) == second
    assert as_of(over, Event.LATE).status is RunStatus.PENDING
    assert b'"type":"run.late"' in first
    assert b'"type":"run.long"' in second
    assert b'"late_at":"2026-04-28T12:01:00Z"' in second


def test_a_webhook_about_an_end_that_came_too_late_has_that_end() -> None:
    run = going()
    over = with_events(run, ended(run, 30))

    assert as_of(over, Event.LATE).end_time == at(30)
    assert as_of(over, Event.LONG).status is RunStatus.SUCCESS


def job_at_eleven(**expect: Any) -> Job:
    return a_job(PROJECT, at(-60 * 24 * 3), schedule="0 11 * * *", expect={"finish_by": "12:00", **expect})


PROJECT = a_project().model_copy(update={"created_at": at(-10_000), "updated_at": at(-10_000)})


def unstarted(job: Job, minutes: float) -> list[float]:
    found = lateness.unstarted_slots(job, PROJECT.periods, at(minutes))
    return [(slot.at - NOON) / MINUTE for slot in found]


def test_a_slot_without_a_run_is_late_from_its_time_until_somebody_was_told() -> None:
    job = job_at_eleven().settled(at(-24 * 60), PROJECT, at(-24 * 60))

    assert unstarted(job, 0) == []
    assert unstarted(job, 0.1) == [-60]
    assert unstarted(job.with_late_reported(NOON, at(0.1)), 1) == []
    assert unstarted(job.settled(at(-60), PROJECT, at(1)), 1) == []


def test_only_the_slots_of_the_last_deadline_are_notified() -> None:
    job = job_at_eleven()

    assert unstarted(job, 30) == [-60]
    often = a_job(PROJECT, at(-6000), schedule="*/30 * * * *", expect={"finish_by": "12:00"})
    assert unstarted(often, 45) == list(range(-24 * 60, 0, 30))


def test_a_job_that_expects_no_time_has_no_late_slot() -> None:
    job = a_job(PROJECT, at(-6000), schedule="*/30 * * * *", expect={"max_minutes": 3})

    assert unstarted(job, 45) == []
    assert lateness.next_deadline(job, NOON) is None


def test_a_run_that_comes_after_its_slot_was_told_takes_the_news_over() -> None:
    job = job_at_eleven().with_late_reported(NOON, at(1))

    assert lateness.expected_of(job, at(-60))["late_at"] == at(1)
    assert lateness.expected_of(job, at(23 * 60))["late_at"] is None
    assert lateness.expected_of(job, None) == {"expected_by": None, "expected_minutes": None, "late_at": None}


def test_the_record_of_a_notified_deadline_survives_changes_of_the_job() -> None:
    job = job_at_eleven().with_late_reported(NOON, at(1))

    after = job.changed({"schedule": "0 10 * * *"}, PROJECT, at(2), lambda _: {}).settled(at(2), PROJECT, at(2))

    assert after.slots.late == job.slots.late
    read = type(job.slots).model_validate(after.slots.model_dump(mode="json"))
    assert read.late == job.slots.late


def test_a_job_without_expectations_expects_nothing_of_its_runs() -> None:
    assert lateness.expected_of(a_job(PROJECT), NOON) == {}
