"""The slots of an organization whose passes the pulse makes: one just after each slot, one when a miss is certain."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.run import RunStatus
from jobs_api.model.slots import GRACE
from jobs_api.store import pulses
from jobs_api.store.organization_rows import ALL, OrganizationRow
from local import first_passes
from tests.reliability.pulsing import Pulsing
from tests.reliability.world import HOOK, World

# Clocks in Berlin go back at 01:00 UTC, from 03:00 to 02:00, and in spring forward from 02:00 to 03:00.
BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
FORWARD = datetime(2027, 3, 28, 1, 0, tzinfo=UTC)
# The world's projects have this one.
STARTING_DEADLINE = timedelta(minutes=1)


@pytest.fixture
def pulsing(world: World, monkeypatch: pytest.MonkeyPatch) -> Pulsing:
    return Pulsing(world, monkeypatch)


def begin_at(pulsing: Pulsing, moment: datetime) -> None:
    """Move the start of the story to a later time."""
    pulsing.world.clock.set(moment)
    pulsing.next_tick = moment


@pytest.mark.parametrize(
    "change", [BACK, BACK - timedelta(hours=1), FORWARD], ids=["back", "the hour that comes twice", "forward"]
)
def test_slots_around_a_clock_change_have_a_pass_just_after_them(
    pulsing: Pulsing, world: World, change: datetime
) -> None:
    begin_at(pulsing, change - timedelta(minutes=20))
    job = world.create(schedule="*/30 * * * *", timezone="Europe/Berlin", command="dbt run --select slow")
    pulsing.live(minutes=85)

    runs = world.runs(job)

    assert len(runs) == 3
    assert all(run.created_at - run.scheduled_for <= timedelta(seconds=2) for run in runs if run.scheduled_for)
    assert {run.status for run in runs} == {RunStatus.SUCCESS}


def test_jobs_whose_runs_begin_in_one_slot_are_read_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = {world.create(f"job {at}", "dbt run --select slow", schedule="2 12 * * *") for at in range(5)}
    world.sync()
    world.cluster.advance(datetime(2026, 4, 28, 12, 2, 2, tzinfo=UTC))
    reading, reads = store.jobs_with_projects, list[set[str]]()

    def noted(organization_id: str, wanted: Iterable[tuple[str, str]]) -> Any:
        pairs = list(wanted)
        reads.append({job_id for _, job_id in pairs})
        return reading(organization_id, pairs)

    monkeypatch.setattr(store, "jobs_with_projects", noted)
    for _ in range(2):
        world.ingest()

    assert len(world.runs()) == 5
    assert reads == [jobs]


def test_every_slot_of_many_jobs_has_a_pass_just_after_it(pulsing: Pulsing, world: World) -> None:
    minutes = [7, 7, 8, 19, 20, 20, 43, 44, 45, 58, 59, 59]
    for at, minute in enumerate(minutes):
        world.create(f"job {at}", "dbt run --select slow", schedule=f"{minute} * * * *")
    pulsing.live(minutes=75)

    runs = world.runs()

    assert len({(run.job_id, run.scheduled_for) for run in runs}) == len(runs) >= len(minutes)
    assert all(run.created_at - run.scheduled_for <= timedelta(seconds=2) for run in runs if run.scheduled_for)


def test_a_miss_is_notified_as_soon_as_it_is_recorded(pulsing: Pulsing, world: World) -> None:
    job = world.create(schedule="0 * * * *", command="dbt build", **HOOK)
    pulsing.live(minutes=25)
    # The controller is down when the slot comes, for longer than the starting deadline.
    at = world.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    pulsing.live(seconds=(at - world.now()).total_seconds() - 5)
    world.clock.set(at + STARTING_DEADLINE + timedelta(seconds=2))
    pulsing.live(seconds=(at + STARTING_DEADLINE + GRACE - world.now()).total_seconds())
    assert world.runs(job) == []

    pulsing.live(seconds=3)

    (missed,) = world.runs(job)
    assert missed.status is RunStatus.ERROR
    assert missed.scheduled_for == at
    assert len(world.inbox) == 1


def test_messages_that_a_killed_laptop_left_in_its_queue_do_no_harm(pulsing: Pulsing, world: World) -> None:
    job = world.create(schedule="*/7 * * * *", command="dbt run --select slow", **HOOK)
    pulsing.live(minutes=12)
    world.trigger(job)
    # Killed during a pass: its record of the pass stays, and the queue has messages of all kinds.
    left = [*pulsing.waiting]
    assert pulses.begin_pass(world.organization.id, world.organization_now().pulse.generation, world.now())
    world.advance(minutes=3)

    first_passes.ask()
    pulsing.waiting += left
    pulsing.passes.clear()
    pulsing.live(seconds=2)

    assert len(pulsing.passes) <= 2
    assert pulsing.ends() == 1
    pulsing.live(minutes=8)
    pulsing.live_until_a_pass()
    assert world.audit(waits=True).findings() == []


def test_an_organization_that_is_gone_or_closed_ends_its_pulse(pulsing: Pulsing, world: World) -> None:
    pulsing.live(minutes=12)
    OrganizationRow(ALL, world.organization.id).update([OrganizationRow.retired_at.set(world.now())])
    pulsing.live(minutes=12)
    pulsing.passes.clear()

    pulsing.live(hours=1)

    assert pulsing.passes == []
    assert pulsing.waiting == []
