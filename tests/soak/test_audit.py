"""The audit of a soak finds what is planted: runs, logs, alerts, slots and jobs that are lost, doubled or nobody's."""

import gzip
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from pynamodb.expressions.update import Action

from jobs_api.ingest.logs_left import COLLECTED_UNTIL
from jobs_api.logs import log_bucket
from jobs_api.model.run import Run
from jobs_api.store.run_rows import RunRow
from tests.reliability.world import HOOK, World
from tests.soak.auditing import SoakAudit, summary
from tests.soak.ledger import Accepted, KnownJob, Lasting, Ledger


class Soaked:
    """Some minutes of a job with alerts, and its owner's ledger."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = Ledger()
        self.began_at = world.now()
        document = {"name": "often", "command": "dbt build", "schedule": "* * * * *", "enabled": True}
        self.job = KnownJob(world.create("often", **HOOK), world.organization.id, world.project.id, document)
        self.job.fired.append(Lasting(self.began_at, schedule="* * * * *"))
        self.ledger.jobs[self.job.id] = self.job
        self.ledger.projects[world.project.id] = [Lasting(self.began_at)]
        world.tick()
        for _ in range(3):
            world.minute()
        self.accepted = Accepted(world.trigger(self.job.id), world.organization.id, self.job.id)
        self.ledger.accepted.append(self.accepted)
        world.until_settled()
        self.webhooks = Counter(world.inbox)

    def audit(self) -> SoakAudit:
        return SoakAudit(
            self.world.organization.id,
            self.world.cluster.cluster,
            self.world.now(),
            ledger=self.ledger,
            webhooks=self.webhooks,
        )

    def found(self) -> str:
        return "\n".join(self.audit().findings())

    def scheduled(self) -> Run:
        return next(run for run in self.world.runs(self.job.id) if run.triggered_by == "scheduled" and run.log)


@pytest.fixture
def soaked(world: World) -> Soaked:
    return Soaked(world)


def test_an_audit_of_a_soak_without_faults_has_no_findings(soaked: Soaked) -> None:
    audit = soaked.audit()

    assert audit.findings() == []
    assert audit.counts["accepted triggers"] == 1
    assert audit.counts["slots that owners expected"] == 3
    assert audit.counts["logs read"] == len(audit.runs) == 8
    assert audit.counts["alerts expected: webhook"] == audit.counts["webhooks arrived"] == 8
    assert summary([audit])["Runs by status"] == {"scheduled success": 7, "manual success": 1}


def lose_an_accepted_run(soaked: Soaked) -> None:
    RunRow(soaked.accepted.run_id).delete()


def lose_a_scheduled_run(soaked: Soaked) -> None:
    old = min(soaked.world.runs(soaked.job.id), key=lambda run: run.created_at)
    assert old.scheduled_for
    RunRow(old.id).delete()
    soaked.job.fired[0] = replace(soaked.job.fired[0], since=old.scheduled_for - timedelta(minutes=3))
    soaked.ledger.projects[soaked.world.project.id] = [Lasting(old.scheduled_for - timedelta(minutes=3))]


def make_a_run_nobody_asked_for(soaked: Soaked) -> None:
    soaked.ledger.accepted.clear()


def lose_a_log(soaked: Soaked) -> None:
    log = soaked.scheduled().log
    assert log
    log_bucket.bucket_client().delete_object(Bucket=os.environ["LOGS_BUCKET"], Key=log.key)


def cut_a_log(soaked: Soaked) -> None:
    run = soaked.scheduled()
    assert run.log
    text = f"this is {run.job_name}-abcde, with 3 lines to come\nline 1 of 3\n"
    body = gzip.compress(text.encode())
    log_bucket.bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=run.log.key, Body=body)


def collect_a_log(soaked: Soaked, text: str) -> None:
    """Let a log be what was collected until its pod was gone."""
    soaked.ledger.by_hand.add(soaked.scheduled().job_name)
    run = soaked.scheduled()
    assert run.log
    text = f"this is {run.job_name}-abcde, with 3 lines to come\n{text}"
    body = gzip.compress(text.encode())
    log_bucket.bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=run.log.key, Body=body)
    log = run.log.model_copy(update={"size_bytes": len(text)}).model_dump(mode="json")
    RunRow(run.id).update(actions=[RunRow.log.set(log), RunRow.log_note.set(f"{COLLECTED_UNTIL} noon")])


def collect_a_log_with_a_hole(soaked: Soaked) -> None:
    collect_a_log(soaked, "line 1 of 3\nline 3 of 3\n")


def collect_a_log_whose_pod_nobody_deleted(soaked: Soaked) -> None:
    collect_a_log(soaked, "line 1 of 3\n")
    soaked.ledger.by_hand.clear()


def leave_a_log_of_nobody(soaked: Soaked) -> None:
    key = f"logs/{soaked.world.organization.id}/{soaked.world.project.id}/run_nobody.log.gz"
    log_bucket.bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, Body=b"")


def double_an_alert(soaked: Soaked) -> None:
    soaked.webhooks[next(iter(soaked.webhooks))] += 1


def lose_an_alert(soaked: Soaked) -> None:
    del soaked.webhooks[next(iter(soaked.webhooks))]


def tell_of_nothing(soaked: Soaked) -> None:
    soaked.webhooks["dlv_nothing"] = 1


def bring_back_a_deleted_job(soaked: Soaked) -> None:
    soaked.job.deleted = True


def lose_a_change(soaked: Soaked) -> None:
    soaked.job.document["command"] = "dbt test"


def lose_a_cancel(soaked: Soaked) -> None:
    soaked.ledger.cancels.add(soaked.accepted.run_id)


def cancel_what_nobody_wanted_cancelled(soaked: Soaked) -> None:
    now = soaked.world.now()
    actions: list[Action] = [
        RunRow.status.set("cancelled"),
        RunRow.cancel_requested_at.set(now),
        RunRow.cancelled_by.set({"token_id": "x"}),
    ]
    RunRow(soaked.accepted.run_id).update(actions=actions)


def leave_a_cancel_undone(soaked: Soaked) -> None:
    long_ago = soaked.world.now() - timedelta(minutes=5)
    actions: list[Action] = [RunRow.status.set("running"), RunRow.cancel_requested_at.set(long_ago)]
    RunRow(soaked.accepted.run_id).update(actions=actions)


def lose_a_retry(soaked: Soaked) -> None:
    soaked.ledger.retries[soaked.world.organization.id].add("run_lost")


def repeat_what_nobody_wanted_repeated(soaked: Soaked) -> None:
    RunRow(soaked.accepted.run_id).update(actions=[RunRow.triggered_by.set("retry")])


def leave_a_failed_run_without_its_next_attempt(soaked: Soaked) -> None:
    soaked.job.document["retries"] = 1
    RunRow(soaked.accepted.run_id).update(actions=[RunRow.status.set("failed")])


def start_a_run_before_the_one_that_it_waits_for_has_ended(soaked: Soaked) -> None:
    earlier = soaked.scheduled().end_time
    assert earlier
    RunRow(soaked.accepted.run_id).update(actions=[RunRow.launch_after.set(earlier - timedelta(seconds=1))])
    actions: list[Action] = [RunRow.created_at.set(earlier - timedelta(minutes=1))]
    RunRow(soaked.scheduled().id).update(actions=actions)


PLANTED: dict[Callable[[Soaked], None], str] = {
    lose_an_accepted_run: r"the accepted run run_\w+ is lost",
    lose_a_scheduled_run: r"job_\w+ has 0 runs at .*, when it should have run",
    make_a_run_nobody_asked_for: r"1 runs of job_\w+ that nobody triggered",
    lose_a_log: r"the log of run_\w+ is lost",
    cut_a_log: r"the log of run_\w+ is not whole: 2 lines of 5",
    collect_a_log_with_a_hole: r"what was collected of the log of run_\w+ has a hole: 'line 1",
    collect_a_log_whose_pod_nobody_deleted: r"the log of run_\w+ .*was not read to its end, and nobody deleted its pod",
    leave_a_log_of_nobody: r"a log of nobody: .*run_nobody",
    double_an_alert: r"the webhook dlv_\w+ came 2 times in 1 attempts",
    lose_an_alert: r"the webhook dlv_\w+ of run_\w+ is said to be delivered, and never arrived",
    tell_of_nothing: r"the webhook dlv_nothing tells of nothing",
    bring_back_a_deleted_job: r"job_\w+ is still there, which its owner knows otherwise",
    lose_a_cancel: r"the accepted cancel of run_\w+ is lost",
    cancel_what_nobody_wanted_cancelled: r"the run run_\w+ was cancelled, and nobody asked for that",
    leave_a_cancel_undone: r"the run run_\w+ was to be cancelled at .*, and is running",
    lose_a_retry: r"the accepted retry run_lost is lost",
    repeat_what_nobody_wanted_repeated: r"1 runs were repeated that nobody asked for, such as run_\w+",
    leave_a_failed_run_without_its_next_attempt: r"the run run_\w+ is failed, attempt 1, and then None",
    start_a_run_before_the_one_that_it_waits_for_has_ended: r"run_\w+ waited until .*, when run_\w+ had not ended",
    lose_a_change: r"job_\w+: command is 'dbt build', not 'dbt test'",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_every_planted_fault_is_found(soaked: Soaked, plant: Callable[[Soaked], None]) -> None:
    plant(soaked)

    assert re.search(PLANTED[plant], soaked.found())


@pytest.mark.parametrize("text", ["", "line 1 of 3\n", "line 1 of 3\nline 2", "[jobs-api: some may be lost]\nline 3"])
def test_the_collected_beginning_of_a_log_is_no_fault(soaked: Soaked, text: str) -> None:
    collect_a_log(soaked, text)
    audit = soaked.audit()

    assert audit.findings() == []
    assert audit.counts["logs that were collected until their pods were gone"] == 1


def test_a_job_with_an_unanswered_request_causes_no_finding(soaked: Soaked) -> None:
    soaked.job.uncertain = True
    soaked.job.document["command"] = "dbt test"

    assert soaked.found() == ""
