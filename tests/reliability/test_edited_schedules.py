"""Edits of schedules: a slot from before an edit never runs, whatever wakes the CronJob controller after it."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.project import ConcurrencyPolicy
from local.cluster.clock import timestamp
from tests.reliability.fake_cluster import Answer, Ask, Request
from tests.reliability.world import World

FIRST = datetime(2026, 4, 28, 12, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)

type Edit = Callable[[World, str], object]


def until(world: World, moment: datetime) -> None:
    world.cluster.advance(moment)


def put(world: World, job_id: str, **changes: Any) -> Any:
    """Change a job; the event that this sends arrives at once."""
    answer = world.call("PUT", f"/{job_id}", changes)
    assert answer.status == 200, answer.text
    world.sync(project_id=world.project.id, job_id=job_id)
    world.cluster.run_until_idle()
    return answer.json


def jobs_in(world: World) -> list[str]:
    return [stored.name for stored in world.cluster.storage.view("jobs")]


def describe(world: World, job_id: str) -> None:
    put(world, job_id, description="something else")


def change_command(world: World, job_id: str) -> None:
    put(world, job_id, command="dbt run")


def change_image(world: World, job_id: str) -> None:
    del job_id
    world.operate(image="dbt:2")
    world.sync(project_id=world.project.id)
    world.cluster.run_until_idle()


def suspend_by_hand(world: World, job_id: str) -> None:
    """Somebody suspends the CronJob, and the next sync puts it right."""
    del job_id
    (stored,) = world.cluster.storage.view("cronjobs")
    found = world.cluster.storage.get("cronjobs", stored.namespace, stored.name)
    world.cluster.storage.replace("cronjobs", {**found, "spec": {**found["spec"], "suspend": True}})
    world.sync()
    world.cluster.run_until_idle()


def wait_for_the_old_schedule(world: World, job_id: str) -> None:
    """The controller keeps the time at which it was to look, by the schedule before."""
    del job_id
    until(world, FIRST + timedelta(minutes=1, seconds=1))


AFTERWARDS: list[Edit] = [describe, change_command, change_image, suspend_by_hand, wait_for_the_old_schedule]


@pytest.fixture
def world(world: World) -> World:
    # The starting deadline allows late starts, which is why an edit could start an old slot.
    world.operate(starting_deadline_seconds=600)
    return world


def test_a_schedule_that_is_moved_onto_a_minute_just_past_starts_nothing_with_the_second_edit(world: World) -> None:
    job_id = world.create(schedule="0 2 * * *")
    world.tick()
    until(world, FIRST + 10 * SECOND)

    first = put(world, job_id, schedule="4 12 * * *")
    until(world, FIRST + 18 * SECOND)
    second = put(world, job_id, description="moved")

    assert first["next_run_at"] == second["next_run_at"] == "2026-04-29T12:04:00Z"
    assert jobs_in(world) == []
    for _ in range(15):
        world.minute()
    assert (jobs_in(world), world.runs()) == ([], [])


@pytest.mark.parametrize("afterwards", AFTERWARDS)
@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([{"schedule": "4 12 * * *"}], id="schedule"),
        pytest.param([{"schedule": "4 14 * * *", "timezone": "Europe/Zurich"}], id="zone"),
        pytest.param([{"enabled": False, "schedule": "4 12 * * *"}, {"enabled": True}], id="disabled and enabled"),
    ],
)
def test_nothing_that_wakes_the_controller_starts_a_slot_from_before_the_edit(
    world: World, edits: list[dict[str, Any]], afterwards: Edit
) -> None:
    job_id = world.create(schedule="5 12 28 4 *" if afterwards is wait_for_the_old_schedule else "0 2 * * *")
    world.tick()
    until(world, FIRST + 10 * SECOND)
    for changes in edits:
        put(world, job_id, **changes)

    until(world, world.now() + 5 * SECOND)
    afterwards(world, job_id)

    assert jobs_in(world) == []


@pytest.mark.parametrize("afterwards", AFTERWARDS[:3])
def test_a_job_that_was_disabled_at_its_slot_does_not_run_it_once_enabled(world: World, afterwards: Edit) -> None:
    job_id = world.create(schedule="4 12 * * *")
    put(world, job_id, enabled=False)
    until(world, FIRST + 10 * SECOND)

    put(world, job_id, enabled=True)
    afterwards(world, job_id)

    assert jobs_in(world) == []


@pytest.mark.parametrize("rests", [{"suspended": True}, {"deployed": False}])
def test_a_project_suspended_at_a_slot_does_not_run_it_once_resumed(world: World, rests: dict[str, Any]) -> None:
    job_id = world.create(schedule="4 12 * * *")
    world.tick()
    world.operate(**rests)
    world.tick()
    until(world, FIRST + 10 * SECOND)

    goes_on: dict[str, Any] = {name: not value for name, value in rests.items()}
    world.operate(**goes_on)
    world.tick()
    describe(world, job_id)

    assert jobs_in(world) == []


def test_no_limit_that_changes_starts_a_slot_that_was_missed(world: World) -> None:
    """The CronJob controller would: a longer deadline reaches back to the slot, and no policy holds it back."""
    world.operate(concurrency_policy=ConcurrencyPolicy.FORBID, starting_deadline_seconds=30)
    job_id = world.create(command="dbt run --select hang", schedule="4,5 12 * * *")
    world.tick()
    until(world, FIRST + timedelta(minutes=1, seconds=40))
    (going,) = jobs_in(world)

    put(world, job_id, starting_deadline_seconds=604_800)
    put(world, job_id, concurrency_policy="Allow")
    put(world, job_id, concurrency_policy=None, starting_deadline_seconds=None)
    world.operate(starting_deadline_seconds=604_800)
    world.tick()
    world.operate(concurrency_policy=ConcurrencyPolicy.ALLOW)
    world.tick()
    describe(world, job_id)
    for _ in range(3):
        world.minute()

    assert jobs_in(world) == [going]
    missed = [run.error_message for run in world.runs() if run.status == "error"]
    assert len(missed) == 1, "the slot of 12:05 is told all the same"


def test_the_slots_after_the_edit_run(world: World) -> None:
    job_id = world.create(schedule="0 2 * * *")
    world.tick()
    until(world, FIRST + 10 * SECOND)
    put(world, job_id, schedule="*/2 * * * *")
    describe(world, job_id)

    for _ in range(5):
        world.minute()

    slots = sorted(run.scheduled_for for run in world.runs() if run.scheduled_for)
    assert slots == [FIRST + timedelta(minutes=2), FIRST + timedelta(minutes=4)]


def test_a_job_that_still_runs_counts_for_forbid_after_the_edit(world: World) -> None:
    """The status keeps its entries for Jobs that still run."""
    world.operate(concurrency_policy=ConcurrencyPolicy.FORBID)
    job_id = world.create(command="dbt run --select hang", schedule="4 12 * * *")
    world.tick()
    until(world, FIRST + 10 * SECOND)
    assert len(jobs_in(world)) == 1
    put(world, job_id, enabled=False)
    put(world, job_id, enabled=True, schedule="* * * * *")

    until(world, FIRST + timedelta(minutes=3))

    assert len(jobs_in(world)) == 1


def test_a_sync_that_dies_between_status_and_spec_is_put_right_by_the_next(world: World) -> None:
    job_id = world.create(schedule="0 2 * * *")
    world.tick()
    until(world, FIRST + 10 * SECOND)

    def cut(request: Request, ask: Ask) -> Answer:
        if request.method == "PUT" and not request.path.endswith("/status"):
            raise KeyboardInterrupt
        return ask(request)

    world.cluster.wrap = cut
    with pytest.raises(KeyboardInterrupt):
        put(world, job_id, schedule="4 12 * * *")
    world.cluster.wrap = lambda request, ask: ask(request)
    world.forget()
    world.tick()
    describe(world, job_id)

    (stored,) = world.cluster.storage.view("cronjobs")
    assert stored.object["spec"]["schedule"] == "4 12 * * *"
    assert stored.object["status"]["lastScheduleTime"] == timestamp(FIRST + 10 * SECOND)
    assert jobs_in(world) == []


def test_a_cluster_whose_manifest_is_from_before_gets_the_change_all_the_same(world: World) -> None:
    """The manifest of an earlier version does not allow the status to be written; nothing else waits for that."""
    job_id = world.create(schedule="0 2 * * *")
    world.tick()
    until(world, FIRST + 10 * SECOND)
    world.cluster.wrap = refuse_statuses

    answer = put(world, job_id, schedule="30 12 * * *")

    assert answer["sync"]["state"] == "pending"
    job = store.get_job(world.organization.id, world.project.id, job_id)[1]
    assert job.sync(world.project, world.now()).state == "synced"


def refuse_statuses(request: Request, ask: Ask) -> Answer:
    if not request.path.endswith("/status"):
        return ask(request)
    return Answer(403, {}, io.BytesIO(b'{"reason": "Forbidden", "message": "not allowed"}'))
