"""A run that is stuck or lost ends, with the reason and within the time that docs/reliability.md states for it."""

from datetime import timedelta

import pytest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from jobs_api.ingest import giving_up
from jobs_api.k8s import pod_template
from jobs_api.model.run import Run, RunStatus
from jobs_api.trigger import waiting
from tests.reliability.fake_cluster import Answer, Ask, Request
from tests.reliability.faults import timed_out
from tests.reliability.world import HOOK, World

HANG = "dbt run --select hang"
DEADLINE = timedelta(minutes=20)
# The pod's own deadline, and what a pod without a node has beyond it.
JOBS_DEADLINE = DEADLINE + timedelta(seconds=pod_template.UNSCHEDULED_SECONDS)


@pytest.fixture
def job(world: World) -> str:
    """A job that nobody's schedule starts, whose command never ends by itself."""
    world.operate(active_deadline_seconds=int(DEADLINE.total_seconds()))
    return world.create("stuck", HANG, enabled=False, **HOOK)


@pytest.fixture
def run(world: World, job: str) -> str:
    """The id of the job's run, which is open."""
    run_id = world.trigger(job)
    world.tick()
    assert state(world) is RunStatus.RUNNING
    return run_id


def only_run(world: World) -> Run:
    (found,) = world.runs()
    return found


def state(world: World) -> RunStatus:
    return only_run(world).status


def lose(world: World, resource: str) -> None:
    for stored in list(world.cluster.storage.view(resource)):
        world.cluster.storage.delete(resource, stored.namespace, stored.name, "Background")
    world.cluster.run_until_idle()


def cut_off(world: World) -> None:
    def refuse(_: Request, __: Ask) -> Answer:
        raise NewConnectionError(HTTPConnection("still"), "Connection refused")

    world.cluster.wrap = refuse


def reconnect(world: World) -> None:
    world.cluster.wrap = lambda request, ask: ask(request)


def ended_for(world: World, reason: str) -> Run:
    """Return the run, which is an error for this reason that its owner has been told of."""
    ended = only_run(world)
    assert ended.status is RunStatus.ERROR
    assert reason in (ended.error_message or ""), ended.error_message
    assert len(set(world.inbox)) == 1
    return ended


@pytest.mark.usefixtures("run")
def test_a_run_whose_job_vanished_ends_two_minutes_later(world: World) -> None:
    lose(world, "jobs")

    world.minute()
    assert state(world) is RunStatus.RUNNING
    world.minute()

    ended_for(world, "disappeared before the service saw how it ended")


@pytest.mark.usefixtures("run")
def test_a_run_whose_pod_vanished_ends_with_the_next_tick(world: World) -> None:
    lose(world, "pods")

    world.minute()

    ended_for(world, "The pod was gone before the service saw how dbt ended")


def test_a_run_whose_image_never_comes_ends_a_minute_after_a_node_took_it(world: World) -> None:
    job = world.create("stuck", "dbt run --select noimage", enabled=False, **HOOK)
    world.trigger(job)
    world.tick()
    assert state(world) is RunStatus.PENDING

    world.minute()

    ended_for(world, "could not be pulled (ErrImagePull: not found)")
    # It does not start later either, when the image becomes available.
    world.minute()
    (stored,) = world.cluster.storage.view("jobs")
    assert [one["type"] for one in stored.object["status"]["conditions"]][-1] == "Failed"


def quota(world: World, **hard: str) -> None:
    spec = {"hard": {name.replace("__", "/").replace("_", "."): amount for name, amount in hard.items()}}
    metadata = {"name": "jobs", "namespace": world.organization.namespace}
    world.cluster.storage.create("resourcequotas", {"metadata": metadata, "spec": spec})


def test_a_run_whose_pod_a_quota_refuses_ends_five_minutes_later_in_the_clusters_words(world: World, job: str) -> None:
    quota(world, pods="0")
    world.trigger(job)
    world.tick()
    for _ in range(4):
        world.minute()
    assert state(world) is RunStatus.PENDING

    world.minute()

    run = ended_for(world, "exceeded quota: jobs, requested: pods=1, used: pods=0, limited: pods=0")
    assert "deadline" not in (run.error_message or "")
    assert run.log is None


def test_a_run_that_waited_for_a_quota_runs_once_there_is_room(world: World, job: str) -> None:
    quota(world, pods="0")
    world.trigger(job)
    world.tick()
    world.minute()
    world.cluster.storage.delete("resourcequotas", world.organization.namespace, "jobs")

    for _ in range(3):
        world.minute()

    assert state(world) is RunStatus.RUNNING


def test_a_slot_whose_job_a_quota_refuses_is_missed_in_the_clusters_words(world: World) -> None:
    world.operate(starting_deadline_seconds=60)
    quota(world, count__jobs_batch="0")
    world.create("often", "dbt build", schedule="*/30 * * * *", **HOOK)
    world.tick()

    for _ in range(40):
        world.minute()

    missed = world.runs()[-1]
    assert "the cluster did not let the CronJob make its Job (Error creating job: jobs.batch" in (
        missed.error_message or ""
    )
    assert "exceeded quota: jobs, requested: count/jobs.batch=1" in (missed.error_message or "")


@pytest.mark.usefixtures("run")
def test_a_run_at_its_jobs_deadline_ends_with_the_next_tick(world: World) -> None:
    world.advance(seconds=JOBS_DEADLINE.total_seconds())

    world.tick()

    ended_for(world, "stopped at its deadline")


@pytest.mark.usefixtures("run")
def test_a_run_that_its_deadline_does_not_end_ends_ten_minutes_after_it(world: World) -> None:
    # Its node is lost, and nobody confirms that the pod is gone; only the clock moves.
    world.clock.set(world.now() + JOBS_DEADLINE + giving_up.OVERDUE_AFTER - timedelta(minutes=2))
    world.ingest()
    assert state(world) is RunStatus.RUNNING

    world.clock.set(world.now() + timedelta(minutes=2))
    world.ingest()
    world.notify()

    ended_for(world, "its node may be lost, or the Job suspended")


def test_a_run_whose_job_somebody_suspended_ends_ten_minutes_after_its_deadline(world: World, job: str) -> None:
    world.operate(active_deadline_seconds=int(DEADLINE.total_seconds()))
    world.trigger(job)
    (stored,) = world.cluster.storage.view("jobs")
    suspended = {**stored.object, "spec": {**stored.object["spec"], "suspend": True}}
    world.cluster.storage.replace("jobs", suspended)
    world.tick()
    assert state(world) is RunStatus.PENDING

    world.advance(seconds=(JOBS_DEADLINE + giving_up.OVERDUE_AFTER).total_seconds())
    world.tick()

    ended_for(world, "the Job suspended")


def test_a_trigger_that_no_cluster_takes_ends_after_an_hour_and_is_not_launched_later(world: World, job: str) -> None:
    cut_off(world)
    world.trigger(job)
    world.clock.set(world.now() + timedelta(minutes=59))
    world.tick()
    assert state(world) is RunStatus.PENDING

    world.minute()
    ended_for(world, "did not take the run for an hour")

    reconnect(world)
    for _ in range(3):
        world.minute()
    assert not list(world.cluster.storage.view("jobs"))


def test_a_job_whose_creation_timed_out_is_stopped_if_its_run_has_ended(world: World, job: str) -> None:
    world.cluster.wrap = timed_out
    world.trigger(job)
    cut_off(world)
    world.clock.set(world.now() + timedelta(hours=1))
    world.tick()
    ended_for(world, "did not take the run for an hour")

    reconnect(world)
    world.minute()
    world.minute()

    (stored,) = world.cluster.storage.view("jobs")
    assert [one["type"] for one in stored.object["status"]["conditions"]][-1] == "Failed"
    ended_for(world, "did not take the run for an hour")


@pytest.mark.usefixtures("run")
def test_a_run_whose_cluster_stays_away_ends_an_hour_and_ten_minutes_after_its_jobs_deadline(world: World) -> None:
    cut_off(world)
    late = JOBS_DEADLINE + giving_up.OVERDUE_AFTER + waiting.LAUNCH_FOR
    world.clock.set(world.now() + late - timedelta(minutes=2))
    world.tick()
    assert state(world) is RunStatus.RUNNING

    world.clock.set(world.now() + timedelta(minutes=2))
    world.tick()

    ended = ended_for(world, "The cluster could not be reached until long after the run's deadline")
    assert ended.log is not None
