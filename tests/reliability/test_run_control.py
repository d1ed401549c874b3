"""Cancels, retries, waits, chains, pauses and expectations where they meet: what one of them leaves to the others."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from jobs_api.model.run import Run, RunStatus, TriggeredBy
from tests.reliability.world import HOOK, SLACK, World

FAILS, HANGS, SLOW = "dbt run --select fail", "dbt run --select hang", "dbt run --select slow"
SOON: dict[str, Any] = {"retries": 1, "retry_delay_seconds": 30}
ANY_END = ["success", "failed", "error"]


def idle(world: World, name: str, command: str = "dbt build", **more: Any) -> str:
    """Create a job that only requests and other jobs start."""
    return world.create(name, command, schedule="0 3 1 1 *", **more)


def after(world: World, name: str, *jobs: str, on: list[str] | None = None, **more: Any) -> str:
    return world.create(
        name, schedule=None, run_after=[{"job_id": one, "on": on or ["success"]} for one in jobs], **more
    )


def runs(world: World, job: str) -> list[Run]:
    """Return a job's runs, oldest first."""
    return sorted(world.runs(job), key=lambda run: (run.created_at, run.attempt or 1))


def only(world: World, job: str) -> Run:
    (run,) = world.runs(job)
    return run


def change(world: World, job: str, **fields: Any) -> Any:
    answer = world.call("PUT", f"/{job}", fields)
    assert answer.status == 200, answer.text
    return answer.json


def settled(world: World, minutes: int = 3) -> None:
    for _ in range(minutes):
        world.minute()
    audit = world.audit()
    assert audit.findings() == []
    assert list(audit.overlaps()) == []


def test_a_successful_attempt_counts_as_the_end_that_a_follower_waits_for(world: World) -> None:
    orders, payments = idle(world, "orders", FAILS, **SOON), idle(world, "payments")
    build = after(world, "build", orders, payments)
    world.trigger(orders)
    world.trigger(payments)
    world.tick()
    assert world.runs(build) == []
    # Somebody repairs the job before the next attempt, which keeps the first attempt's command; only a trigger runs the
    # new one.
    settled(world)
    assert world.runs(build) == []
    change(world, orders, command="dbt build")
    world.trigger(orders)
    settled(world)

    assert only(world, build).caused_by == runs(world, orders)[-1].id


def test_the_end_of_a_retry_by_hand_starts_the_followers(world: World) -> None:
    seed = idle(world, "seed", FAILS)
    report = after(world, "report", seed, on=["failed"])
    first = world.trigger(seed)
    settled(world)
    answer = world.alice.call("POST", f"/api/v1/runs/{first}/retry", {}, at=world.now())
    assert answer.status == 202
    settled(world)

    assert {run.caused_by for run in world.runs(report)} == {first, answer.json["job_run_id"]}


def test_a_waiting_run_starts_after_the_attempts_of_the_run_before_it(world: World) -> None:
    job = idle(world, "load", FAILS, **SOON)
    first = world.trigger(job)
    second = world.trigger(job, on_overlap="wait")
    world.advance(seconds=1)
    third = world.trigger(job, on_overlap="wait")
    settled(world, 9)

    started = sorted(world.runs(job), key=lambda run: run.start_time or run.created_at)
    assert [run.retry_of or run.id for run in started] == [first, first, second, second, third, third]
    for one, other in pairwise(started):
        assert one.end_time
        assert other.start_time
        assert one.end_time <= other.start_time


def test_an_attempt_that_waits_for_its_time_is_an_open_run_for_a_trigger(world: World) -> None:
    job = idle(world, "load", FAILS, **SOON)
    world.trigger(job)
    world.tick()
    (attempt,) = [run for run in world.runs(job) if run.attempt]

    refused = world.call("POST", f"/{job}/trigger", {"on_overlap": "skip"})

    assert (refused.status, refused.json["code"]) == (409, "run_in_progress")
    assert attempt.id in refused.json["message"]
    assert world.cancel(attempt.id).status == 202
    assert world.call("POST", f"/{job}/trigger", {"on_overlap": "skip"}).status == 202
    settled(world)


def test_a_run_that_waits_lets_a_chained_run_of_its_job_end_first(world: World) -> None:
    seed = idle(world, "seed")
    build = after(world, "build", seed, command=SLOW)
    world.trigger(seed)
    world.tick()
    chained = only(world, build)
    waits = world.trigger(build, on_overlap="wait")
    assert {run.id for run in world.runs(build) if run.waits} == {waits}
    settled(world, 8)

    ended = {run.id: run for run in world.runs(build)}
    assert ended.keys() == {chained.id, waits}
    end, start = ended[chained.id].end_time, ended[waits].launch_after
    assert end
    assert start
    assert end <= start


def test_a_follower_with_forbid_is_started_beside_its_open_run(world: World) -> None:
    seed = idle(world, "seed")
    build = after(world, "build", seed, command=SLOW, concurrency_policy="Forbid")
    for _ in range(2):
        world.trigger(seed)
        world.tick()
        world.ingest()

    assert [run.status for run in world.runs(build)] == [RunStatus.RUNNING] * 2
    settled(world, 5)


def test_a_pause_ends_the_attempts_of_what_the_schedule_began_and_not_what_somebody_asked_for(world: World) -> None:
    job = world.create("load", FAILS, retries=1, retry_delay_seconds=50, **SLACK)
    world.sync()
    world.advance(minutes=1)
    world.ingest()
    asked = world.trigger(job)
    world.tick()
    until = world.now() + timedelta(minutes=20)
    change(world, job, paused_until=until.isoformat(), pause_reason="the warehouse moves")
    settled(world, 4)

    attempts = [run for run in world.runs(job) if run.attempt]
    by_schedule = [run for run in attempts if run.retry_of != asked]
    assert [run.status for run in attempts if run.retry_of == asked] == [RunStatus.FAILED]
    assert by_schedule
    assert {run.status for run in by_schedule} == {RunStatus.ERROR}
    assert "it is paused until" in (by_schedule[0].error_message or "")


def test_a_waiting_run_of_a_paused_or_disabled_job_starts_like_a_trigger(world: World) -> None:
    for name, fields in (("paused", {"paused_until": "2026-04-28T18:00:00Z"}), ("disabled", {"enabled": False})):
        job = idle(world, name)
        world.trigger(job)
        waits = world.trigger(job, on_overlap="wait")
        change(world, job, **fields)
        settled(world)

        assert {run.id: run.status for run in world.runs(job)}[waits] is RunStatus.SUCCESS


@pytest.mark.parametrize("how", ["the job is deleted", "the project is undeployed"])
def test_no_waiting_run_is_left_once_its_job_must_not_run(world: World, how: str) -> None:
    seed, job = idle(world, "seed"), idle(world, "load", FAILS, **SOON, **HOOK)
    after(world, "build", seed, on=ANY_END)
    world.trigger(job)
    world.tick()
    waits = world.trigger(job, on_overlap="wait")
    world.trigger(seed)
    if how == "the job is deleted":
        assert world.call("DELETE", f"/{job}").status == 200
    else:
        world.operate(deployed=False)
    settled(world, 4)

    ends = {run.id: run for run in world.runs(job)}
    assert ends[waits].status is RunStatus.ERROR
    assert "was not started, because" in (ends[waits].error_message or "")
    (attempt,) = [run for run in ends.values() if run.attempt]
    assert (attempt.status, attempt.retried_as) == (RunStatus.ERROR, None)


def test_each_kind_of_waiting_run_can_be_cancelled_and_starts_nothing(world: World) -> None:
    job = idle(world, "load", FAILS, **SOON, **HOOK, webhook_events=["cancelled"])
    follower = after(world, "after", job, on=ANY_END)
    first = world.trigger(job)
    world.tick()
    (attempt,) = [run for run in world.runs(job) if run.attempt]
    waits = world.trigger(job, on_overlap="wait")

    for one in (waits, attempt.id):
        assert world.cancel(one).status == 202
        assert world.cancel(one).status == 202
    settled(world)

    ends = {run.id: run.status for run in world.runs(job)}
    assert ends == {first: RunStatus.FAILED, attempt.id: RunStatus.CANCELLED, waits: RunStatus.CANCELLED}
    assert world.runs(follower) == []
    assert len(world.inbox) == 2


def test_a_slot_in_a_pause_is_not_late(world: World) -> None:
    job = world.create("load", schedule="5 12 * * *", expect={"finish_by": "12:10"}, **HOOK, webhook_events=["late"])
    world.sync()
    change(world, job, paused_until="2026-04-28T12:30:00Z")
    settled(world, 20)

    assert world.inbox == []
    assert world.runs(job) == []


def test_a_slot_whose_run_is_cancelled_before_its_time_is_not_late(world: World) -> None:
    job = world.create(
        "load", HANGS, schedule="4 12 * * *", expect={"finish_by": "12:10"}, **HOOK, webhook_events=["late"]
    )
    world.sync()
    for _ in range(5):
        world.minute()
    run = only(world, job)
    assert run.status is RunStatus.RUNNING
    assert world.cancel(run.id).status == 202
    settled(world, 10)

    assert world.inbox == []
    assert only(world, job).late_at is None


def test_a_slot_ran_with_the_first_run_of_its_attempts(world: World) -> None:
    job = world.create("load", FAILS, schedule="4 12 * * *", **SOON)
    world.sync()
    settled(world, 6)
    (first,) = [run for run in world.runs(job) if run.attempt is None]
    (told,) = [one for one in world.call("GET", f"/{job}/slots").json["slots"] if one["outcome"] == "ran"]

    assert len(world.runs(job)) == 2
    assert (told["run_id"], first.triggered_by) == (first.id, TriggeredBy.SCHEDULED)


EVERYTHING: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": 5,
    "retry_on": ["error"],
    "concurrency_policy": "Replace",
    "timeout_seconds": 600,
    "starting_deadline_seconds": 90,
    "expect": {"finish_by": "07:00", "max_minutes": 45},
    "paused_until": "2026-05-04T06:00:00+02:00",
    "pause_reason": "the warehouse moves",
    "webhook_events": ["cancelled", "late", "long"],
}


def test_an_answer_sent_back_changes_nothing_and_a_rollback_gives_every_field_back(world: World) -> None:
    seed = idle(world, "seed")
    job = world.create("load", **EVERYTHING, run_after=[{"job_id": seed}], **HOOK)
    shown = world.call("GET", f"/{job}").json

    assert change(world, job, **shown) == shown
    assert len(world.call("GET", f"/{job}/history").json["versions"]) == 1

    nothing = dict.fromkeys([*EVERYTHING, "run_after"])
    bare = change(world, job, **nothing)
    assert bare["retries"] == 0
    assert not {"expect", "paused_until", "pause_reason", "run_after", "timeout_seconds"} & bare.keys()
    back = world.call("POST", f"/{job}/rollback", {"version": 1}).json
    moving = {"updated_at", "sync"}
    assert {name: back[name] for name in back.keys() - moving} == {name: shown[name] for name in shown.keys() - moving}
