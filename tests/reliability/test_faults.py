"""Stories with random faults of calls, clocks, pods and events; each has a seed.

FAULT_SEEDS=0-199 tells more of them than CI does, and FAULT_SEEDS=17 one of them again.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from jobs_api.cluster import lists
from jobs_api.k8s.observed import observe
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from tests.reliability import figures
from tests.reliability.audit import Audit, run_of
from tests.reliability.faults import KINDS, Faults
from tests.reliability.repeating import one_by_one, repeat
from tests.reliability.world import HOOK, SLACK, World

pytestmark = pytest.mark.slow

STEPS = 25
RETRIES: dict[str, Any] = {"retries": 2, "retry_delay_seconds": 20}
AFTER: dict[str, Any] = {"on": ["success", "failed", "error"]}
# A story begins at 12:00:30 and lasts for a quarter of an hour or so.
EXPECTS: tuple[Any, ...] = (None, {"max_minutes": 1}, {"finish_by": "12:05"}, {"finish_by": "12:10", "max_minutes": 1})
TOLD: dict[str, Any] = {**HOOK, "webhook_events": ["success", "failure", "late", "long"]}
COMMANDS = ("dbt build", "dbt run --select fail", "dbt run --select slow", "dbt run --select noimage")
AWS_FAILED = (BotoCoreError, ClientError, PynamoDBException)


def _seeds() -> range:
    first, _, last = os.environ.get("FAULT_SEEDS", "0-3").partition("-")
    return range(int(first), int(last or first) + 1)


class Story:
    """Random events in a world."""

    def __init__(self, world: World, random: Random) -> None:
        """Begin with two jobs, one of which has alerts."""
        self._world = world
        self._random = random
        two = world.create("two", "dbt run --select slow", retries=1, retry_delay_seconds=20, **SLACK)
        self._jobs = [world.create("one", expect=EXPECTS[-1], **TOLD), two]
        # The first two jobs are never deleted, so that other jobs can always run after them.
        world.create("after", "dbt run --select fail", schedule=None, run_after=[AFTER | {"job_id": two}], **RETRIES)
        self._made = 2
        self._triggered = self._retried = 0
        self.repeated: set[str] = set()
        self.continued: dict[str, str] = {}
        self.accepted: set[str] = set()
        self.cancels: set[str] = set()
        self.created = set(self._jobs)
        self.to_delete: set[str] = set()
        self.deleted: set[str] = set()
        world.tick()

    def step(self) -> None:
        """Let something happen."""
        happens: Callable[[], object] = self._random.choice(
            [
                *(self._create, self._change, self._rename, self._delete, self._trigger, self._trigger, self._pause),
                *(self._cancel, self._cancel, self._suspend_a_job_by_hand, self._retry, self._pause_a_job),
                *(
                    self._lose_a_pod,
                    self._evict_a_pod,
                    self._lose_a_job,
                    self._suspend_by_hand,
                    self._jump,
                    self._drift,
                    self._start_anew,
                ),
                *(self._late_event, self._late_event, *[self._minute] * 6),
            ]
        )
        happens()

    def _request(self, method: str, path: str, body: object = None, key: str | None = None) -> Any:
        """Send a request as a client that retries once; return None if both fail."""
        for _ in range(2):
            answer = self._world.call(method, path, body, key)
            assert answer.status in {200, 201, 202, 404, 409, 500, 503}, answer.text
            if answer.status < 300:
                return answer.json
        return None

    def _job(self) -> str:
        return self._random.choice(self._jobs)

    def _create(self) -> None:
        self._made += 1
        command, schedule = self._random.choice(COMMANDS), self._random.choice(["* * * * *", "*/2 * * * *"])
        tells = self._random.choice([{}, TOLD, SLACK])
        retried = self._random.choice([{}, RETRIES])
        document = {"name": f"job {self._made}", "command": command, "schedule": schedule, **tells, **retried}
        document["expect"] = self._random.choice(EXPECTS)
        if len(self._jobs) < 4 and (made := self._request("POST", "", document)):
            self._jobs.append(made["id"])
            self.created.add(made["id"])

    def _change(self) -> None:
        changes = {
            "schedule": self._random.choice(["* * * * *", "*/3 * * * *"]),
            "enabled": self._random.random() < 0.7,
            "expect": self._random.choice(EXPECTS),
        }
        self._request("PUT", f"/{self._job()}", changes)

    def _rename(self) -> None:
        self._made += 1
        self._request("PUT", f"/{self._job()}", {"name": f"job {self._made}"})

    def _delete(self) -> None:
        if len(self._jobs) > 2:
            job = self._jobs.pop()
            self.to_delete.add(job)
            if self._request("DELETE", f"/{job}"):
                self.deleted.add(job)

    def _trigger(self) -> None:
        self._triggered += 1
        body = self._random.choice([{}, {"on_overlap": "wait"}, {"on_overlap": "skip"}])
        if answer := self._request("POST", f"/{self._job()}/trigger", body, key=f"trigger-{self._triggered}"):
            self.accepted.add(answer["job_run_id"])

    def _pause_a_job(self) -> None:
        """Pause a job for some minutes; it resumes by itself."""
        until = self._world.now() + timedelta(seconds=self._random.randint(40, 300))
        self._request("PUT", f"/{self._job()}", {"paused_until": until.isoformat()})

    def _retry(self) -> None:
        """Run again what has ended; twice with one key where no answer comes."""
        with suppress(*AWS_FAILED):
            runs = sorted((run for run in self._world.runs() if run.status.ended), key=lambda run: run.created_at)
            if not runs:
                return
            self._retried += 1
            before = self._random.choice(runs)
            path = f"/api/v1/runs/{before.id}/retry"
            body = {"from": self._random.choice(["start", "failure"])}
            for _ in range(2):
                at, headers = self._world.now() + self._world.skew, {"Idempotency-Key": f"retry-{self._retried}"}
                answer = self._world.alice.call("POST", path, body, at=at, headers=headers)
                assert answer.status in {202, 404, 409, 500, 503}, answer.text
                if answer.status == 202:
                    self.repeated.add(str(answer.json["job_run_id"]))
                    if body["from"] == "failure":
                        self.continued[str(answer.json["job_run_id"])] = before.id
                if answer.status < 500:
                    return

    def _cancel(self) -> None:
        """Ask for a run to be cancelled, mostly an open one; twice where no answer comes."""
        with suppress(*AWS_FAILED):
            runs = sorted(self._world.runs(), key=lambda run: (run.status.ended, run.created_at))[:5]
            if not runs:
                return
            run = self._random.choice(runs)
            for _ in range(2):
                answer = self._world.cancel(run.id)
                assert answer.status in {202, 404, 409, 500, 503}, answer.text
                if answer.status == 202:
                    self.cancels.add(run.id)
                if answer.status < 500:
                    return

    def _suspend_a_job_by_hand(self) -> None:
        storage = self._world.cluster.storage
        going = [one for one in storage.view("jobs") if not observe(one.object).finished]
        for stored in sorted(going, key=lambda one: one.name)[:1]:
            storage.replace("jobs", {**stored.object, "spec": {**stored.object["spec"], "suspend": True}})
            self._world.cluster.run_until_idle()
            figures.proved["fault injected: Job suspended by hand"] += 1
            run_id = run_of(stored.object)
            # Only a cancel ends this run before its deadline; a run that no pass has recorded is not found.
            if self._world.cancel(run_id).status == 202:
                self.cancels.add(run_id)

    def broken_promises(self, audit: Audit) -> list[str]:
        """Return what clients were told that is not so."""
        jobs = {job.id for _, job in audit.jobs}
        manual = {run.id for run in audit.runs if run.triggered_by is TriggeredBy.MANUAL}
        retries = (run for run in audit.runs if run.triggered_by is TriggeredBy.RETRY)
        repeated = {run.id for run in retries if run.attempt is None}
        return [
            *(f"the run {run_id} was accepted and is not there" for run_id in self.accepted - manual),
            *(["more runs than triggers"] if len(manual) > self._triggered else []),
            *(f"the retry {run_id} was accepted and is not there" for run_id in self.repeated - repeated),
            *(["more runs than retries"] if len(repeated) > self._retried else []),
            *(
                f"the cancel of {run.id} was accepted, and it is {run.status}"
                for run in audit.runs
                if self._is_lost(run)
            ),
            *self._wrongly_continued({run.id: run for run in audit.runs}),
            *(f"{job} was created and is not there" for job in self.created - self.to_delete - jobs),
            *(f"{job} was deleted and is there" for job in self.deleted & jobs),
        ]

    def _wrongly_continued(self, runs: dict[str, Run]) -> Iterator[str]:
        """A run of dbt's retry gets the files of the run that it repeats, of that run's own pod, or none."""
        for run_id, got in self._world.uploads.continued.items():
            for before, pod_name in got:
                if run_id in self.continued and before != self.continued[run_id]:
                    yield f"{run_id} continued {before}, and not {self.continued[run_id]}"
                if runs[before].pod_name != pod_name:
                    yield f"{run_id} continued what {pod_name} of {before} stored, whose pod is {runs[before].pod_name}"

    def _is_lost(self, run: Run) -> bool:
        """Tell whether a cancel was accepted and the run neither was cancelled nor ended by itself."""
        own = {RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELLED}
        # Clocks differ by half a minute, so the cancel may have been requested before a run that already ended in an
        # error.
        before = run.end_time and run.cancel_requested_at and run.end_time < run.cancel_requested_at
        return run.id in self.cancels and run.status not in own and not before

    def _pause(self) -> None:
        with suppress(*AWS_FAILED):
            self._world.operate(suspended=not self._world.project.settings.suspended)

    def _lose_a_pod(self) -> None:
        self._lose("pods")

    def _evict_a_pod(self) -> None:
        """Evict a pod that runs, as a drained node does: another pod of its run takes its place."""
        # The slow job begins a run each minute, if nobody has stopped it.
        self._world.advance(minutes=1)
        pods = [stored.object for stored in self._world.cluster.storage.view("pods")]
        running = [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]
        if running:
            self._world.cluster.evict(self._random.choice(sorted(running, key=lambda pod: pod["metadata"]["name"])))
            figures.proved["fault injected: pod evicted"] += 1

    def _lose_a_job(self) -> None:
        self._lose("jobs")

    def _lose(self, resource: str) -> None:
        storage = self._world.cluster.storage
        if there := sorted(storage.view(resource), key=lambda stored: stored.name):
            stored = self._random.choice(there)
            storage.delete(resource, stored.namespace, stored.name, "Background")
            self._world.cluster.run_until_idle()
            figures.proved[f"fault injected: {resource} deleted"] += 1

    def _suspend_by_hand(self) -> None:
        storage = self._world.cluster.storage
        for stored in list(storage.view("cronjobs")):
            storage.replace("cronjobs", {**stored.object, "spec": {**stored.object["spec"], "suspend": True}})
            figures.proved["fault injected: CronJob suspended by hand"] += 1

    def _jump(self) -> None:
        """Move all clocks by minutes, in which nothing happens."""
        self._world.clock.set(self._world.now() + timedelta(seconds=self._random.randint(1, 400)))
        figures.proved["fault injected: clock jumped"] += 1

    def _drift(self) -> None:
        """Move the functions' clock before or after the cluster's."""
        self._world.skew = timedelta(seconds=self._random.randint(-30, 30))
        figures.proved["fault injected: clocks apart"] += 1

    def _start_anew(self) -> None:
        self._world.forget()

    def _late_event(self) -> None:
        """Send an event again, late or for a deleted object."""
        job = self._random.choice([*self._jobs, "job_gone"])
        happens: Callable[[], object] = self._random.choice(
            [
                lambda: self._world.sync(project_id=self._world.project.id, job_id=job),
                lambda: self._world.sync(project_id=self._world.project.id),
                self._world.ingest,
                self._world.tick,
            ]
        )
        happens()
        figures.proved["fault injected: event twice, late or out of order"] += 1

    def _minute(self) -> None:
        self._world.advance(seconds=self._random.randint(1, 90))
        self._world.tick()


@pytest.mark.parametrize("kind", KINDS)
def test_tables_and_cluster_agree_after_one_kind_of_fault(
    kind: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    world = World(monkeypatch, also=AWS_FAILED)
    request.addfinalizer(world.cluster.close)
    one_by_one(monkeypatch)
    job = world.create("one", "dbt run --select fail", **HOOK, **SLACK)
    for name in ("two", "three"):
        world.create(name)
    world.minute()
    faults = Faults(1, world.cluster, monkeypatch, share=0.5, only=kind)
    with faults.on():
        for _ in range(2):
            world.call("PUT", f"/{job}", {"name": f"renamed at {world.now():%M}"})
            world.call("POST", f"/{job}/trigger", {}, key=f"at-{world.now():%M}")
            world.minute()
    assert faults.happened, "nothing went wrong, so nothing was tried"

    world.forget()
    for _ in range(2):
        world.minute()

    assert world.audit(waits=True).findings() == []
    world.until_retries_are_sent()
    assert list(world.audit()._alerts()) == []
    for happened, count in faults.happened.items():
        figures.proved[f"fault injected: {happened}"] += count


@pytest.mark.parametrize("seed", _seeds())
def test_tables_and_cluster_agree_after_all_kinds_of_faults(
    seed: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    # Lists of a few objects have pages too.
    monkeypatch.setattr(lists, "PAGE", 2)
    drawn = repeat(seed, monkeypatch)
    world = World(monkeypatch, also=AWS_FAILED)
    request.addfinalizer(world.cluster.close)
    world.operate(artifacts=True)
    story = Story(world, drawn)
    faults = Faults(seed, world.cluster, monkeypatch)
    with faults.on():
        for _ in range(STEPS):
            story.step()

    world.skew = timedelta()
    world.operate(suspended=False)
    world.forget()
    for _ in range(2):
        world.minute()
    # Everything agrees now, except for what may take longer: a vanished Job, a starting deadline, the next attempt of a
    # delivery.
    assert world.audit(waits=True).findings() == []

    world.until_settled()
    audit = world.audit(waits=True)
    assert audit.findings() == []
    assert story.broken_promises(audit) == []
    world.until_retries_are_sent()
    assert list(world.audit()._alerts()) == []
    figures.proved["slots audited"] += audit.slots
    figures.proved["runs audited"] += len(audit.runs)
    figures.proved["attempts audited"] += sum(run.attempt is not None for run in audit.runs)
    figures.proved["chained runs audited"] += sum(run.triggered_by is TriggeredBy.CHAINED for run in audit.runs)
    figures.proved["retries by hand audited"] += len(story.repeated)
    figures.proved["runs audited that waited"] += sum(
        run.triggered_by is TriggeredBy.MANUAL and run.launch_after is not None for run in audit.runs
    )
    figures.proved["late or long runs audited"] += sum(bool(run.late_at or run.long_at) for run in audit.runs)
    figures.proved["cancels audited"] += len(story.cancels)
    figures.proved["runs with artifacts audited"] += audit.bundles
    figures.proved["retries from failure audited"] += len(story.continued.keys() & world.uploads.continued.keys())
    for kind, count in world.uploads.seen.items():
        figures.proved[f"artifacts: {kind}"] += count
    figures.proved["runs cancelled"] += sum(run.status is RunStatus.CANCELLED for run in audit.runs)
    figures.proved["logs audited"] += sum(run.log is not None for run in audit.runs)
    figures.proved["webhooks audited"] += len(set(world.inbox))
    figures.proved["messages audited"] += len(world.slack)
    for kind, count in faults.happened.items():
        figures.proved[f"fault injected: {kind}"] += count
