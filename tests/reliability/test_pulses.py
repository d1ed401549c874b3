"""An organization whose passes only come from its pulse, with messages lost, doubled, late and out of order."""

import gzip
import os
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jobs_api.cluster import Object
from jobs_api.ingest import log_collecting
from jobs_api.k8s import labels
from jobs_api.logs import log_bucket
from jobs_api.model.run import Run, RunStatus
from jobs_api.pulse import handling, passes
from jobs_api.pulse.queue import PulseMessage
from jobs_api.store import pulses
from tests.calls_to_aws import note_operations
from tests.reliability.killing import Killer
from tests.reliability.pulsing import Message, Pulsing
from tests.reliability.world import HOOK, World

# As many writes as a pass, its end and the sync after it make; a walk that reaches it repeats itself.
FAR = 40


@pytest.fixture
def pulsing(world: World, monkeypatch: pytest.MonkeyPatch) -> Pulsing:
    return Pulsing(world, monkeypatch)


def test_an_idle_organization_has_a_pass_every_ten_minutes(pulsing: Pulsing) -> None:
    pulsing.live(minutes=10)
    pulsing.passes.clear()

    pulsing.live(minutes=60)

    assert len(pulsing.passes) == 6
    assert pulsing.ends() == 1


def test_a_run_is_seen_within_seconds_of_its_start_and_of_its_end(pulsing: Pulsing, world: World) -> None:
    job = world.create(schedule="0 * * * *", command="dbt run --select slow")
    pulsing.live(minutes=29, seconds=30)
    assert world.runs(job) == []
    pulsing.live(minutes=30)

    pulsing.live(seconds=2)
    (run,) = world.runs(job)
    pulsing.live(seconds=10)
    assert world.runs(job)[0].status is RunStatus.RUNNING
    pulsing.live(minutes=3)
    (run,) = world.runs(job)

    assert run.status is RunStatus.SUCCESS
    assert run.end_time
    assert run.updated_at - run.end_time <= timedelta(seconds=7)


def test_a_trigger_requests_a_pass_at_once_and_another_for_runs_that_the_index_lacked(
    pulsing: Pulsing, world: World
) -> None:
    job = world.create(schedule="0 0 1 1 *", command="dbt run --select slow")
    pulsing.live(minutes=15)
    pulsing.passes.clear()

    world.trigger(job)
    pulsing.live(seconds=12)

    assert [round((one - pulsing.passes[0]).total_seconds()) for one in pulsing.passes] == [0, 5, 10]


def test_many_triggers_at_once_share_a_few_passes(pulsing: Pulsing, world: World) -> None:
    job = world.create(schedule="0 0 1 1 *", enabled=False, command="dbt run --select slow")
    pulsing.live(minutes=15)
    pulsing.passes.clear()

    for _ in range(30):
        world.trigger(job)
    pulsing.live(seconds=4)

    assert len(pulsing.passes) <= 3
    assert pulsing.ends() == 1
    assert len(world.runs(job)) == 30


def test_one_or_two_of_many_requests_just_after_a_pass_come_again(pulsing: Pulsing, world: World) -> None:
    job = world.create(schedule="0 0 1 1 *", enabled=False, command="dbt run --select slow")
    pulsing.live(minutes=15)
    world.trigger(job)
    pulsing.live(seconds=0.1)

    for _ in range(30):
        world.trigger(job)
    pulsing.live(seconds=0.5)
    assert sum("generation" not in one.body and "if_overdue" not in one.body for one in pulsing.waiting) <= 2
    pulsing.live(seconds=3)

    assert {run.status for run in world.runs(job)} == {RunStatus.RUNNING}
    assert pulsing.ends() == 1


def test_an_edit_reaches_the_cluster_at_once_and_its_slots_are_followed(pulsing: Pulsing, world: World) -> None:
    job = world.create(schedule="0 0 1 1 *")
    pulsing.live(minutes=15)

    world.call("PUT", f"/{job}", {"schedule": "* * * * *"})
    pulsing.live(seconds=3)
    assert world.call("GET", f"/{job}").json["sync"]["state"] == "synced"
    pulsing.live(minutes=2)

    assert len(world.runs(job)) == 2


def test_drift_by_hand_is_put_right_within_ten_minutes(pulsing: Pulsing, world: World) -> None:
    world.create(schedule="0 0 1 1 *")
    pulsing.live(minutes=11)
    (before,) = cronjobs(world)
    metadata = before["metadata"]
    world.cluster.cluster.delete_cronjob(
        metadata["namespace"], metadata["name"], metadata["uid"], metadata["resourceVersion"]
    )
    assert cronjobs(world) == []

    pulsing.live(minutes=10, seconds=5)

    assert [one["metadata"]["name"] for one in cronjobs(world)] == [metadata["name"]]


def test_a_pulse_that_is_lost_is_replaced_by_a_tick(pulsing: Pulsing) -> None:
    pulsing.live(minutes=11)
    pulsing.waiting.clear()
    pulsing.passes.clear()

    pulsing.live(minutes=16)

    assert pulsing.passes
    assert pulsing.ends() == 1


def test_a_pulse_that_is_lost_while_a_run_is_open_is_replaced_by_its_spare(pulsing: Pulsing, world: World) -> None:
    pulsing.live(minutes=12)
    world.trigger(world.create(schedule="0 0 1 1 *", command="dbt run --select slow"))
    pulsing.live(seconds=30)
    for _ in range(3):
        before = pulsing.passes[-1]
        pulsing.waiting = [one for one in pulsing.waiting if "generation" not in one.body]
        pulsing.live_until_a_pass()

        assert pulsing.passes[-1] - before <= timedelta(seconds=12)
        assert pulsing.ends() == 1
        pulsing.live(seconds=11)


def test_a_spare_that_has_nothing_to_replace_costs_one_read(
    pulsing: Pulsing, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulsing.live(minutes=12)
    world.trigger(world.create(schedule="0 0 1 1 *", command="dbt run --select slow"))
    pulsing.live(seconds=30)
    spare = next(one for one in pulsing.waiting if "if_overdue" in one.body)
    passes = len(pulsing.passes)

    with monkeypatch.context() as patched:
        calls = note_operations(patched)
        for _ in range(2):
            handling.handle(PulseMessage.of_json(spare.body), pulsing.now)

    assert calls == ["GetItem", "GetItem"]
    assert len(pulsing.passes) == passes
    pulsing.live(seconds=6)
    assert pulsing.passes[passes:]


def test_while_a_run_is_open_a_pass_writes_the_organization_once(
    pulsing: Pulsing, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulsing.live(minutes=12)
    world.trigger(world.create(schedule="0 0 1 1 *", command="dbt run --select slow"))
    pulsing.live(seconds=30)
    pulsing.passes.clear()
    writes = list[str]()
    update = pulses._update

    def recording(organization_id: str, *more: Any) -> Any:
        writes.append(organization_id)
        return update(organization_id, *more)

    with monkeypatch.context() as patched:
        patched.setattr(pulses, "_update", recording)
        pulsing.live(seconds=60)

    assert len(pulsing.passes) == 12
    assert len(writes) == 12


@pytest.mark.parametrize(
    ("has_spare", "longest_gap"), [(False, timedelta(minutes=2, seconds=5)), (True, timedelta(seconds=12))]
)
def test_a_pass_that_dies_after_its_first_write_is_replaced_by_the_spare_of_its_pulse_or_by_a_tick(
    pulsing: Pulsing, world: World, killer: Killer, *, has_spare: bool, longest_gap: timedelta
) -> None:
    pulsing.live(minutes=12)
    world.trigger(world.create(schedule="0 0 1 1 *", command="dbt run --select slow"))
    pulsing.live(seconds=30)
    pulsing.live_until_a_pass()
    # The pulses that lead to odd generations have spares.
    if (world.organization_now().pulse.generation % 2 == 0) is not has_spare:
        pulsing.live_until_a_pass()
    before = pulsing.passes[-1]
    while not killer.killed_it:
        # A spare that finds nothing to do writes nothing, and is not killed.
        pulsing.cut_off = killer.after(1)
        pulsing.live_until_a_message()
    # A pass that dies in its first write is not among those that began.
    assert pulsing.passes[-1] == before
    assert (world.organization_now().pulse.generation % 2 == 1) is has_spare

    pulsing.live_until_a_pass()

    assert pulsing.passes[-1] - before <= longest_gap
    assert pulsing.ends() == 1


@pytest.mark.parametrize("milliseconds", [0, 300, 999, 1000, 3000])
def test_a_trigger_just_after_a_pass_that_announced_the_next_one_gets_a_pass_within_two_seconds(
    pulsing: Pulsing, world: World, milliseconds: int
) -> None:
    pulsing.live(minutes=12)
    world.trigger(world.create(schedule="0 0 1 1 *", command="dbt run --select slow"))
    other = world.create("other", schedule="0 0 1 1 *", command="dbt run --select slow")
    pulsing.live(seconds=30)
    pulsing.live_until_a_pass()
    pulsing.live(seconds=milliseconds / 1000)
    pulsing.passes.clear()

    world.trigger(other)
    pulsing.live(seconds=2)

    assert pulsing.passes
    assert pulsing.ends() == 1


@pytest.mark.parametrize("seed", range(2))
def test_passes_that_take_long_and_others_that_begin_beside_them_do_nothing_twice(
    pulsing: Pulsing, world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    ingest, beside = passes.ingest_runs, list[int]()

    def slowly(*arguments: Any) -> Any:
        found = ingest(*arguments)
        beside.append(0)
        if len(beside) < 4:
            # Queue messages that come meanwhile are handled meanwhile.
            pulsing.live(seconds=chance.choice([0, 0, 0, 0.5, 4, 15]))
        beside.pop()
        return found

    job = world.create(command="dbt run --select slow", schedule="*/7 * * * *", **HOOK)
    with monkeypatch.context() as patched:
        patched.setattr(passes, "ingest_runs", slowly)
        for _ in range(5):
            world.trigger(job)
            pulsing.live(seconds=chance.randint(1, 90))
    pulsing.live(minutes=12)
    pulsing.live_until_a_pass()

    assert pulsing.ends() == 1
    assert world.audit().findings() == []


def test_two_spares_of_one_lost_pulse_make_one_pass(pulsing: Pulsing, world: World) -> None:
    pulsing.live(minutes=12)
    world.trigger(world.create(schedule="0 0 1 1 *", command="dbt run --select slow"))
    pulsing.live(seconds=30)
    spares = [one for one in pulsing.waiting if "if_overdue" in one.body]
    passes = len(pulsing.passes)
    pulsing.waiting = [*spares, *(replace(one) for one in spares)]

    pulsing.live(seconds=13)

    assert len(pulsing.passes) - passes <= 3
    assert pulsing.ends() == 1


def test_a_pass_whose_end_no_table_takes_is_followed_once_its_time_is_over(
    pulsing: Pulsing, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulsing.live(minutes=12)
    world.trigger(world.create(schedule="0 0 1 1 *", command="dbt build"))

    def throttled(*_: Any, **__: Any) -> bool:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    with monkeypatch.context() as patched:
        patched.setattr(pulses, "end_pass", throttled)
        pulsing.live(seconds=1)
    assert pulsing.passes
    pulsing.passes.clear()
    pulsing.next_tick += timedelta(hours=1)

    pulsing.live(seconds=125)

    assert pulsing.passes
    assert pulsing.ends() == 1


@pytest.mark.parametrize("dies", [False, True])
def test_passes_continue_after_the_clock_is_set_back_by_an_hour(
    pulsing: Pulsing, world: World, killer: Killer, *, dies: bool
) -> None:
    pulsing.live(minutes=12)
    job = world.create(schedule="0 0 1 1 *", command="dbt build")
    pulsing.live(seconds=30)
    if dies:
        world.trigger(job)
        pulsing.cut_off = killer.after(1)
        pulsing.live_until_a_message()
    # A laptop's queue waits by the clock: what was delayed comes an hour later.
    pulsing.waiting.clear()
    world.clock.set(world.now() - timedelta(hours=1))
    pulsing.next_tick = world.now()
    pulsing.passes.clear()

    pulsing.live(minutes=3)

    assert pulsing.passes
    assert pulsing.ends() == 1


def test_a_pulse_that_comes_twice_or_late_does_nothing_twice(pulsing: Pulsing, world: World) -> None:
    pulsing.spoil = lambda message: [message, _late(message, 0), _late(message, 120)]
    world.create(command="dbt run --select slow", schedule="*/5 * * * *", **HOOK)

    pulsing.live(minutes=12)

    assert pulsing.ends() <= 3  # the same message, as often as it was received
    gaps = [b - a for a, b in zip(pulsing.passes, pulsing.passes[1:], strict=False)]
    assert min(gaps) >= timedelta(seconds=1)
    assert world.audit().findings() == []


@pytest.mark.parametrize("seed", range(2))
def test_with_lost_or_doubled_pulses_runs_are_recorded_and_notified_once(
    pulsing: Pulsing, world: World, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret

    def spoil(message: Message) -> list[Message]:
        kind = chance.random()
        if kind < 0.1:
            return []
        late = _late(message, chance.choice([3, 30, 300]))
        return [message, late] if kind < 0.3 else [late] if kind < 0.5 else [message]

    pulsing.spoil = spoil
    world.create(command="dbt run --select slow", schedule="*/7 * * * *", **HOOK)
    pulsing.live(minutes=30)
    pulsing.spoil = lambda message: [message]
    pulsing.live(minutes=20)

    assert world.audit().findings() == []
    assert all(run.status is RunStatus.SUCCESS for run in world.runs()[2:])


def test_a_queue_that_refuses_everything_fails_no_request_and_ticks_request_the_passes(
    pulsing: Pulsing, world: World
) -> None:
    pulsing.live(minutes=11)
    pulsing.refuses = True
    job = world.create(schedule="0 0 1 1 *", command="dbt build")
    run = world.trigger(job)
    pulsing.live(minutes=20)
    assert pulsing.waiting == []
    pulsing.refuses = False

    pulsing.live(minutes=7)

    assert [one.id for one in world.runs(job) if one.status is RunStatus.SUCCESS] == [run]
    assert pulsing.ends() == 1


def test_wherever_a_pass_is_killed_another_one_follows_and_one_pulse_is_left(
    pulsing: Pulsing, world: World, killer: Killer
) -> None:
    job = world.create(schedule="0 0 1 1 *", **HOOK)
    pulsing.live(minutes=12)
    for writes in range(FAR):
        killer.killed_it = False
        world.trigger(job)
        pulsing.cut_off = killer.after(writes)
        pulsing.live(seconds=30)
        pulsing.passes.clear()
        # Until the pass counts as dead and the next tick has run, or until its pulse is due.
        pulsing.live(minutes=11)
        assert pulsing.passes, f"no pass after {killer.made}"
        assert pulsing.ends() == 1
        if not killer.killed_it:
            break
    else:
        pytest.fail("it never got to its end")
    pulsing.live(minutes=5)
    assert world.audit().findings() == []


@pytest.mark.parametrize("dies", ["before the pass", "after the next pass"])
def test_wherever_a_pass_is_killed_the_text_that_came_with_it_is_kept_or_read_again(
    pulsing: Pulsing, world: World, killer: Killer, dies: str
) -> None:
    job = world.create(schedule="0 0 1 1 *", command="dbt run --select hang")
    pulsing.live(minutes=12)
    for writes in range(FAR):
        killer.killed_it = False
        run_id = world.trigger(job)
        pulsing.live(seconds=20)
        assert any(PulseMessage.of_json(one.body).carried for one in pulsing.waiting)
        if dies == "before the pass":
            lose_node(world)
        log_collecting._last_reads.clear()
        pulsing.cut_off = killer.after(writes)
        # Until the pass counts as dead, and another one has read the log.
        pulsing.live(minutes=3)
        lose_node(world)
        pulsing.live(minutes=11)
        (run,) = (one for one in world.runs(job) if one.id == run_id)

        assert run.status.ended
        assert world.audit().findings() == []
        if dies != "before the pass" or not killer.killed_it or "dynamodb PutItem" in killer.made[:writes]:
            assert text_of(run) == f"dbt run --select hang\nthis is {run.pod_name}\n", killer.made
        if not killer.killed_it:
            return
    pytest.fail("it never got to its end")


def lose_node(world: World) -> None:
    """Delete all Jobs, and so their pods, whose logs are gone."""
    for stored in list(world.cluster.storage.view("jobs")):
        world.cluster.storage.delete("jobs", stored.namespace, stored.name, "Background")
    world.cluster.run_until_idle()


def text_of(run: Run) -> str:
    assert run.log
    found = log_bucket.bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=run.log.key)
    return gzip.decompress(found["Body"].read()).decode()


def cronjobs(world: World) -> list[Object]:
    selector = labels.selector({labels.ORGANIZATION: world.organization.id})
    return [one for page in world.cluster.cluster.list_cronjobs(world.organization.namespace, selector) for one in page]


def _late(message: Message, seconds: int) -> Message:
    return replace(message, due_at=message.due_at + timedelta(seconds=seconds))
