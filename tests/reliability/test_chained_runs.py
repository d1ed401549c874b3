"""Chains through whole passes: the cluster runs the commands, and each pass continues from the runs that have ended."""

from datetime import timedelta

from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from jobs_api.model.run import Run, RunStatus, TriggeredBy
from tests.reliability.fake_cluster import Answer, Ask, Request
from tests.reliability.world import World

FAILS = "dbt run --select fail"


def after(world: World, name: str, *jobs: str, command: str = "dbt build", on: tuple[str, ...] = ("success",)) -> str:
    return world.create(name, command, schedule=None, run_after=[{"job_id": job, "on": list(on)} for job in jobs])


def only(world: World, job: str) -> Run:
    (run,) = world.runs(job)
    return run


def settled(world: World) -> None:
    for _ in range(3):
        world.minute()
    assert world.audit().findings() == []


def test_a_chain_of_three_runs_by_itself_and_each_run_names_its_cause(world: World) -> None:
    seed = world.create("seed", enabled=False)
    build = after(world, "build", seed)
    docs = after(world, "docs", build)
    started = world.trigger(seed)
    settled(world)

    first, second, third = (only(world, job) for job in (seed, build, docs))
    assert [run.status for run in (first, second, third)] == [RunStatus.SUCCESS] * 3
    assert (first.id, second.caused_by, third.caused_by) == (started, first.id, second.id)
    assert {second.triggered_by, third.triggered_by} == {TriggeredBy.CHAINED}
    assert first.created_at < second.created_at < third.created_at
    assert second.log
    assert second.scheduled_for is None


def test_the_pass_that_sees_an_end_launches_what_runs_after_it(world: World) -> None:
    seed = world.create("seed", enabled=False)
    build = after(world, "build", seed)
    world.trigger(seed)
    world.cluster.run_until_idle()

    world.ingest()

    run = only(world, build)
    assert run.launch is None
    assert world.cluster.cluster.get_job(run.namespace, run.job_name)["metadata"]["labels"]


def test_a_run_that_is_tried_again_is_no_end_and_its_last_attempt_is(world: World) -> None:
    seed = world.create("seed", FAILS, enabled=False, retries=2, retry_delay_seconds=0)
    cleanup = after(world, "cleanup", seed, on=("failed",))
    world.trigger(seed)
    for _ in range(4):
        world.minute()
    settled(world)

    last = max(world.runs(seed), key=lambda run: run.attempt or 1)
    assert (len(world.runs(seed)), last.attempt) == (3, 3)
    assert only(world, cleanup).caused_by == last.id


def test_a_chained_run_is_tried_again_by_its_own_job_and_starts_what_runs_after_it_once(world: World) -> None:
    seed = world.create("seed", enabled=False)
    build = world.create("build", FAILS, schedule=None, run_after=[{"job_id": seed}], retries=1, retry_delay_seconds=0)
    report = after(world, "report", build, on=("success", "failed"))
    world.trigger(seed)
    for _ in range(3):
        world.minute()
    settled(world)

    attempts = sorted(world.runs(build), key=lambda run: run.attempt or 1)
    assert [run.triggered_by for run in attempts] == [TriggeredBy.CHAINED, TriggeredBy.RETRY]
    assert attempts[1].retry_of == attempts[0].id
    assert only(world, report).caused_by == attempts[1].id


def test_a_chained_run_that_is_cancelled_starts_nothing(world: World) -> None:
    seed = world.create("seed", enabled=False)
    build = after(world, "build", seed, command="dbt run --select hang")
    docs = after(world, "docs", build, on=("success", "failed", "error"))
    world.trigger(seed)
    world.minute()
    assert world.cancel(only(world, build).id).status == 202
    settled(world)

    assert only(world, build).status is RunStatus.CANCELLED
    assert world.runs(docs) == []


def test_an_end_of_a_run_whose_cluster_stays_away_starts_its_followers_once_it_is_back(world: World) -> None:
    seed = world.create("seed", enabled=False)
    report = after(world, "report", seed, on=("error",))
    world.cluster.wrap = _refuse
    world.trigger(seed)
    world.clock.set(world.now() + timedelta(hours=1, minutes=1))
    world.ingest()
    assert only(world, seed).status is RunStatus.ERROR
    assert world.runs(report) == []

    world.cluster.wrap = lambda request, ask: ask(request)
    settled(world)

    assert only(world, report).caused_by == only(world, seed).id


def _refuse(_: Request, __: Ask) -> Answer:
    raise NewConnectionError(HTTPConnection("still"), "Connection refused")


def test_each_scheduled_run_starts_one_of_each_job_that_waits_for_it_alone(world: World) -> None:
    seed = world.create("seed")
    after(world, "build", seed)
    world.sync()
    for _ in range(4):
        world.minute()
    world.call("PUT", f"/{seed}", {"enabled": False})
    world.sync()

    settled(world)
