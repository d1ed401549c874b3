"""Every function, killed after its first write, its second, and so on: two passes later nothing of it is to be seen.

The walk continues until a function gets to its end, so that a write that is added later is walked as well.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from jobs_api.collecting.parts import Parts
from jobs_api.model import slots
from jobs_api.model.run import Run
from tests.reliability import figures
from tests.reliability.fake_cluster import Answer, Ask, Request
from tests.reliability.killing import Killer
from tests.reliability.world import HOOK, SLACK, World

pytestmark = pytest.mark.slow

# More writes than any function makes in these worlds; a walk that reaches it repeats itself.
FAR = 60

# The world begins at half a minute past noon.
EXPECTS: dict[str, Any] = {
    **HOOK,
    **SLACK,
    "webhook_events": ["success", "failure", "late", "long"],
    "expect": {"finish_by": "12:05", "max_minutes": 2},
}

type Act = Callable[[], object]
type Scenario = Callable[[World], Act]

SCENARIOS: dict[str, Scenario] = {}


def scenario(prepare: Scenario) -> Scenario:
    """Register a scenario: it prepares a world without kills, and returns the function that is killed."""
    SCENARIOS[prepare.__name__.replace("_", " ")] = prepare
    return prepare


@scenario
def a_create(world: World) -> Act:
    return world.create


@scenario
def a_create_with_a_key(world: World) -> Act:
    return lambda: world.call("POST", "", {"name": "a", "command": "dbt build", "schedule": "@daily"}, key="once")


@scenario
def a_change_of_the_schedule(world: World) -> Act:
    job = _synced(world)
    return lambda: world.call("PUT", f"/{job}", {"schedule": "*/2 * * * *"})


@scenario
def a_rename(world: World) -> Act:
    job = _synced(world)
    return lambda: world.call("PUT", f"/{job}", {"name": "seldom"})


@scenario
def a_rollback(world: World) -> Act:
    job = _synced(world)
    world.call("PUT", f"/{job}", {"schedule": "*/2 * * * *", "name": "seldom"})
    return lambda: world.call("POST", f"/{job}/rollback", {"version": 1})


@scenario
def a_rollback_with_a_key(world: World) -> Act:
    job = _synced(world)
    world.call("PUT", f"/{job}", {"schedule": "*/2 * * * *"})
    return lambda: world.call("POST", f"/{job}/rollback", {"version": 1}, key="once")


@scenario
def a_list_that_is_applied(world: World) -> Act:
    _synced(world)
    world.create("goes")
    return lambda: _apply(world)


@scenario
def a_list_that_is_applied_with_a_key(world: World) -> Act:
    _synced(world)
    return lambda: _apply(world, key="once")


def _apply(world: World, key: str | None = None) -> object:
    """Change a job, create another that runs after it, and delete what else there is."""
    often = {"name": "often", "command": "dbt build", "schedule": "*/2 * * * *"}
    listed = [{"name": "after", "command": "dbt run", "run_after": [{"job": "often"}]}, often]
    return world.call("POST", "/../apply", {"jobs": listed, "prune": True}, key=key)


@scenario
def a_rotation_of_the_secret(world: World) -> Act:
    job = _synced(world, **HOOK)
    return lambda: world.call("POST", f"/{job}/notifications/rotate-secret")


@scenario
def a_delete_with_slots_open(world: World) -> Act:
    job = _synced(world)
    world.advance(minutes=2)
    return lambda: world.call("DELETE", f"/{job}")


@scenario
def a_trigger(world: World) -> Act:
    job = world.create(enabled=False)
    return lambda: world.trigger(job)


@scenario
def a_trigger_with_a_key(world: World) -> Act:
    job = world.create(enabled=False)
    return lambda: world.trigger(job, key="once")


@scenario
def a_trigger_of_what_hangs(world: World) -> Act:
    job = world.create(command="dbt run --select hang", enabled=False)
    return lambda: world.trigger(job)


@scenario
def a_trigger_that_starts_alone(world: World) -> Act:
    job = world.create(enabled=False)
    return lambda: world.call("POST", f"/{job}/trigger", {"on_overlap": "skip"})


@scenario
def a_trigger_that_starts_alone_with_a_key(world: World) -> Act:
    job = world.create(enabled=False)
    return lambda: world.trigger(job, key="once", on_overlap="skip")


@scenario
def a_trigger_that_waits_for_nothing(world: World) -> Act:
    job = world.create(enabled=False)
    return lambda: world.trigger(job, on_overlap="wait", environment={"A_TOKEN": "hunter2"})


@scenario
def an_ingest_of_what_a_run_waits_for(world: World) -> Act:
    job = world.create(enabled=False)
    world.trigger(job)
    world.trigger(job, on_overlap="wait")
    world.advance(minutes=1)
    return world.ingest


@scenario
def a_cancel_of_a_run_that_waits_for_another(world: World) -> Act:
    job = world.create(command="dbt run --select hang", enabled=False)
    world.trigger(job)
    run = world.trigger(job, on_overlap="wait")
    return lambda: world.cancel(run)


@scenario
def a_cancel_of_a_run_that_goes_on(world: World) -> Act:
    run = _hanging(world)
    return lambda: world.cancel(run)


@scenario
def a_cancel_with_a_key(world: World) -> Act:
    run = _hanging(world)
    return lambda: world.cancel(run, key="once")


@scenario
def a_cancel_of_a_run_that_waits_for_its_job(world: World) -> Act:
    job = world.create(enabled=False, **HOOK, webhook_events=["cancelled"])
    _cut_off(world)
    run = world.trigger(job)
    _reconnect(world)
    return lambda: world.cancel(run)


@scenario
def a_cancel_of_a_run_whose_job_was_suspended_by_hand(world: World) -> Act:
    run = _suspended(world)
    return lambda: world.cancel(run)


@scenario
def a_trigger_that_is_cancelled_while_its_job_is_created(world: World) -> Act:
    job = world.create(command="dbt run --select hang", enabled=False)

    def act() -> None:
        before = world.cluster.wrap

        def cancelled_first(request: Request, ask: Ask) -> Answer:
            if request.method == "POST" and request.path.endswith("/jobs"):
                world.cluster.wrap = before
                for run in world.runs(job):
                    world.cancel(run.id)
            return before(request, ask)

        world.cluster.wrap = cancelled_first
        try:
            world.trigger(job)
        finally:
            world.cluster.wrap = before

    return act


@scenario
def an_ingest_of_a_run_that_is_to_be_cancelled(world: World) -> Act:
    run = _hanging(world, **HOOK, webhook_events=["success", "failure", "cancelled"])
    _cut_off(world)
    world.cancel(run)
    _reconnect(world)
    return world.ingest


@scenario
def an_ingest_of_a_run_whose_pod_a_cancel_has_ended(world: World) -> Act:
    run = _hanging(world, **HOOK, webhook_events=["cancelled"])
    world.cancel(run)
    world.advance(seconds=5)
    return world.ingest


@scenario
def an_ingest_of_a_run_that_is_to_be_cancelled_and_was_suspended_by_hand(world: World) -> Act:
    run = _suspended(world)
    _cut_off(world)
    world.cancel(run)
    _reconnect(world)
    return world.ingest


@scenario
def a_create_of_a_job_that_runs_after_others(world: World) -> Act:
    jobs = [world.create(name, enabled=False) for name in ("one", "two")]
    return lambda: world.create("after", schedule=None, run_after=[{"job_id": job} for job in jobs])


@scenario
def a_change_of_what_a_job_runs_after(world: World) -> Act:
    one, two = (world.create(name, enabled=False) for name in ("one", "two"))
    after = world.create("after", run_after=[{"job_id": one}])
    world.create("last", schedule=None, run_after=[{"job_id": after}])
    return lambda: world.call("PUT", f"/{after}", {"run_after": [{"job_id": two}], "schedule": None})


@scenario
def a_delete_of_a_job_that_runs_after_another(world: World) -> Act:
    seed = _seeded(world)
    after = world.create("after", schedule=None, run_after=[{"job_id": seed}])
    return lambda: world.call("DELETE", f"/{after}")


@scenario
def an_ingest_of_a_run_that_others_run_after(world: World) -> Act:
    seed = _seeded(world)
    for name, enabled in (("build", True), ("idle", False), ("docs", True)):
        world.create(name, schedule=None, run_after=[{"job_id": seed}], enabled=enabled)
    return world.ingest


@scenario
def an_ingest_of_two_runs_that_one_job_waits_for(world: World) -> Act:
    jobs = [_seeded(world, name) for name in ("orders", "payments")]
    world.create("build", schedule=None, run_after=[{"job_id": job} for job in jobs], **HOOK)
    return world.ingest


@scenario
def an_ingest_that_tells_of_a_deleted_job(world: World) -> Act:
    seed = _seeded(world)
    after = world.create("after", schedule=None, run_after=[{"job_id": seed}])
    world.call("DELETE", f"/{after}")
    return world.ingest


@scenario
def a_sync_of_a_job_that_loses_its_schedule(world: World) -> Act:
    seed = world.create("seed", enabled=False)
    after = _synced(world, "after", run_after=[{"job_id": seed}])
    world.call("PUT", f"/{after}", {"schedule": None})
    return world.sync


@scenario
def a_sync_of_new_jobs(world: World) -> Act:
    world.create("one")
    world.create("two")
    return world.sync


@scenario
def a_sync_of_changes(world: World) -> Act:
    one, two, three = _synced(world, "one"), _synced(world, "two"), _synced(world, "three")
    world.call("PUT", f"/{one}", {"name": "uno"})
    world.call("PUT", f"/{two}", {"schedule": "@daily"})
    world.call("DELETE", f"/{three}")
    return world.sync


@scenario
def a_sync_of_a_project_that_is_withdrawn(world: World) -> Act:
    _synced(world)
    world.operate(deployed=False)
    return world.sync


@scenario
def a_sync_of_what_was_suspended_by_hand(world: World) -> Act:
    _synced(world)
    live = world.cluster.cluster.get_cronjob(world.organization.id, "jaffle-often")
    world.cluster.storage.replace("cronjobs", {**live, "spec": {**live["spec"], "suspend": True}})
    return world.sync


@scenario
def an_ingest_of_runs_that_ended(world: World) -> Act:
    _synced(world, "good", **HOOK)
    _synced(world, "bad", "dbt run --select fail")
    world.advance(minutes=1)
    return world.ingest


@scenario
def an_ingest_of_runs_that_stored_artifacts(world: World) -> Act:
    world.operate(artifacts=True)
    for name in ("seed", "build"):
        _seeded(world, name)
    assert world.uploads.seen["upload now"] == 2
    return world.ingest


@scenario
def an_ingest_of_a_run_of_which_two_pods_stored_artifacts(world: World) -> Act:
    late = _replaced(world)
    world.advance(minutes=4)
    late()
    return world.ingest


@scenario
def an_ingest_of_a_run_whose_first_pod_stores_artifacts_meanwhile(world: World) -> Act:
    late = _replaced(world)
    world.advance(minutes=4)

    def act() -> None:
        try:
            world.ingest()
        finally:
            late()

    return act


@scenario
def a_retry_from_failure(world: World) -> Act:
    world.operate(artifacts=True)
    run = _ended(world)
    return lambda: world.retry(run, body={"from": "failure"})


def _replaced(world: World) -> Callable[[], None]:
    """Evict the pod of a run while it runs, so that another one takes its place; return the first one's upload."""
    world.operate(artifacts=True)
    world.trigger(world.create(command="dbt run --select slow", enabled=False))
    world.advance(seconds=10)
    world.ingest()
    (pod,) = [stored.object for stored in world.cluster.storage.view("pods")]
    (run,) = world.runs()
    assert run.pod_name == pod["metadata"]["name"]
    world.cluster.evict(pod)
    assert len(world.cluster.started) == 2, "no other pod has taken its place"
    return lambda: world.uploads.store(pod)


@scenario
def an_ingest_after_which_the_jobs_are_gone(world: World) -> Act:
    _synced(world, "good", **HOOK)
    _synced(world, "bad", "dbt run --select fail")
    world.advance(minutes=1)
    return _ingest_after_which_jobs_are_gone(world)


@scenario
def an_ingest_after_which_the_job_of_a_run_that_went_on_is_gone(world: World) -> Act:
    _synced(world, command="dbt run --select slow")
    world.minute()
    world.operate(suspended=True)
    world.sync()
    world.advance(minutes=3)
    return _ingest_after_which_jobs_are_gone(world)


@scenario
def an_ingest_that_collects_a_log_after_which_the_pod_is_gone(world: World) -> Act:
    _collectable(world)
    return _ingest_after_which_jobs_are_gone(world)


@scenario
def an_ingest_that_makes_what_was_collected_the_log_of_a_run(world: World) -> Act:
    run = _collectable(world)
    world.ingest()
    assert Parts.of(run).last, "nothing was collected"
    _lose_jobs(world)
    world.advance(minutes=3)
    return world.ingest


def _collectable(world: World) -> Run:
    """Start a command, find it running, and let it run for more than a minute, after which its log is collected."""
    world.trigger(world.create(command="dbt run --select hang", enabled=False))
    world.advance(seconds=20)
    world.tick()
    world.advance(seconds=50)
    (run,) = world.runs()
    return run


@scenario
def an_ingest_of_a_run_that_goes_on(world: World) -> Act:
    _synced(world, command="dbt run --select slow")
    world.advance(minutes=1)
    return world.ingest


@scenario
def an_ingest_of_a_run_that_cannot_start(world: World) -> Act:
    _synced(world, command="dbt run --select noimage")
    world.minute()
    world.advance(minutes=2)
    return world.ingest


@scenario
def an_ingest_of_a_run_that_is_tried_again(world: World) -> Act:
    _failing(world)
    return world.ingest


@scenario
def an_ingest_that_launches_an_attempt(world: World) -> Act:
    _failing(world)
    world.ingest()
    world.advance(minutes=1)
    return world.ingest


@scenario
def an_ingest_of_an_attempt_whose_job_is_disabled_meanwhile(world: World) -> Act:
    job = _failing(world, enabled=True)
    world.ingest()
    world.call("PUT", f"/{job}", {"enabled": False})
    world.advance(minutes=1)
    return world.ingest


@scenario
def a_cancel_of_an_attempt_that_waits(world: World) -> Act:
    job = _failing(world)
    world.ingest()
    [attempt] = [run.id for run in world.runs(job) if run.attempt]
    return lambda: world.cancel(attempt)


@scenario
def a_retry(world: World) -> Act:
    run = _ended(world)
    return lambda: world.retry(run)


@scenario
def a_retry_with_a_key(world: World) -> Act:
    run = _ended(world)
    return lambda: world.retry(run, key="once")


@scenario
def a_pause(world: World) -> Act:
    job = _synced(world)
    until = (world.now() + timedelta(minutes=10)).isoformat()
    return lambda: world.call("PUT", f"/{job}", {"paused_until": until, "pause_reason": "the warehouse moves"})


@scenario
def a_tick_at_which_a_pause_ends(world: World) -> Act:
    job = _synced(world)
    until = (world.now() + timedelta(seconds=150)).isoformat()
    world.call("PUT", f"/{job}", {"paused_until": until})
    world.tick()
    world.advance(minutes=3)
    return world.tick


@scenario
def an_ingest_that_launches(world: World) -> Act:
    job = world.create(enabled=False)
    _cut_off(world)
    world.trigger(job)
    _reconnect(world)
    return world.ingest


@scenario
def an_ingest_of_runs_whose_jobs_are_gone(world: World) -> Act:
    _synced(world, command="dbt run --select hang")
    world.minute()
    _lose_jobs(world)
    world.operate(suspended=True)
    world.sync()
    world.advance(minutes=4)
    return world.ingest


@scenario
def an_ingest_that_finds_slots_missed(world: World) -> Act:
    _synced(world)
    # The controller is down and no pass runs while slots, and the starting deadlines of the first two, pass.
    world.clock.set(world.now() + timedelta(minutes=4))
    return world.ingest


@scenario
def an_ingest_of_what_a_deleted_job_left_open(world: World) -> Act:
    job = _synced(world)
    world.clock.set(world.now() + timedelta(minutes=3))
    world.call("DELETE", f"/{job}")
    world.sync()
    world.clock.set(world.now() + timedelta(minutes=5))
    return world.ingest


@scenario
def an_ingest_without_a_cluster(world: World) -> Act:
    job = world.create(enabled=False)
    _cut_off(world)
    world.trigger(job)
    world.clock.set(world.now() + timedelta(hours=1))

    def act() -> None:
        world.ingest()
        _reconnect(world)

    return act


@scenario
def an_ingest_that_finds_runs_late_and_long(world: World) -> Act:
    _synced(world, command="dbt run --select hang", **EXPECTS, schedule="2 12 * * *")
    world.advance(minutes=2)
    world.ingest()
    world.clock.set(world.now() + timedelta(minutes=3))
    return world.ingest


@scenario
def an_ingest_that_sees_an_end_that_came_too_late(world: World) -> Act:
    _synced(world, command="dbt run --select slow", **EXPECTS, schedule="2 12 * * *")
    world.advance(minutes=2)
    world.ingest()
    world.advance(minutes=4)
    return world.ingest


@scenario
def an_ingest_without_a_cluster_that_finds_a_run_and_a_slot_late(world: World) -> Act:
    _synced(world, "going", "dbt run --select hang", **EXPECTS, schedule="1 12 * * *")
    _synced(world, "later", **EXPECTS, schedule="3 12 * * *")
    world.advance(minutes=1)
    world.ingest()
    _cut_off(world)
    world.ingest()
    world.clock.set(world.now() + timedelta(minutes=4))

    def act() -> None:
        try:
            world.ingest()
        finally:
            _reconnect(world)

    return act


@scenario
def notifications_of_a_slot_that_is_late(world: World) -> Act:
    world.operate(starting_deadline_seconds=3600)
    _synced(world, **EXPECTS, schedule="2 12 * * *")
    world.clock.set(world.now() + timedelta(minutes=5))
    world.ingest()
    return world.notify


@scenario
def a_notification(world: World) -> Act:
    _synced(world, **HOOK)
    world.advance(minutes=1)
    world.ingest()
    return world.notify


@scenario
def a_notification_in_slack_of_a_success(world: World) -> Act:
    _synced(world, **SLACK)
    world.advance(minutes=1)
    world.ingest()
    return world.notify


@scenario
def notifications_in_slack_of_jobs_that_fail(world: World) -> Act:
    for name in ("one", "two"):
        _synced(world, name, "dbt run --select fail", **SLACK)
    world.advance(minutes=1)
    world.ingest()

    def act() -> None:
        world.notify()
        # The first message waits for other failures with the same cause.
        world.clock.set(world.now() + timedelta(seconds=6))
        world.notify()

    return act


@scenario
def a_notification_whose_receiver_is_down(world: World) -> Act:
    _synced(world, **HOOK)
    world.advance(minutes=1)
    world.ingest()
    world.down = True

    def act() -> None:
        try:
            world.notify()
        finally:
            world.down = False

    return act


@scenario
def a_whole_tick(world: World) -> Act:
    _synced(world, "old")
    world.trigger(world.create("new"))
    world.advance(minutes=1)
    return world.tick


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_function_may_die_after_any_of_its_writes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for writes in range(1, FAR):
        with monkeypatch.context() as patches:
            if not _survives(SCENARIOS[name], writes, patches):
                assert writes > 1, "nothing was written, so nothing was tried"
                figures.proved["crash points walked"] += writes - 1
                return
    pytest.fail(f"still writing after {FAR} writes")


def _survives(prepare: Scenario, writes: int, patches: pytest.MonkeyPatch) -> bool:
    """Kill one function after so many writes, and audit; False where it got to its end before."""
    world = World(patches)
    act = prepare(world)
    killer = Killer(patches, world.cluster)
    with killer.after(writes):
        act()
    killed = killer.killed_it
    killer.leave()
    world.forget()
    for _ in range(2):
        world.minute()
    findings = world.audit().findings()
    assert findings == [], f"after write {writes} of {killer.made}: {findings}"
    world.cluster.close()
    return killed


def _hanging(world: World, **more: Any) -> str:
    """Start a run that does not end by itself; return its id."""
    run = world.trigger(world.create(command="dbt run --select hang", enabled=False, **more))
    world.minute()
    return run


def _failing(world: World, *, enabled: bool = False) -> str:
    """Let a run of a new job fail that is to be tried again; return the job's id."""
    retries = {"retries": 1, "retry_delay_seconds": 5}
    if enabled:
        job = _synced(world, "fails", "dbt run --select fail", **HOOK, **retries)
        world.advance(minutes=1)
        return job
    job = world.create("fails", "dbt run --select fail", enabled=False, **HOOK, **retries)
    world.trigger(job)
    world.advance(seconds=40)
    return job


def _ended(world: World) -> str:
    """Return the id of a run that has ended."""
    run = world.trigger(world.create(command="dbt run --select fail", enabled=False))
    world.minute()
    return run


def _seeded(world: World, name: str = "seed") -> str:
    """Start a run of a new job, and let its command end; return the job's id."""
    job = world.create(name, enabled=False)
    world.trigger(job)
    world.cluster.run_until_idle()
    return job


def _suspended(world: World) -> str:
    """Start a run, and suspend its Job while it runs."""
    run = _hanging(world)
    for stored in list(world.cluster.storage.view("jobs")):
        world.cluster.storage.replace("jobs", {**stored.object, "spec": {**stored.object["spec"], "suspend": True}})
    world.cluster.run_until_idle()
    return run


def _synced(world: World, name: str = "often", command: str = "dbt build", **more: Any) -> str:
    job = world.create(name, command, **more)
    world.sync()
    # Every slot from here on is one of this CronJob's.
    world.advance(seconds=slots.ARRIVES_WITHIN.seconds + 1)
    return job


def _ingest_after_which_jobs_are_gone(world: World) -> Act:
    def act() -> None:
        try:
            world.ingest()
        finally:
            _lose_jobs(world)

    return act


def _lose_jobs(world: World) -> None:
    """Delete all Jobs by hand."""
    for stored in list(world.cluster.storage.view("jobs")):
        world.cluster.storage.delete("jobs", stored.namespace, stored.name, "Background")


def _cut_off(world: World) -> None:
    def refuse(_: Request, __: Ask) -> Answer:
        raise NewConnectionError(HTTPConnection("still"), "Connection refused")

    world.cluster.wrap = refuse


def _reconnect(world: World) -> None:
    world.cluster.wrap = lambda request, ask: ask(request)
