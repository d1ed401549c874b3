"""When a run that waits for its Job may be launched."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.ingest import unseen_end
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.trigger.waiting import Launchable, allowed_since, launchable
from tests.objects import TWO

MINUTE = timedelta(minutes=1)
AN_ATTEMPT = Run(
    id="run_second",
    organization_id="org-acme",
    project_id="proj_jaffle",
    job_id="job_nightly",
    job_name="jaffle-nightly-20260428-020100",
    cronjob_name="jaffle-nightly",
    namespace="org-acme",
    job_type="build",
    status=RunStatus.PENDING,
    triggered_by=TriggeredBy.RETRY,
    attempt=2,
    retry_of="run_first",
    launch_after=TWO + MINUTE,
    launch={"kind": "Job"},
    created_at=TWO,
    updated_at=TWO,
)


def test_a_run_is_held_back_until_its_time_and_says_when_that_is() -> None:
    assert launchable(AN_ATTEMPT, TWO + 0.99 * MINUTE) == Launchable(now=False, again_at=TWO + MINUTE)
    assert launchable(AN_ATTEMPT, TWO + MINUTE) == Launchable(now=True)


def test_a_run_without_a_time_may_be_launched_at_once() -> None:
    assert launchable(AN_ATTEMPT.model_copy(update={"launch_after": None}), TWO) == Launchable(now=True)


@pytest.mark.parametrize("launch_after", [None, TWO + timedelta(hours=1)])
def test_the_hour_for_a_launch_counts_from_when_it_is_allowed(launch_after: object) -> None:
    run = AN_ATTEMPT.model_copy(update={"launch_after": launch_after})
    end = allowed_since(run) + timedelta(hours=1)

    assert unseen_end.not_launched(run, end - MINUTE) is None
    assert unseen_end.overdue(run, None, end - MINUTE) is None
    late, overdue = unseen_end.not_launched(run, end), unseen_end.overdue(run, None, end)
    assert late
    assert late == overdue
    assert "could not be launched" in str(late.error_message)


WAITER = AN_ATTEMPT.model_copy(update={"id": "run_w", "attempt": None, "launch_after": None, "waits": True})


def another(run_id: str = "run_other", minutes: int = 0, **values: Any) -> Run:
    return WAITER.model_copy(update={"id": run_id, "created_at": TWO + minutes * MINUTE, "waits": None, **values})


@pytest.mark.parametrize(
    ("other", "may"),
    [
        pytest.param(another(minutes=-5), False, id="a pending one"),
        pytest.param(another(minutes=5, status=RunStatus.RUNNING), False, id="a later one that runs"),
        pytest.param(another(minutes=5, launch_after=TWO + 50 * MINUTE), False, id="a retry that waits for its delay"),
        pytest.param(another(minutes=-5, waits=True), False, id="an earlier one that waits too"),
        pytest.param(another("run_v", waits=True), False, id="one that waits, of the same moment and a smaller id"),
        pytest.param(another("run_x", waits=True), True, id="one that waits, of the same moment and a greater id"),
        pytest.param(another(minutes=5, waits=True), True, id="a later one that waits too"),
        pytest.param(another(minutes=-5, status=RunStatus.ERROR), True, id="one that has ended"),
        pytest.param(WAITER, True, id="itself"),
    ],
)
def test_a_run_waits_for_each_open_run_but_for_those_that_wait_behind_it(other: Run, *, may: bool) -> None:
    found = launchable(WAITER, TWO + MINUTE, [other])

    assert found == (Launchable(now=True) if may else Launchable(now=False, again_at=TWO + 60 * MINUTE))


def test_after_an_hour_a_waiting_run_is_held_back_no_more_and_ends() -> None:
    assert launchable(WAITER, TWO + 60 * MINUTE, [another()]) == Launchable(now=True)
    assert unseen_end.not_launched(WAITER, TWO + 59 * MINUTE) is None
    ended = unseen_end.not_launched(WAITER, TWO + 60 * MINUTE)
    assert ended
    assert (ended.status, "other runs" in (ended.error_message or "")) == (RunStatus.ERROR, True)


def test_a_run_that_does_not_wait_heeds_no_other() -> None:
    assert launchable(another(), TWO, [WAITER, another("run_x", status=RunStatus.RUNNING)]) == Launchable(now=True)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=6))
def test_at_most_one_waiting_run_may_start_and_one_does_if_all_wait(
    facts: list[tuple[int, bool, bool]],
) -> None:
    runs = [
        another(f"run_{at}", minute, waits=waits or None, status=RunStatus.ERROR if ended else RunStatus.PENDING)
        for at, (minute, waits, ended) in enumerate(facts)
    ]
    may = [run for run in runs if run.waits and not run.status.ended and launchable(run, TWO, runs).now]

    assert len(may) <= 1
    open_ones = [run for run in runs if not run.status.ended]
    assert bool(may) is (bool(open_ones) and all(run.waits for run in open_ones))
