"""When the runs of a job have ended, the jobs that run after it run once all that they wait for have ended so."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.ingest import following
from jobs_api.model.actor import Actor
from jobs_api.model.audit import WrittenBy
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.model.slots import miss_id
from jobs_api.store import followers
from jobs_api.store.run_rows import RunRow
from jobs_api.trigger.request import manual_run
from tests.functions.people import NOON, Person, new_organization, new_project

BY = WrittenBy(actor=Actor(token_id="token"), at=NOON, request_id="request")


@dataclass
class Chains:
    """A project with jobs, and runs of them that end; each step takes a minute."""

    project: Project
    minutes: "count[int]" = field(default_factory=lambda: count(1))
    now: datetime = NOON

    def job(self, name: str, *after: Job, on: Sequence[str] = ("success",), **values: Any) -> Job:
        """Create a job that runs after others."""
        started = {"run_after": [{"job_id": one.id, "on": list(on)} for one in after]}
        document = {"name": name, "command": "dbt build", **(started if after else {"schedule": "@daily"}), **values}
        answer = self.alice.call("POST", f"/api/v1/projects/{self.project.id}/jobs", document, at=self.now)
        assert answer.status == 201, answer.text
        return self.read(answer.json["id"])

    def put(self, job: Job, **values: Any) -> None:
        path = f"/api/v1/projects/{self.project.id}/jobs/{job.id}"
        assert self.alice.call("PUT", path, values, at=self.now).status == 200

    def delete(self, job: Job) -> None:
        assert self.alice.call("DELETE", f"/api/v1/projects/{self.project.id}/jobs/{job.id}", at=self.now).status == 200

    @property
    def alice(self) -> Person:
        return Person(self.project.organization_id)

    def read(self, job_id: str) -> Job:
        return store.get_job(self.project.organization_id, self.project.id, job_id)[1]

    def started(self, job: Job) -> Run:
        """Write an open run of a job, as a trigger does."""
        self.now = NOON + timedelta(minutes=next(self.minutes))
        by = BY.model_copy(update={"at": self.now})
        run = manual_run(new_id("run_"), "dbt build", self.read(job.id), self.project, None, by)
        run = run.model_copy(update={"launch": None, "status": RunStatus.RUNNING})
        assert store.create_run(run)
        return run

    def ended(self, run: Run, status: RunStatus = RunStatus.SUCCESS) -> Run:
        """Write the end of a run as a pass does, without anything that follows."""
        self.now = NOON + timedelta(minutes=next(self.minutes))
        end = {"status": status, "end_time": self.now.replace(microsecond=0), "updated_at": self.now}
        after = followers.with_followers(run.model_copy(update=end))
        assert store.advance_run(run, after)
        return after

    def follow(self) -> list[Run]:
        """Count the ends that are not counted, as the next pass does; return the runs that this starts."""
        return [
            started
            for run in store.unfinished_runs(self.project.organization_id)
            if run.status.ended
            for started in following.count_end(run, self.now)
        ]

    def ends(self, job: Job, status: RunStatus = RunStatus.SUCCESS) -> Run:
        """Let a run of a job end, and count that."""
        run = self.ended(self.started(job), status)
        self.follow()
        return run

    def chained(self, job: Job) -> list[Run]:
        """Return the runs of a job that its predecessors started, newest first."""
        chained = store.RunFilter(job_id=job.id, triggered_by=TriggeredBy.CHAINED)
        found, _ = store.list_runs(self.project.organization_id, self.project.id, chained, limit=100, before=None)
        return found

    def shown(self, run: Run) -> dict[str, Any]:
        answer: dict[str, Any] = self.alice.call("GET", f"/api/v1/runs/{run.id}", at=self.now).json
        return answer


@pytest.fixture
def world() -> Chains:
    return Chains(new_project(new_organization("chains").id, "jaffle", ProjectType.DBT))


def test_a_job_runs_when_the_one_before_it_has_succeeded(world: Chains) -> None:
    seed = world.job("seed")
    build = world.job("build", seed)

    caused_by = world.ends(seed)

    (run,) = world.chained(build)
    assert (run.status, run.caused_by, run.created_at) == (RunStatus.PENDING, caused_by.id, world.now)
    assert run.launch
    shown = world.shown(run)
    assert (shown["triggered_by"], shown["caused_by"]) == ("chained", caused_by.id)
    assert "followers_left" not in shown
    assert world.follow() == []
    assert [one.id for one in store.unfinished_runs(world.project.organization_id)] == [run.id]


def test_a_chain_continues_from_job_to_job(world: Chains) -> None:
    seed = world.job("seed")
    build = world.job("build", seed)
    docs = world.job("docs", build)
    world.ends(seed)
    assert world.chained(docs) == []

    (run,) = world.chained(build)
    world.ended(run)
    world.follow()

    assert [one.caused_by for one in world.chained(docs)] == [run.id]


@pytest.mark.parametrize(
    ("on", "starts"),
    [
        (["success"], {"success"}),
        (["failed"], {"failed"}),
        (["error"], {"error"}),
        (["failed", "error"], {"failed", "error"}),
        (["success", "failed", "error"], {"success", "failed", "error"}),
    ],
)
def test_only_the_ends_that_are_asked_for_count_and_a_cancelled_run_never_does(
    world: Chains, on: list[str], starts: set[str]
) -> None:
    seed = world.job("seed")
    after = world.job("after", seed, on=on)

    causes = {world.ends(seed, status).id: status for status in (*RunStatus,) if status.ended}

    assert {causes[run.caused_by or ""] for run in world.chained(after)} == starts


def test_a_missed_slot_starts_no_follower(world: Chains) -> None:
    seed = world.job("seed")
    after = world.job("after", seed, on=["error"])
    run = world.started(seed)
    miss = {"id": miss_id(seed.id, NOON), "scheduled_for": NOON, "status": RunStatus.ERROR}

    assert store.create_run(followers.with_followers(run.model_copy(update=miss)))
    world.follow()

    assert world.chained(after) == []


def test_a_run_that_is_first_seen_when_it_has_ended_is_an_end(world: Chains) -> None:
    seed = world.job("seed")
    after = world.job("after", seed)
    run = world.started(seed).model_copy(update={"id": "run_seen_late", "status": RunStatus.SUCCESS})

    assert store.create_run(followers.with_followers(run))
    world.follow()

    assert [one.caused_by for one in world.chained(after)] == ["run_seen_late"]


def test_a_job_runs_when_all_that_it_waits_for_have_ended_and_again_only_when_all_have_again(world: Chains) -> None:
    orders, payments = world.job("orders"), world.job("payments")
    build = world.job("build", orders, payments)

    world.ends(orders)
    world.ends(orders)
    assert world.chained(build) == []
    completing = world.ends(payments)
    assert [run.caused_by for run in world.chained(build)] == [completing.id]
    world.ends(payments)
    assert len(world.chained(build)) == 1
    completing = world.ends(orders)
    assert world.chained(build)[0].caused_by == completing.id
    assert len(world.chained(build)) == 2


def test_an_end_from_before_the_job_s_last_run_does_not_count(world: Chains) -> None:
    orders, payments = world.job("orders"), world.job("payments")
    build = world.job("build", orders, payments)
    world.ends(orders)
    world.started(build)

    world.ends(payments)
    assert world.chained(build) == []

    assert world.ends(orders).id == world.chained(build)[0].caused_by


def test_an_end_of_another_status_does_not_undo_one_that_counted(world: Chains) -> None:
    orders, payments = world.job("orders"), world.job("payments")
    build = world.job("build", orders, payments)
    world.ends(orders)
    world.ends(orders, RunStatus.FAILED)

    assert world.ends(payments).id == world.chained(build)[0].caused_by


def test_a_triggered_run_during_its_predecessors_run_does_not_keep_it_from_running(world: Chains) -> None:
    seed = world.job("seed")
    build = world.job("build", seed)
    run = world.started(seed)
    world.started(build)

    world.ended(run)
    world.follow()

    assert len(world.chained(build)) == 1


def test_an_end_from_before_a_job_was_created_does_not_start_it(world: Chains) -> None:
    seed, other = world.job("seed"), world.job("other")
    world.job("first", seed)
    run = world.ended(world.started(seed))
    world.now += timedelta(minutes=1)
    later = world.job("later", other)
    world.put(later, run_after=[{"job_id": seed.id}])
    RunRow(run.id).update(actions=[RunRow.followers_left.add({later.id})])

    world.follow()

    assert world.chained(later) == []


def test_a_job_that_ceases_to_run_after_another_is_not_started_by_a_run_that_ended_before(world: Chains) -> None:
    seed = world.job("seed")
    build = world.job("build", seed)
    world.ended(world.started(seed))
    world.put(build, run_after=[], schedule="@daily")

    world.follow()

    assert world.chained(build) == []
    assert world.ended(world.started(seed)).followers_left == []


def test_one_run_starts_all_that_run_after_it(world: Chains) -> None:
    seed = world.job("seed")
    after = [world.job(f"after {n}", seed) for n in range(4)]

    run = world.ends(seed)

    assert [world.chained(one)[0].caused_by for one in after] == [run.id] * 4
    assert len({world.chained(one)[0].id for one in after}) == 4


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (lambda world, job: world.put(job, enabled=False), "disabled"),
        (lambda world, _: _operate(world, deployed=False), "not_deployed"),
        (lambda world, _: _operate(world, suspended=True), "suspended"),
        (lambda world, job: world.put(job, paused_until="2026-04-28T13:00:00Z"), "paused"),
        (lambda world, _: _operate(world, paused_until=NOON + timedelta(hours=1)), "paused"),
        (lambda world, job: world.delete(job), "deleted"),
    ],
)
def test_a_follower_that_is_disabled_is_skipped_and_the_run_says_so(
    world: Chains, kept: Callable[[Chains, Job], None], reason: str
) -> None:
    seed = world.job("seed")
    build = world.job("build", seed)
    run = world.started(seed)
    kept(world, build)

    ended = world.ended(run)
    world.follow()

    shown = world.shown(ended)
    assert shown["skipped"] == [{"job_id": build.id, "reason": reason}]
    assert world.chained(build) == []
    assert list(store.unfinished_runs(world.project.organization_id)) == []


def _operate(world: Chains, **values: Any) -> None:
    changed = world.project.settings.model_copy(update=values)
    store.update_project(world.project.changed(changed, world.now), world.project.version)


def test_a_skipped_run_is_not_started_later(world: Chains) -> None:
    orders, payments = world.job("orders"), world.job("payments")
    build = world.job("build", orders, payments)
    world.put(build, enabled=False)
    world.ends(orders)
    completing = world.ends(payments)
    assert world.shown(completing)["skipped"]
    world.put(build, enabled=True)

    assert "skipped" not in world.shown(world.ends(orders))
    assert world.chained(build) == []
    world.ends(payments)
    assert len(world.chained(build)) == 1


def test_the_predecessors_of_a_deleted_job_report_it_once_as_skipped(world: Chains) -> None:
    orders, payments = world.job("orders"), world.job("payments")
    build = world.job("build", orders, payments)
    world.ends(orders)
    world.delete(build)

    assert world.shown(world.ends(payments))["skipped"] == [{"job_id": build.id, "reason": "deleted"}]
    for job in (orders, payments, orders, payments):
        assert "skipped" not in world.shown(world.ends(job))
    for job in (orders, payments):
        assert world.read(job.id).followers == frozenset()
        world.delete(job)


def test_a_predecessor_can_be_deleted_once_its_follower_is_gone_though_no_run_said_so(world: Chains) -> None:
    seed = world.job("seed")
    world.delete(world.job("build", seed))

    world.delete(seed)


def test_one_run_reports_several_followers_that_did_not_run(world: Chains) -> None:
    seed = world.job("seed")
    skipped = [world.job(f"after {n}", seed, enabled=False) for n in range(3)]

    run = world.ends(seed)

    assert sorted(one["job_id"] for one in world.shown(run)["skipped"]) == sorted(one.id for one in skipped)


def test_a_run_whose_end_was_counted_by_nobody_is_found_by_the_next_pass(world: Chains) -> None:
    seed = world.job("seed")
    build = world.job("build", seed)
    run = world.ended(world.started(seed))

    assert world.follow() == world.chained(build)
    assert store.get_run(run.organization_id, run.id).followers_left == []


def test_one_end_in_two_passes_starts_one_run(world: Chains) -> None:
    seed = world.job("seed")
    after = [world.job(f"after {n}", seed) for n in range(3)]
    run = world.ended(world.started(seed))

    with ThreadPoolExecutor(4) as pool:
        passes = list(pool.map(lambda _: following.count_end(run, world.now), range(4)))
    world.follow()

    assert [len(world.chained(one)) for one in after] == [1, 1, 1]
    assert sum(map(len, passes)) == 3
    assert [run for run in store.unfinished_runs(run.organization_id) if run.status.ended] == []


def test_two_predecessors_that_end_at_once_in_two_passes_start_one_run(world: Chains) -> None:
    jobs = [world.job(f"before {n}") for n in range(4)]
    build = world.job("build", *jobs)
    for _ in range(3):
        ended = [world.ended(world.started(job)) for job in jobs]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda run: following.count_end(run, world.now), ended))

    assert len(world.chained(build)) == 3


def test_a_follower_that_fails_keeps_no_other_waiting_and_is_tried_again(
    world: Chains, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = world.job("seed")
    jobs = sorted((world.job(name, seed) for name in ("one", "two", "three")), key=lambda job: job.id)
    bad, good, worse = jobs
    find = followers.find_follower

    def find_one(run: Run, job_id: str) -> followers.Follower | None:
        if job_id != good.id:
            raise RuntimeError("out of reach")
        return find(run, job_id)

    run = world.ended(world.started(seed))
    with monkeypatch.context() as patch:
        patch.setattr(followers, "find_follower", find_one)
        with pytest.raises(ExceptionGroup) as failed:
            following.count_end(run, world.now)
    assert [error.__notes__ for error in failed.value.exceptions] == [
        [f"The follower is job {job.id}"] for job in (bad, worse)
    ]
    assert [len(world.chained(job)) for job in jobs] == [0, 1, 0]

    world.follow()

    assert [len(world.chained(job)) for job in jobs] == [1, 1, 1]


def test_a_follower_s_run_that_is_there_already_is_not_made_twice(world: Chains) -> None:
    seed = world.job("seed")
    build = world.job("build", seed)
    run = world.ended(world.started(seed))
    row = RunRow.get(run.id)
    (made,) = following.count_end(run, world.now)

    row.save()  # the backups of the two tables are from different times
    following.count_end(run, world.now)

    assert [one.id for one in world.chained(build)] == [made.id]
    assert store.get_run(run.organization_id, run.id).followers_left == []


def test_the_end_of_a_run_that_nobody_follows_costs_one_read_more(
    world: Chains, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = world.job("seed")
    run = world.started(seed)
    monkeypatch.setattr(following, "count_end", lambda *_: pytest.fail("there is nothing to count"))

    assert world.ended(run).followers_left == []
    assert list(store.unfinished_runs(run.organization_id)) == []
