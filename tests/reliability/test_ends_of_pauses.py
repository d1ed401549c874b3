"""Pauses end by themselves: the CronJob fires again from the first slot after one, whatever happens at that moment."""

from datetime import datetime, timedelta

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from jobs_api.model.run import Run, RunStatus
from tests.reliability.fake_cluster import Answer, Ask, Request
from tests.reliability.killing import Killer
from tests.reliability.pulsing import Message, Pulsing
from tests.reliability.world import World

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def pulsing(world: World, monkeypatch: pytest.MonkeyPatch) -> Pulsing:
    return Pulsing(world, monkeypatch)


def pause(world: World, job_id: str, until: datetime | None, **more: object) -> None:
    text = until and until.isoformat()
    answer = world.call("PUT", f"/{job_id}", {"paused_until": text, **more})
    assert answer.status == 200, answer.text


def slots_of(runs: list[Run]) -> list[datetime]:
    return sorted(run.scheduled_for for run in runs if run.scheduled_for)


def minutes_between(first: datetime, last: datetime) -> list[datetime]:
    return [first + at * MINUTE for at in range((last - first) // MINUTE + 1)]


def in_the_minute(world: World) -> datetime:
    """Return the present minute's first second."""
    return world.now().replace(second=0, microsecond=0)


def test_a_paused_job_runs_again_at_the_very_second_at_which_its_pause_ends(pulsing: Pulsing, world: World) -> None:
    job = world.create()
    pulsing.live(minutes=2)
    began, until = in_the_minute(world), in_the_minute(world) + 7 * MINUTE
    pause(world, job, until, pause_reason="moving the warehouse")
    pulsing.live(minutes=10)

    runs = world.runs(job)

    assert [slot for slot in slots_of(runs) if slot > began] == minutes_between(until, in_the_minute(world))
    assert {run.status for run in runs} == {RunStatus.SUCCESS}
    (first,) = [run for run in runs if run.scheduled_for == until]
    assert first.created_at - until <= timedelta(seconds=2)


def test_a_paused_project_resumes_each_of_its_jobs(pulsing: Pulsing, world: World) -> None:
    jobs = [world.create(f"job {at}") for at in range(3)]
    pulsing.live(minutes=2)
    began, until = in_the_minute(world), in_the_minute(world) + 5 * MINUTE
    world.operate(paused_until=until)
    world.sync(project_id=world.project.id)
    pulsing.live(minutes=8)

    for job in jobs:
        assert [one for one in slots_of(world.runs(job)) if one > began] == minutes_between(until, in_the_minute(world))


def test_a_pause_that_is_ended_early_makes_up_for_nothing(pulsing: Pulsing, world: World) -> None:
    job = world.create()
    pulsing.live(minutes=2)
    began = in_the_minute(world)
    pause(world, job, began + timedelta(days=2))
    pulsing.live(minutes=5)
    resumed = in_the_minute(world)
    pause(world, job, None)
    pulsing.live(minutes=5)

    ran = slots_of(world.runs(job))

    assert [slot for slot in ran if slot > began] == minutes_between(resumed + MINUTE, in_the_minute(world))


def test_a_pause_that_is_prolonged_ends_at_its_new_end(pulsing: Pulsing, world: World) -> None:
    job = world.create()
    pulsing.live(minutes=2)
    began = in_the_minute(world)
    pause(world, job, began + 4 * MINUTE)
    pulsing.live(minutes=2)
    pause(world, job, began + 8 * MINUTE)
    pulsing.live(minutes=9)

    ran = slots_of(world.runs(job))

    assert [slot for slot in ran if slot > began] == minutes_between(began + 8 * MINUTE, in_the_minute(world))


def test_an_edit_during_a_pause_does_not_end_it(pulsing: Pulsing, world: World) -> None:
    job = world.create()
    pulsing.live(minutes=2)
    began = in_the_minute(world)
    until = (began + 10 * MINUTE).replace(minute=(began.minute + 10) // 2 * 2)
    pause(world, job, until)
    pulsing.live(minutes=3)
    world.call("PUT", f"/{job}", {"schedule": "*/2 * * * *"})
    pulsing.live(minutes=11)

    ran = [slot for slot in slots_of(world.runs(job)) if slot > began]

    assert ran[0] == until
    assert {slot.minute % 2 for slot in ran} == {0}


def test_where_the_cluster_is_away_when_a_pause_ends_the_next_pass_resumes_the_job(
    pulsing: Pulsing, world: World
) -> None:
    world.operate(starting_deadline_seconds=600)
    job = world.create()
    pulsing.live(minutes=2)
    began, until = in_the_minute(world), in_the_minute(world) + 4 * MINUTE
    pause(world, job, until)
    pulsing.live(minutes=3)
    before, world.cluster.wrap = world.cluster.wrap, nobody_answers
    pulsing.live(minutes=5)
    world.cluster.wrap = before
    pulsing.live(minutes=16)

    runs = {run.scheduled_for: run for run in world.runs(job) if run.scheduled_for and run.scheduled_for > began}

    assert sorted(runs) == minutes_between(until, in_the_minute(world))[: len(runs)]
    missed = [slot for slot, run in runs.items() if run.status is RunStatus.ERROR]
    # After an outage the cluster starts only the last of several late slots.
    assert all(slot < until + 5 * MINUTE for slot in missed)
    assert len(missed) <= 5


def nobody_answers(request: Request, ask: Ask) -> Answer:
    del request, ask
    raise NewConnectionError(HTTPConnection("still"), "Connection refused")


@pytest.mark.parametrize("lost_for", [2 * MINUTE, 4 * MINUTE], ids=["two minutes", "four minutes"])
def test_where_pulses_are_lost_when_a_pause_ends_no_slot_after_it_is_unaccounted_for(
    pulsing: Pulsing, world: World, lost_for: timedelta
) -> None:
    world.operate(starting_deadline_seconds=60)
    job = world.create()
    pulsing.live(minutes=2)
    began, until = in_the_minute(world), in_the_minute(world) + 6 * MINUTE
    pause(world, job, until)
    pulsing.live(seconds=(until - world.now()).total_seconds() - 30)

    def lose(message: Message) -> list[Message]:
        return [] if world.now() < until + lost_for else [message]

    pulsing.spoil = lose
    pulsing.waiting.clear()
    pulsing.live(minutes=16)

    ran = [slot for slot in slots_of(world.runs(job)) if slot > began]

    assert ran[:6] == minutes_between(until, until + 5 * MINUTE)


def test_whichever_write_a_process_dies_after_at_the_end_of_a_pause_the_job_resumes(
    pulsing: Pulsing, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.operate(starting_deadline_seconds=900)
    job = world.create(schedule="0 * * * *")
    killer = Killer(monkeypatch, world.cluster)
    for writes in range(6):
        until = in_the_minute(world).replace(minute=0) + timedelta(hours=1)
        pause(world, job, until)
        pulsing.live(seconds=(until - world.now()).total_seconds())
        pulsing.cut_off = killer.after(writes)
        pulsing.live(minutes=12)

        (run,) = [run for run in world.runs(job) if run.scheduled_for == until]
        assert run.status is RunStatus.SUCCESS, killer.made
