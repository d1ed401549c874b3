"""Any sequence of requests, operators' commands and ticks: API, tables and cluster stay what a simple model says.

CI goes the same way each time. STATE_MACHINE_EXAMPLES=500 goes others, for as long as it takes.
"""

import os
import sys
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from jobs_api.k8s import labels
from jobs_api.k8s.observed import observe
from jobs_api.model import slots
from jobs_api.model.run import FAILURES, Run
from tests.functions.people import Answer
from tests.reliability import figures
from tests.reliability.model import ENDS, EVERY, NAMES, PROJECTS, Job, Model
from tests.reliability.repeating import in_order, one_by_one
from tests.reliability.world import World

EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "0"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if EXAMPLES else 300)]
# How long until a slot is settled: the projects' starting deadline of a minute, the grace period, and a tick.
SETTLED_AFTER = timedelta(seconds=60) + slots.GRACE + timedelta(minutes=1)
# So that each world has at least one job.
BEGINNING = {"Nightly": ("dbt build", "*/5 * * * *"), "b": ("dbt run --select fail", "*/2 * * * *")}
MOSTLY = st.sampled_from([True, True, True, False])


class Machine(RuleBasedStateMachine):
    """A world beside its model."""

    ids = Bundle("jobs")
    gone = Bundle("deleted jobs")

    def __init__(self) -> None:
        """Begin with two projects and nothing in them."""
        super().__init__()
        self.patches = pytest.MonkeyPatch()
        one_by_one(self.patches)
        in_order(self.patches)
        self.world = World(self.patches)
        self.model = Model()
        self.projects = {"jaffle": self.world.project, "jaffle-a": self.world.new_project("jaffle-a")}
        # Pods of one of the two store artifacts, also late, or die before.
        self.world.operate(self.projects["jaffle"].id, artifacts=True)

    def teardown(self) -> None:
        """Let everything come to rest, and compare it all."""
        try:
            # Runs of killed requests are not compared, because the model does not know these.
            if sys.exception() is None:
                self.rest()
        finally:
            self.world.cluster.close()
            self.patches.undo()

    @initialize(target=ids)
    def begin(self) -> Any:
        """Begin with two jobs that have had runs; one of them also runs after the other, and fails."""
        made = [
            self.create("jaffle", name, command, every, enabled=True, retries=1, delay=30)
            for name, (command, every) in BEGINNING.items()
        ]
        self.follow(made[1], made[:1], "success")
        self.rest()
        return multiple(*made)

    # -- requests

    @rule(
        target=ids,
        project=st.sampled_from(PROJECTS),
        name=st.sampled_from(sorted(NAMES)),
        command=st.sampled_from(sorted(ENDS)),
        schedule=st.sampled_from(sorted(EVERY)),
        enabled=MOSTLY,
        retries=st.sampled_from([0, 0, 1, 2]),
        delay=st.sampled_from([0, 30, 90]),
    )
    def create(
        self,
        project: str,
        name: str,
        command: str,
        schedule: str,
        enabled: bool,  # noqa: FBT001 - drawn
        retries: int = 0,
        delay: int = 0,
    ) -> Any:
        document = {"name": name, "command": command, "schedule": schedule, "enabled": enabled}
        document |= {"retries": retries, "retry_delay_seconds": delay}
        taken = self.model.is_taken(project, name)
        answer = self._call("POST", project, "", document)
        assert answer.status == (409 if taken else 201), answer.text
        if taken:
            return multiple()
        job_id = str(answer.json["id"])
        self.model.jobs[job_id] = Job(project, name, command, schedule, enabled, retries=retries)
        self.model.refresh(self.world.now())
        return job_id

    @rule(job_id=ids, name=st.sampled_from(sorted(NAMES)))
    def rename(self, job_id: str, name: str) -> None:
        job = self.model.jobs[job_id]
        taken = self.model.is_taken(job.project, name, but_by=job_id)
        answer = self._call("PUT", job.project, f"/{job_id}", {"name": name})
        assert answer.status == (409 if taken else 200), answer.text
        if not taken:
            self.model.rename(job_id, name, self.world.now())

    @rule(job_id=ids, schedule=st.sampled_from(sorted(EVERY)), command=st.sampled_from(sorted(ENDS)))
    def update(self, job_id: str, schedule: str, command: str) -> None:
        job = self.model.jobs[job_id]
        self._ok("PUT", job.project, f"/{job_id}", {"schedule": schedule, "command": command})
        job.schedule, job.command = schedule, command
        self.model.refresh(self.world.now())

    @rule(job_id=ids, enabled=MOSTLY)
    def enable(self, job_id: str, enabled: bool) -> None:  # noqa: FBT001 - drawn
        job = self.model.jobs[job_id]
        self._ok("PUT", job.project, f"/{job_id}", {"enabled": enabled})
        job.enabled = enabled
        self.model.refresh(self.world.now())

    @rule(job_id=ids, others=st.lists(ids, max_size=2, unique=True), on=st.sampled_from(["success", "failed", "error"]))
    def follow(self, job_id: str, others: list[str], on: str) -> None:
        """Let a job run after others, besides its schedule."""
        job = self.model.jobs[job_id]
        allowed = self.model.may_follow(job_id, others)
        after = [{"job_id": one, "on": [on]} for one in others]
        answer = self._call("PUT", job.project, f"/{job_id}", {"run_after": after})
        assert answer.status == (200 if allowed else 422), answer.text
        if allowed:
            job.after = others
        figures.proved["chains of the state machine"] += allowed and bool(others)

    @rule(target=gone, job_id=consumes(ids))
    def delete(self, job_id: str) -> str:
        followers = [one for one, job in self.model.jobs.items() if job_id in job.after]
        if followers:
            assert self._call("DELETE", self.model.jobs[job_id].project, f"/{job_id}").status == 409
        for one in followers:
            self.follow(one, [], "success")
        self._ok("DELETE", self.model.jobs[job_id].project, f"/{job_id}")
        self.model.remove(job_id, self.world.now())
        return job_id

    @rule(job_id=ids, minutes=st.sampled_from([None, 1, 2, 3, 5, 8]), seconds=st.integers(0, 59))
    def pause(self, job_id: str, minutes: int | None, seconds: int) -> None:
        """Pause a job for some minutes, or end its pause."""
        now = self.world.now().replace(microsecond=0)
        until = now + timedelta(minutes=minutes, seconds=seconds) if minutes else None
        self._ok(
            "PUT", self.model.jobs[job_id].project, f"/{job_id}", {"paused_until": until.isoformat() if until else None}
        )
        self.model.pause(job_id, until, self.world.now())
        figures.proved["pauses of the state machine"] += until is not None

    @rule(
        job_id=ids, key=st.sampled_from([None, "once"]), overlap=st.sampled_from([None, None, "skip", "wait", "wait"])
    )
    def trigger(self, job_id: str, key: str | None, overlap: str | None) -> None:
        job = self.model.jobs[job_id]
        going = {run.id for run in self._runs_of(job_id) if not run.status.ended}
        # With another body, the same key would be another request.
        key = f"{key}-{overlap}" if key else None
        answer = self._call("POST", job.project, f"/{job_id}/trigger", {"on_overlap": overlap}, key=key)
        if answer.status != 202:
            assert answer.status == 409, answer.text
            deployed = self.model.projects[job.project].deployed
            assert answer.json["code"] == ("run_in_progress" if deployed else "project_not_deployed"), answer.text
            assert not deployed or (overlap == "skip" and (going or self._live_jobs_of(job_id))), answer.text
            figures.proved["triggers of the state machine that were skipped"] += deployed
            return
        # One key is one run, whatever became of job and project since.
        assert key or self.model.projects[job.project].deployed
        run_id = answer.json["job_run_id"]
        assert overlap != "skip" or run_id in self.model.manual or not going, f"{run_id} is not alone: {going}"
        figures.proved["triggers of the state machine that waited"] += overlap == "wait" and bool(going - {run_id})
        self.model.manual.setdefault(run_id, job.command)

    @rule(which=st.integers(0, 30))
    def retry(self, which: int) -> None:
        """Run one of the newest runs again."""
        runs = self._newest()
        if not runs:
            return
        run = runs[which % len(runs)]
        job = self.model.jobs.get(run.job_id)
        answer = self.world.alice.call("POST", f"/api/v1/runs/{run.id}/retry", {}, at=self.world.now())
        may = run.status.ended and job is not None and self.model.projects[job.project].deployed
        assert answer.status == (202 if may else 409), answer.text
        if may:
            assert answer.json["retry_of"] == run.id
            self.model.retried.add(answer.json["job_run_id"])
        figures.proved["retries by hand of the state machine"] += may

    @rule(which=st.integers(0, 30))
    def cancel(self, which: int) -> None:
        """Cancel one of the newest runs, scheduled or manual."""
        runs = self._newest()
        if not runs:
            return
        run = sorted(runs, key=lambda run: (run.status.ended, run.id))[which % len(runs)]
        answer = self.world.cancel(run.id)
        over = run.status.ended and run.status != "cancelled"
        assert answer.status == (409 if over else 202), answer.text
        if not over:
            self.model.cancelled.add(run.id)
        figures.proved["cancels of the state machine"] += 1

    @rule(job_id=gone, method=st.sampled_from(["GET", "PUT", "DELETE", "POST"]))
    def ask_for_what_is_gone(self, job_id: str, method: str) -> None:
        path = f"/{job_id}/trigger" if method == "POST" else f"/{job_id}"
        answer = self._call(method, self.model.ended[job_id].project, path, None if method in {"GET", "DELETE"} else {})
        assert answer.status == 404, answer.text

    # -- operators

    @rule(project=st.sampled_from(PROJECTS), deployed=MOSTLY)
    def deploy(self, project: str, deployed: bool) -> None:  # noqa: FBT001 - drawn
        self.world.operate(self.projects[project].id, deployed=deployed)
        self.model.projects[project].deployed = deployed
        self.model.refresh(self.world.now())

    @rule(project=st.sampled_from(PROJECTS), fires=MOSTLY)
    def suspend(self, project: str, fires: bool) -> None:  # noqa: FBT001 - drawn
        self.world.operate(self.projects[project].id, suspended=not fires)
        self.model.projects[project].suspended = not fires
        self.model.refresh(self.world.now())

    # -- time

    @rule(seconds=st.integers(1, 150))
    def pass_time(self, seconds: int) -> None:
        """Nobody looks for a while."""
        self.world.advance(seconds=seconds)

    @rule(pass_=st.sampled_from(["sync", "ingest", "tick", "forget"]))
    def look(self, pass_: str) -> None:
        """One of the functions runs, or starts in a new process."""
        getattr(self.world, pass_)()

    @rule()
    def ticks(self) -> None:
        """Two ticks later, everything agrees."""
        for _ in range(2):
            self.world.minute()
        audit = self.world.audit(waits=True)
        assert audit.findings() == []
        figures.proved["runs of the state machine with artifacts"] += audit.bundles
        assert list(audit.overlaps()) == []
        self._compare_cronjobs()
        self._compare_runs()

    @rule()
    def rest(self) -> None:
        """Nobody changes anything for a while, so that every slot until now is spoken about."""
        for _ in range(4):
            self.world.minute()
        self.ticks()
        figures.proved["slots of the model"] += sum(map(len, self._due().values()))

    # -- what is compared

    @invariant()
    def pauses_end(self) -> None:
        # Time has passed, and nobody has changed anything since.
        self.model.end_pauses(self.world.now())

    @invariant()
    def the_api_tells_of_the_jobs_that_there_are(self) -> None:
        for project in PROJECTS:
            wanted = {job_id: job for job_id, job in self.model.jobs.items() if job.project == project}
            listed = self._ok("GET", project, "")
            assert listed["total"] == len(wanted)
            told = {one["id"]: (one["name"], one["command"], one["schedule"], one["enabled"]) for one in listed["jobs"]}
            assert told == {
                job_id: (job.name, job.command, job.schedule, job.enabled) for job_id, job in wanted.items()
            }
        figures.proved["steps of the state machine"] += 1

    def _compare_cronjobs(self) -> None:
        self.model.end_pauses(self.world.now())
        pages = self.world.cluster.cluster.list_cronjobs(self.world.organization.id, labels.selector())
        live = {one["metadata"]["name"]: one["spec"] for page in pages for one in page}
        wanted = {
            job.cronjob: (job.schedule, self.model.every(job) is None)
            for job in self.model.jobs.values()
            if self.model.projects[job.project].deployed
        }
        assert {name: (spec["schedule"], spec.get("suspend", False)) for name, spec in live.items()} == wanted

    def _compare_runs(self) -> None:
        runs = {run.id: run for project in self.projects.values() for run in self.world.runs(project_id=project.id)}
        assert {run_id for run_id, run in runs.items() if run.triggered_by == "manual"} == self.model.manual.keys()
        repeated = {run_id for run_id, run in runs.items() if run.triggered_by == "retry" and run.attempt is None}
        assert repeated == self.model.retried
        for run_id, command in self.model.manual.items():
            ends = {ENDS[command], "cancelled"} if run_id in self.model.cancelled else {ENDS[command]}
            gave_up = (runs[run_id].error_message or "").startswith("It waited for")
            assert not runs[run_id].status.ended or gave_up or runs[run_id].status in ends, runs[run_id]
        for run in runs.values():
            assert run.status != "cancelled" or run.id in self.model.cancelled, run
            assert run.cancel_requested_at is None or run.id in self.model.cancelled, run
        for job_id, job in (self.model.jobs | self.model.ended).items():
            ours = [run for run in runs.values() if run.job_id == job_id and run.scheduled_for]
            counted = Counter(run.scheduled_for for run in ours)
            assert max(counted.values(), default=1) == 1, counted
            for run in ours:
                missed = run.job_uid is None and run.scheduled_for
                assert not missed or any(period.may_miss(missed) for period in job.periods), run
                # Until an edit reaches the cluster the previous schedule fires; later no slot from before the edit
                # runs.
                ran = run.job_uid and run.scheduled_for
                assert not ran or any(period.may_start(ran) for period in job.periods), run
                slot = run.scheduled_for
                asleep = [one for one in job.pauses if slot and one[0] <= slot < one[1]]
                assert not asleep, f"{run.id} is of {slot}, which was paused: {asleep}"
            lost = self._due()[job_id] - counted.keys()
            assert not lost, f"{job_id} has no run at {sorted(lost)}"
            self._compare_attempts(job, [run for run in runs.values() if run.job_id == job_id])

    def _compare_attempts(self, job: Job, runs: list[Run]) -> None:
        """Each run that failed by itself is tried again as often as its job says, or says why not."""
        attempts = Counter((run.retry_of, run.attempt) for run in runs if run.attempt)
        assert max(attempts.values(), default=1) == 1, attempts
        figures.proved["attempts of the state machine"] += len(attempts)
        if not any(one is job for one in self.model.jobs.values()):
            return  # of a deleted job nothing is tried again
        for run in runs:
            missed = run.job_uid is None and run.scheduled_for
            failed = run.status in FAILURES and run.cancel_requested_at is None and not (missed or run.waits)
            wanted = failed and (run.attempt or 1) <= job.retries
            kept = "Not retried: " in (run.message or "")
            assert bool(run.retried_as) is (wanted and not kept), run

    def _due(self) -> dict[str, set[datetime]]:
        """Return the slots of each job that have passed for certain, and long enough ago."""
        until = self.world.now() - SETTLED_AFTER
        jobs = (self.model.jobs | self.model.ended).items()
        return {job_id: {slot for one in job.periods for slot in one.must_account(until)} for job_id, job in jobs}

    def _newest(self) -> list[Run]:
        return [run for project in self.projects.values() for run in self.world.runs(project_id=project.id)]

    def _runs_of(self, job_id: str) -> list[Run]:
        return self.world.runs(job_id, self.projects[self.model.jobs[job_id].project].id)

    def _live_jobs_of(self, job_id: str) -> bool:
        """Return whether the cluster has an unfinished Job of it, also one that no pass has seen yet."""
        going = (stored.object for stored in self.world.cluster.storage.view("jobs"))
        return any(
            one["metadata"]["labels"].get(labels.JOB_ID) == job_id and not observe(one).finished for one in going
        )

    # -- how requests are sent

    def _call(self, method: str, project: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        return self.world.call(method, path, body, key, project_id=self.projects[project].id)

    def _ok(self, method: str, project: str, path: str, body: Any = None) -> Any:
        answer = self._call(method, project, path, body)
        assert answer.status == 200, answer.text
        return answer.json


Machine.TestCase.settings = settings(
    max_examples=EXAMPLES or 8,
    stateful_step_count=40 if EXAMPLES else 20,
    derandomize=not EXAMPLES,
    # Shrinking a failing example would run hundreds of worlds.
    phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
    report_multiple_bugs=False,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_whatever_is_asked_api_tables_and_cluster_are_what_the_model_says = Machine.TestCase
