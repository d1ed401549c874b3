"""Late and long runs are reported at their time, once, in whatever circumstances."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications.queue import QueueMessage, queue
from jobs_api.pulse import passes
from jobs_api.store import deliveries
from tests.reliability.killing import Killer
from tests.reliability.test_stuck_runs import cut_off, lose, reconnect
from tests.reliability.world import World

HANG = "dbt run --select hang"
ASKED: dict[str, Any] = {
    "webhook_enabled": True,
    "webhook_url": "https://hooks.example.com/jobs",
    "webhook_events": ["failure", "late", "long"],
    "slack_alerts_enabled": True,
    "slack_channel": "#data",
}
# The world begins at 12:00:30.
FIVE: dict[str, Any] = {"schedule": "2 12 * * *", "expect": {"finish_by": "12:05"}}


def noon(minutes: float, seconds: float = 0) -> datetime:
    return datetime(2026, 4, 28, 12, tzinfo=UTC) + timedelta(minutes=minutes, seconds=seconds)


def made(world: World, name: str = "nightly", command: str = HANG, **more: Any) -> str:
    job = world.create(name, command, **{**FIVE, **ASKED, **more})
    world.sync()
    return job


def at(world: World, when: datetime, *, cluster: bool = True) -> None:
    """Let time pass in small steps of the cluster, and make a pass."""
    if cluster:
        world.cluster.advance(when)
    else:
        world.clock.set(when)
    world.ingest()
    world.notify()
    # Slack messages wait some seconds for others.
    world.clock.set(when + timedelta(seconds=1))


def slack_titles(world: World) -> list[str]:
    """The titles of the Slack messages, once those that gather were sent."""
    world.clock.set(world.now() + timedelta(seconds=6))
    world.notify()
    return [json.loads(message)["text"] for message in world.slack]


def sent(world: World, job: str) -> list[Delivery]:
    return deliveries.page(world.organization.id, job, status=None, limit=100, before=None)[0]


def told(world: World, job: str) -> Counter[str]:
    """How often a webhook of each type arrived for a job."""
    mine = {one.id: str(one.event) for one in sent(world, job)}
    return Counter(mine[one] for one in world.inbox if one in mine)


def only_run(world: World, job: str) -> Run:
    (run,) = world.runs(job)
    return run


def test_an_open_run_is_late_at_its_time_and_once(world: World) -> None:
    job = made(world)

    at(world, noon(5))
    assert told(world, job) == {}
    for seconds in (6, 11, 60, 3600):
        at(world, noon(5, seconds))

    assert told(world, job) == {"late": 1}
    assert slack_titles(world) == ["jaffle / nightly is late"]
    run = only_run(world, job)
    assert (run.expected_by, run.late_at, run.status) == (noon(5), noon(5, 6), RunStatus.RUNNING)
    shown = world.alice.call("GET", f"/api/v1/runs/{run.id}").json
    assert (shown["expected_by"], shown["late_at"]) == ("2026-04-28T12:05:00Z", "2026-04-28T12:05:06Z")
    assert "late_status" not in shown
    assert world.audit().findings() == []


def test_a_run_that_has_ended_in_time_is_never_late_not_even_if_that_is_seen_afterwards(world: World) -> None:
    job = made(world, command="dbt run --select seconds_170")
    at(world, noon(2, 5))

    # It ended at 12:04:50; the pulse was lost.
    at(world, noon(9))

    assert only_run(world, job).status is RunStatus.SUCCESS
    assert told(world, job) == {}
    assert slack_titles(world) == []


def test_an_end_that_came_too_late_is_notified_even_if_no_pass_ran_before_it(world: World) -> None:
    job = made(world, command="dbt run --select seconds_190")
    at(world, noon(2, 5))

    at(world, noon(9))

    assert told(world, job) == {"late": 1}
    assert slack_titles(world) == ["jaffle / nightly ended late"]
    assert world.audit().findings() == []


def test_the_first_success_after_a_late_run_is_notified_and_later_ones_are_not(world: World) -> None:
    job = made(world, command="dbt run --select seconds_240", schedule="2 * * * *")

    for when in (noon(2, 5), noon(5, 6), noon(5, 12), noon(6, 5), noon(62, 5), noon(69)):
        at(world, when)

    # The run of the slot at 13:02 must end by 12:05 of the next day.
    assert len(world.runs(job)) == 2
    assert told(world, job) == {"late": 1}
    titles = slack_titles(world)
    assert titles[0] == "jaffle / nightly is late"
    assert titles[1].startswith("jaffle / nightly succeeded, 1 min ")
    assert titles[1].endswith(" late")
    assert len(titles) == 2
    assert world.audit().findings() == []


def test_a_success_while_the_news_of_its_being_late_still_waits_is_part_of_that_message(world: World) -> None:
    made(world, command="dbt run --select seconds_189")

    for when in (noon(2, 5), noon(5, 6), noon(5, 10)):
        at(world, when)

    assert slack_titles(world) == ["jaffle / nightly ended late"]
    assert "succeeded" not in world.slack[0]
    assert world.audit().findings() == []


def test_a_late_run_that_fails_is_a_failure_like_any_other(world: World) -> None:
    job = made(world)
    at(world, noon(5, 6))
    run = only_run(world, job)
    lose(world, "jobs")

    for minutes in (6, 7, 8, 9):
        at(world, noon(minutes))

    assert store.get_run(world.organization.id, run.id).status is RunStatus.ERROR
    assert told(world, job) == {"late": 1, "failure": 1}
    assert slack_titles(world) == ["jaffle / nightly is late", "jaffle / nightly could not run"]


@pytest.mark.parametrize("how", ["triggered", "scheduled"])
def test_a_run_takes_long_however_it_was_started(world: World, how: str) -> None:
    job = made(world, expect={"max_minutes": 3}, enabled=how == "scheduled")
    started = noon(2)
    if how == "triggered":
        started = world.now()
        world.trigger(job)
    at(world, started + timedelta(seconds=5))

    at(world, started + timedelta(minutes=3, seconds=2))
    assert told(world, job) == {}
    for seconds in (8, 13, 60):
        at(world, started + timedelta(minutes=3, seconds=seconds))

    assert told(world, job) == {"long": 1}
    assert slack_titles(world) == ["jaffle / nightly takes longer than 3 min"]
    run = only_run(world, job)
    assert (run.expected_by, run.expected_minutes, run.late_at) == (None, 3, None)
    assert world.audit().findings() == []


def test_a_triggered_run_has_no_slot_that_could_be_late(world: World) -> None:
    job = made(world, enabled=False)
    world.trigger(job)

    for minutes in (5, 6, 60):
        at(world, noon(minutes, 6))

    assert told(world, job) == {}
    assert only_run(world, job).expected_by is None


def test_a_run_keeps_what_was_expected_when_it_was_created(world: World) -> None:
    job = made(world)
    at(world, noon(2, 5))
    world.call("PUT", f"/{job}", {"expect": {"finish_by": "18:00"}})

    at(world, noon(5, 6))

    assert told(world, job) == {"late": 1}


def test_a_webhook_that_does_not_list_it_gets_nothing_and_the_run_still_says_it(world: World) -> None:
    job = made(world, webhook_events=None, slack_alerts_enabled=False)

    at(world, noon(2, 5))
    at(world, noon(5, 6))

    assert told(world, job) == {}
    assert slack_titles(world) == []
    assert only_run(world, job).late_at == noon(5, 6)


# -- attempts


def test_attempts_are_one_slot_which_is_late_once(world: World) -> None:
    job = made(world, command="dbt run --select fail", retries=2, retry_delay_seconds=150)

    for when in (noon(2, 5), noon(4, 40), noon(4, 45), noon(5, 6), noon(5, 20), noon(7, 20), noon(7, 30), noon(9)):
        at(world, when)

    first, second, third = sorted(world.runs(job), key=lambda run: run.attempt or 1)
    # The second attempt had ended, and the third waited for its time.
    assert (first.late_at, second.late_at, third.late_at) == (None, None, noon(5, 6))
    assert {run.expected_by for run in (first, second, third)} == {noon(5)}
    assert told(world, job) == {"late": 1, "failure": 3}
    assert slack_titles(world) == ["jaffle / nightly is late", "jaffle / nightly failed after 3 attempts"]
    assert world.audit().findings() == []


def test_an_attempt_after_one_that_was_late_is_not_late_again_even_if_only_its_end_was_late(world: World) -> None:
    job = made(world, command="dbt run --select seconds_181 fail", retries=1, retry_delay_seconds=60)
    at(world, noon(2, 5))

    for when in (noon(9), noon(10), noon(11), noon(13), noon(14)):
        at(world, when)

    assert {run.late_at for run in world.runs(job)} == {noon(9)}
    assert len(world.runs(job)) == 2
    assert told(world, job)["late"] == 1
    assert slack_titles(world) == ["jaffle / nightly ended late", "jaffle / nightly failed after 2 attempts"]
    assert world.audit().findings() == []


# -- a slot without a run


def may_start_late(world: World) -> None:
    world.operate(starting_deadline_seconds=3600)


def test_a_slot_that_the_cluster_has_not_started_is_late_and_its_run_is_not_late_again(world: World) -> None:
    may_start_late(world)
    job = made(world)
    at(world, noon(2, 5), cluster=False)
    at(world, noon(5, 4), cluster=False)
    assert told(world, job) == {}

    at(world, noon(5, 6), cluster=False)
    at(world, noon(5, 11), cluster=False)

    assert world.runs(job) == []
    assert told(world, job) == {"late": 1}
    assert slack_titles(world) == ["jaffle / nightly is late"]
    assert "The cluster has not started it so far" in world.slack[0]
    # Its controller is back, and starts it late.
    for when in (noon(20), noon(21), noon(22)):
        at(world, when)
    run = only_run(world, job)
    assert (run.status, run.scheduled_for, run.late_at) == (RunStatus.RUNNING, noon(2), noon(5, 6))
    assert told(world, job) == {"late": 1}
    assert world.audit().findings() == []


def test_a_slot_that_is_missed_in_the_end_is_late_once(world: World) -> None:
    may_start_late(world)
    job = made(world)
    at(world, noon(5, 6), cluster=False)

    at(world, noon(64), cluster=False)

    run = only_run(world, job)
    assert (run.status, run.expected_by, run.late_at) == (RunStatus.ERROR, noon(5), noon(5, 6))
    assert told(world, job) == {"late": 1, "failure": 1}


def test_a_miss_before_its_time_is_a_failure_alone(world: World) -> None:
    world.operate(starting_deadline_seconds=10)
    job = made(world)

    for minutes in (4, 5, 6, 7):
        at(world, noon(minutes, 6), cluster=False)

    assert told(world, job) == {"failure": 1}
    assert only_run(world, job).late_at is None


def test_while_the_cluster_is_out_of_reach_slots_and_runs_are_late_at_their_time(world: World) -> None:
    job, other = made(world, schedule="3 12 * * *"), made(world, "other")
    at(world, noon(2, 30))
    cut_off(world)
    at(world, noon(2, 35), cluster=False)

    facts = passes.ingest_runs(store.get_organization(world.organization.id), lambda: noon(4)).facts
    for seconds in (0, 6, 20, 60):
        at(world, noon(5, seconds), cluster=False)

    assert noon(5, 5) in facts.due
    assert told(world, job) == told(world, other) == {"late": 1}
    assert slack_titles(world) == ["2 jobs of jaffle are late"]
    assert "The cluster has been out of reach since" in world.slack[0]
    reconnect(world)
    for when in (noon(7), noon(8)):
        at(world, when)
    assert told(world, job)["late"] == told(world, other)["late"] == 1


def test_a_run_is_late_once_the_cluster_has_been_out_of_reach_for_a_minute(world: World) -> None:
    job = made(world)
    at(world, noon(2, 5))
    cut_off(world)
    at(world, noon(4, 30), cluster=False)

    facts = passes.ingest_runs(store.get_organization(world.organization.id), lambda: noon(5, 29)).facts
    at(world, noon(5, 29), cluster=False)
    before = told(world, job)
    at(world, noon(5, 30), cluster=False)

    assert facts.due == [noon(5, 30)]
    assert (before, told(world, job)) == ({}, {"late": 1})


def test_a_request_to_the_cluster_that_fails_makes_no_run_late_that_ended_in_time(world: World) -> None:
    job = made(world, command="dbt run --select seconds_178")
    at(world, noon(2, 5))
    cut_off(world)
    world.cluster.advance(noon(5, 6))
    world.ingest()
    reconnect(world)

    at(world, noon(5, 11))

    assert only_run(world, job).status is RunStatus.SUCCESS
    assert told(world, job) == {}


def test_many_late_slots_of_one_time_share_one_message(world: World) -> None:
    job = made(world, schedule="*/1 * * * *", expect={"finish_by": "12:30"})
    cut_off(world)

    for when in (noon(1, 5), noon(29), noon(30, 6), noon(31), noon(45)):
        at(world, when, cluster=False)

    assert told(world, job) == {"late": 1}
    (late,) = [one for one in sent(world, job) if one.channel == "webhook"]
    assert late.run
    assert late.run.scheduled_for == noon(29)


def test_jobs_that_are_late_at_once_are_one_message(world: World) -> None:
    may_start_late(world)
    for count in range(6):
        world.create(f"nightly-{count}", **FIVE, **{**ASKED, "webhook_events": ["late"]})
    world.sync()

    at(world, noon(5, 6), cluster=False)

    assert slack_titles(world) == ["6 jobs of jaffle are late"]
    assert world.audit(waits=True).findings() == []


def test_a_late_slot_is_due_also_where_nothing_else_is_to_be_done(world: World) -> None:
    may_start_late(world)
    made(world)
    world.clock.set(noon(4))

    facts = passes.ingest_runs(store.get_organization(world.organization.id), world.now).facts

    assert facts.due == [noon(5, 5)]


def test_the_delivery_of_a_slot_without_a_run_can_be_sent_again_and_has_the_same_run(world: World) -> None:
    may_start_late(world)
    job = made(world)
    at(world, noon(5, 6), cluster=False)
    (late,) = [one for one in sent(world, job) if one.channel == "webhook"]
    world.call("PUT", f"/{job}", {"command": "dbt build"})

    answer = world.call("POST", f"/{job}/deliveries/{late.id}/redeliver")
    world.notify()

    assert answer.status == 202, answer.text
    assert told(world, job) == {"late": 2}
    again = deliveries.get(world.organization.id, job, late.id)
    assert again.run
    assert again.run.command == HANG
    assert again.run == late.run


def test_its_message_may_come_twice(world: World) -> None:
    may_start_late(world)
    job = made(world)
    at(world, noon(5, 6), cluster=False)
    (late,) = [one for one in sent(world, job) if one.channel == "webhook"]
    assert late.run

    whole = late.run.model_copy(update={"alerts": late.alerts})
    queue(QueueMessage(world.organization.id, late.run_id, Event.LATE, "webhook", whole))
    world.notify()

    assert told(world, job) == {"late": 1}


# -- processes that die, and two at once


def test_a_late_slot_is_notified_once_though_a_pass_dies_during_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for writes in range(1, 10):
        with monkeypatch.context() as patches:
            world = World(patches)
            may_start_late(world)
            job = made(world)
            world.clock.set(noon(5, 6))
            killer = Killer(patches, world.cluster)
            with killer.after(writes):
                world.ingest()
            survived = not killer.killed_it
            killer.leave()
            world.forget()
            for seconds in (11, 16):
                at(world, noon(5, seconds), cluster=False)
            at(world, noon(6))
            assert told(world, job)["late"] == 1, f"after write {writes} of {killer.made}"
            assert only_run(world, job).late_at
            world.cluster.close()
        if survived:
            assert writes > 2
            return
    pytest.fail("still writing")


def test_one_of_two_passes_notifies_of_a_late_run(world: World) -> None:
    from jobs_api.ingest import late_runs  # noqa: PLC0415 - what two passes at once do

    job = made(world)
    at(world, noon(2, 5))
    run = only_run(world, job)

    first, second = late_runs.record_late(run, noon(5, 6)), late_runs.record_late(run, noon(5, 6))

    assert first
    assert first.notify == [Event.LATE]
    assert second is None


def test_writing_an_end_keeps_that_another_pass_found_the_run_late(world: World) -> None:
    from jobs_api.ingest import late_runs  # noqa: PLC0415 - what two passes at once do

    job = made(world)
    at(world, noon(2, 5))
    before = only_run(world, job)
    assert late_runs.record_late(before, noon(5, 6))
    end = {"status": RunStatus.SUCCESS, "end_time": noon(5, 7), "updated_at": noon(5, 8)}

    assert not store.advance_run(before, before.model_copy(update=end))

    after = store.get_run(world.organization.id, before.id)
    assert after.notify == [Event.LATE]
    assert store.advance_run(after, after.model_copy(update=end))
    assert store.get_run(world.organization.id, before.id).notify == [Event.LATE, Event.SUCCESS]
