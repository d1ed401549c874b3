"""The CronJob controller under random histories: no slot is started twice, and no due slot is lost."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from local.cluster.clock import TestClock, timestamp
from local.cluster.controllers.reconcilers import CronJobReconciler
from local.cluster.storage import Change, Storage

START = datetime(2026, 4, 28, 2, tzinfo=UTC)


class Crash(Exception):
    """The controller's process ended in the middle of what it did."""


class CrashingStorage(Storage):
    """Storage that fails after some number of writes, as seen by a controller that is killed."""

    writes_left: int | None = None

    def create(self, resource: str, obj: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        self._count()
        return super().create(resource, obj, dry_run=dry_run)

    def replace_status(self, resource: str, obj: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        self._count()
        return super().replace_status(resource, obj, dry_run=dry_run)

    def _count(self) -> None:
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise Crash
            self.writes_left -= 1


class CronJobHistory(RuleBasedStateMachine):
    """Ticks, crashes, restarts, ended Jobs, suspension and new schedules, in any order."""

    @initialize(
        schedule=st.sampled_from(["* * * * *", "*/5 * * * *", "0 * * * *", "@every 90s"]),
        policy=st.sampled_from(["Allow", "Forbid", "Replace"]),
        deadline=st.sampled_from([None, 20, 600]),
    )
    def create(self, schedule: str, policy: str, deadline: int | None) -> None:
        self.clock = TestClock(START)
        self.storage = CrashingStorage(self.clock)
        self.storage.create("namespaces", {"metadata": {"name": "org-acme"}})
        self.created: Counter[str] = Counter()
        self.storage.listen(self._count_jobs)
        spec: dict[str, Any] = {"schedule": schedule, "concurrencyPolicy": policy, "jobTemplate": {"spec": {}}}
        if deadline:
            spec["startingDeadlineSeconds"] = deadline
        cronjob = {"metadata": {"name": "nightly", "namespace": "org-acme"}, "spec": spec}
        self.storage.create("cronjobs", {"apiVersion": "batch/v1", "kind": "CronJob", **cronjob})

    def _count_jobs(self, change: Change) -> None:
        if change.resource == "jobs" and change.type == "ADDED":
            annotations = change.stored.object["metadata"]["annotations"]
            self.created[annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"]] += 1

    @rule(seconds=st.sampled_from([0, 1, 29, 60, 61, 300, 3600, 90_000]), ticks=st.integers(1, 3))
    def time_passes(self, seconds: int, ticks: int) -> None:
        self.clock.advance(seconds)
        reconciler = CronJobReconciler(self.storage)  # each rule begins like a cluster that has just started
        for _ in range(ticks):
            reconciler.sync("org-acme", "nightly")

    @rule(seconds=st.sampled_from([0, 60, 61]), writes=st.integers(0, 4))
    def the_controller_crashes(self, seconds: int, writes: int) -> None:
        self.clock.advance(seconds)
        self.storage.writes_left = writes
        try:
            CronJobReconciler(self.storage).sync("org-acme", "nightly")
        except Crash:
            pass
        finally:
            self.storage.writes_left = None

    @rule(kind=st.sampled_from(["Complete", "Failed"]))
    def the_jobs_end(self, kind: str) -> None:
        now = timestamp(self.clock.now())
        for job in self.storage.list("jobs"):
            status = {"startTime": now, "completionTime": now, "conditions": [{"type": kind, "status": "True"}]}
            self.storage.replace_status("jobs", {**job, "status": status})

    @rule(suspend=st.booleans(), schedule=st.sampled_from(["* * * * *", "*/7 * * * *"]))
    def the_owner_changes_it(self, *, suspend: bool, schedule: str) -> None:
        cronjob = self.storage.get("cronjobs", "org-acme", "nightly")
        self.storage.replace(
            "cronjobs", {**cronjob, "spec": {**cronjob["spec"], "suspend": suspend, "schedule": schedule}}
        )

    @invariant()
    def no_slot_was_started_twice(self) -> None:
        for slot, times in getattr(self, "created", Counter()).items():
            assert times == 1, f"{slot} was started {times} times"


CronJobHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestAnyHistory = CronJobHistory.TestCase


@given(minutes=st.integers(1, 200), crash_after=st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_a_slot_that_a_crash_interrupted_is_started_after_the_restart(minutes: int, crash_after: int) -> None:
    history = CronJobHistory()
    history.create(schedule="* * * * *", policy="Allow", deadline=None)
    history.the_controller_crashes(seconds=minutes * 60, writes=crash_after)
    history.time_passes(seconds=0, ticks=1)
    slot = START + timedelta(minutes=minutes)
    assert history.created == {timestamp(slot): 1}
    status = history.storage.get("cronjobs", "org-acme", "nightly")["status"]
    assert status["lastScheduleTime"] == timestamp(slot)
