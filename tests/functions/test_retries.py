"""Runs that fail are tried again, on a cluster that runs real processes: the attempts, their times and their alerts."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster, Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.ingest import waiting_runs
from jobs_api.ingest.ingester import Incomplete
from jobs_api.model.alert_targets import Event
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.store.run_rows import RunRow
from jobs_api.trigger.launch import launch
from tests.functions import passes
from tests.functions.acme import Acme, eventually, until
from tests.functions.refusals import Refuse
from tests.functions.test_alerts import ALERTS, change, due_deliveries
from tests.notifications.test_outbox import received

RETRIES: dict[str, Any] = {"retries": 2, "retry_delay_seconds": 60}


def fail(acme: Acme, script: str = "echo broken; exit 1", **settings: Any) -> Run:
    """Run a job that is tried again, until its scheduled run has failed."""
    change(acme, {**RETRIES, **settings})
    acme.finish(script)
    acme.ingest()
    return next(run for run in acme.runs() if run.attempt is None)


def attempt(acme: Acme, number: int) -> Run:
    return next(run for run in acme.runs() if run.attempt == number)


def run_attempt(acme: Acme, number: int, script: str) -> Run:
    """Let an attempt run a script instead of dbt, at its time, until its end; return it."""
    waiting = attempt(acme, number)
    with_script(acme, waiting, script)
    acme.skipped += timedelta(seconds=61)
    acme.ingest()
    acme.wait_for_end({"metadata": {"name": attempt(acme, number).job_name}})
    acme.ingest()
    return attempt(acme, number)


def with_script(acme: Acme, run: Run, script: str) -> None:
    made = acme.manifest(script, run.id)
    made["metadata"] = (run.launch or {})["metadata"]
    RunRow(run.id).update(actions=[RunRow.launch.set(made)])


def put(acme: Acme, settings: dict[str, Any]) -> None:
    """Change the project as an operator does."""
    project = store.get_project(acme.organization.id, acme.project.id)
    changed = project.changed(project.settings.model_copy(update=settings), acme.now())
    store.update_project(changed, project.version)


def test_a_run_that_fails_is_followed_by_an_attempt_that_says_when_it_starts(acme: Acme) -> None:
    first = fail(acme)

    shown = acme.alice.call("GET", f"/api/v1/projects/{acme.project.id}/runs", query={"triggered_by": "retry"}).json
    [second] = shown["runs"]
    assert (second["status"], second["attempt"], second["retry_of"]) == ("pending", 2, first.id)
    assert first.end_time
    assert attempt(acme, 2).launch_after == first.end_time + timedelta(seconds=60)
    before = acme.alice.call("GET", f"/api/v1/runs/{first.id}").json
    assert (before["status"], before["retried_as"]) == ("failed", second["id"])
    assert "attempt" not in before
    assert "retry_of" not in before


def test_each_attempt_is_a_run_with_its_own_log_and_they_end_with_the_first_success(acme: Acme) -> None:
    first = fail(acme, "echo one; exit 1")
    second = run_attempt(acme, 2, "echo two; exit 2")
    third = run_attempt(acme, 3, "echo three")

    assert [acme.log_of(run) for run in (first, second, third)] == ["one\n", "two\n", "three\n"]
    assert [run.status for run in (first, second, third)] == [RunStatus.FAILED, RunStatus.FAILED, RunStatus.SUCCESS]
    assert (second.retried_as, second.retry_of, third.retry_of) == (third.id, first.id, first.id)
    assert third.retried_as is None
    assert acme.ingest().written == 0


def test_no_more_attempts_follow_than_the_job_wants(acme: Acme) -> None:
    fail(acme, retries=1)

    second = run_attempt(acme, 2, "exit 1")

    assert (second.status, second.retried_as) == (RunStatus.FAILED, None)
    assert len(acme.runs()) == 2


def test_slack_is_notified_of_the_last_attempt_and_a_webhook_of_each(acme: Acme) -> None:
    first = fail(acme, **ALERTS, retries=1)
    second = run_attempt(acme, 2, "exit 1")

    webhooks = {(Event.STARTED, "webhook"), (Event.FAILURE, "webhook")}
    told = due_deliveries_of(first, second)
    assert told[first.id] == webhooks
    assert told[second.id] == {*webhooks, (Event.FAILURE, "slack")}


def due_deliveries_of(*runs: Run) -> dict[str, set[tuple[Event, str]]]:
    notices = list(received())
    return {run.id: {(one.event, one.channel) for one in notices if one.run_id == run.id} for run in runs}


def test_a_success_after_a_retry_is_a_success(acme: Acme) -> None:
    fail(acme, **{**ALERTS, "webhook_events": ["success"]}, slack_alert_on_success=True)

    second = run_attempt(acme, 2, "exit 0")

    assert due_deliveries(second) == {(Event.SUCCESS, "slack"), (Event.SUCCESS, "webhook")}


def test_a_streak_counts_slots_and_not_attempts(acme: Acme) -> None:
    fail(acme, retries=1)
    run_attempt(acme, 2, "exit 1")
    change(acme, {"retries": 0})
    acme.finish("exit 1")
    acme.ingest()

    streak = store.streak_before(acme.runs()[0])

    assert streak.failures == 1


@pytest.mark.parametrize("script", ["exit 0", "kill -9 $$"])
def test_only_what_the_job_lists_is_tried_again(acme: Acme, script: str) -> None:
    run = fail(acme, script, retry_on=["error"])

    assert run.status is not RunStatus.FAILED or run.retried_as is None
    assert (len(acme.runs()) == 2) is (run.status is RunStatus.ERROR)


def test_a_triggered_run_is_tried_again_with_its_own_command_also_of_a_disabled_job(acme: Acme) -> None:
    change(acme, {**RETRIES, "enabled": False})
    run = acme.triggered("exit 1", command="dbt test", job_type="test")
    acme.ingest()
    acme.wait_for_end({"metadata": {"name": run.job_name}})
    acme.ingest()

    second = attempt(acme, 2)

    assert (second.command, second.job_type, second.retry_of) == ("dbt test", "test", run.id)
    assert second.begun_by is TriggeredBy.MANUAL
    acme.skipped += timedelta(seconds=61)
    acme.ingest()
    assert attempt(acme, 2).launch is None


def test_an_attempt_is_made_on_the_job_as_it_is_when_the_one_before_ends(acme: Acme, tmp_path: Path) -> None:
    change(acme, RETRIES)
    job = acme.start(f"{until(tmp_path / 'go')}; exit 1")
    acme.ingest()
    change(acme, {"environment": {"TARGET": "repaired"}, "retry_delay_seconds": 600})
    (tmp_path / "go").touch()
    acme.wait_for_end(job)
    acme.ingest()

    second = attempt(acme, 2)

    assert {"name": "TARGET", "value": "repaired"} in _environment(second)
    assert second.launch_after
    assert second.launch_after > acme.now() + timedelta(minutes=9)


def test_secrets_of_the_job_stay_sealed_in_a_waiting_attempt_and_reach_its_pod(acme: Acme) -> None:
    fail(acme, environment={"DB_PASSWORD": "hunter2-and-more"})

    assert {"name": "DB_PASSWORD", "value": "***"} in _environment(attempt(acme, 2))
    acme.skipped += timedelta(seconds=61)
    acme.ingest()
    job = acme.cluster.get_job(acme.organization.namespace, attempt(acme, 2).job_name)
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "DB_PASSWORD", "value": "hunter2-and-more"} in container["env"]


def test_secrets_of_a_job_from_before_they_were_sealed_are_sealed_in_its_attempt(acme: Acme) -> None:
    change(acme, RETRIES)
    settings = acme.job.settings.model_copy(update={"environment": {"DB_PASSWORD": "hunter2-and-more"}})
    store.update_job(acme.job, acme.job.model_copy(update={"settings": settings, "version": acme.job.version + 1}))
    acme.finish("exit 1")
    passes.ingest(acme.organization.id)

    second = attempt(acme, 2)

    assert {"name": "DB_PASSWORD", "value": "***"} in _environment(second)
    assert second.sealed_environment


def _environment(run: Run) -> list[dict[str, str]]:
    found: list[dict[str, str]] = run.launch["spec"]["template"]["spec"]["containers"][0]["env"]  # type: ignore[index]
    return found


def test_a_run_with_a_cancel_request_is_not_retried_though_its_command_failed_first(acme: Acme, refuse: Refuse) -> None:
    change(acme, RETRIES)
    acme.wait_for_pod(acme.start("trap 'exit 7' TERM; while :; do sleep 0.05; done"))
    acme.ingest()
    run = acme.only_run()
    # The request is recorded while the cluster is away.
    refuse("/jobs")
    assert acme.alice.call("POST", f"/api/v1/runs/{run.id}/cancel", at=acme.now()).status == 202
    refuse()
    acme.ingest()
    eventually(lambda: acme.ingest() and acme.only_run().status.ended)

    assert len(acme.runs()) == 1


def test_cancelling_a_waiting_attempt_ends_the_sequence(acme: Acme) -> None:
    fail(acme, **ALERTS)
    second = attempt(acme, 2)

    answer = acme.alice.call("POST", f"/api/v1/runs/{second.id}/cancel", at=acme.now())

    assert answer.json["status"] == "cancelled"
    acme.skipped += timedelta(seconds=61)
    acme.ingest()
    assert len(acme.runs()) == 2
    assert due_deliveries(second) == set()


def disable(acme: Acme) -> None:
    change(acme, {"enabled": False})


def suspend(acme: Acme) -> None:
    put(acme, {"suspended": True})


def undeploy(acme: Acme) -> None:
    put(acme, {"deployed": False})


def delete(acme: Acme) -> None:
    acme.alice.call("DELETE", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}")


CHANGES = [
    (disable, "the job is disabled"),
    (suspend, "the project is suspended"),
    (undeploy, "the project is not deployed"),
    (delete, "the job was deleted"),
]


@pytest.mark.parametrize(("change_it", "reason"), CHANGES)
def test_an_attempt_whose_job_may_not_run_any_more_ends_and_says_why(acme: Acme, change_it: Any, reason: str) -> None:
    fail(acme, **ALERTS)
    change_it(acme)
    acme.skipped += timedelta(seconds=61)

    acme.ingest()

    second = attempt(acme, 2)
    assert (second.status, second.retried_as) == (RunStatus.ERROR, None)
    assert second.error_message == f"Attempt 2 was not started, because {reason}; the attempt before it failed"
    assert (Event.FAILURE, "slack") in due_deliveries(second)
    assert len(acme.runs()) == 2


@pytest.mark.parametrize(("change_it", "reason"), CHANGES[:-1])
def test_a_run_that_fails_once_its_job_may_not_run_says_why_it_is_not_tried_again(
    acme: Acme, change_it: Any, reason: str, tmp_path: Path
) -> None:
    change(acme, {**RETRIES, **ALERTS})
    job = acme.start(f"{until(tmp_path / 'go')}; exit 1")
    acme.ingest()
    change_it(acme)
    (tmp_path / "go").touch()
    acme.wait_for_end(job)
    acme.ingest()

    run = acme.only_run()
    assert (run.status, run.message) == (RunStatus.FAILED, f"Not retried: {reason}")
    assert (Event.FAILURE, "slack") in due_deliveries(run)


def test_a_run_of_a_deleted_job_is_not_tried_again(acme: Acme, tmp_path: Path) -> None:
    change(acme, RETRIES)
    job = acme.start(f"{until(tmp_path / 'go')}; exit 1")
    acme.ingest()
    delete(acme)
    (tmp_path / "go").touch()
    acme.wait_for_end(job)
    acme.ingest()

    assert (acme.only_run().status, acme.only_run().message) == (RunStatus.FAILED, None)


def follow(acme: Acme, policy: str) -> None:
    """Set the concurrency policy of the job, which has one from now on: its slots of before are no misses."""
    path = f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}"
    assert acme.alice.call("PUT", path, {"concurrency_policy": policy}, at=acme.now()).status == 200


def due_beside_a_later_slot(acme: Acme, policy: str) -> Object:
    """Let an attempt be due while the run of a later slot is open; return the Job of that run."""
    follow(acme, policy)
    fail(acme)
    job = acme.start("exec sleep 300")
    acme.wait_for_pod(job)
    acme.ingest()
    acme.skipped += timedelta(seconds=61)
    acme.ingest()
    return job


def test_under_forbid_an_attempt_lets_the_run_of_a_later_slot_end_first(acme: Acme) -> None:
    job = due_beside_a_later_slot(acme, "Forbid")
    assert (attempt(acme, 2).status, attempt(acme, 2).launch is None) == (RunStatus.PENDING, False)
    [later] = [run for run in acme.runs() if run.status is RunStatus.RUNNING]

    acme.alice.call("POST", f"/api/v1/runs/{later.id}/cancel", at=acme.now())
    acme.wait_for_end(job)
    acme.ingest()
    acme.ingest()

    assert attempt(acme, 2).launch is None


def test_under_forbid_an_attempt_waits_an_hour_and_no_longer(acme: Acme) -> None:
    due_beside_a_later_slot(acme, "Forbid")
    acme.skipped += timedelta(hours=1)

    acme.ingest()

    assert attempt(acme, 2).status is RunStatus.ERROR
    assert "was still going after an hour, and the job's concurrency policy is Forbid" in _why(attempt(acme, 2))


def test_under_replace_an_attempt_gives_way_to_the_run_of_a_later_slot(acme: Acme) -> None:
    due_beside_a_later_slot(acme, "Replace")

    second = attempt(acme, 2)

    [later] = [run for run in acme.runs() if run.status is RunStatus.RUNNING]
    assert second.status is RunStatus.ERROR
    assert f"the run {later.id} took its place: the job's concurrency policy is Replace" in _why(second)


def test_under_allow_an_attempt_runs_beside_the_run_of_a_later_slot(acme: Acme) -> None:
    due_beside_a_later_slot(acme, "Allow")

    assert attempt(acme, 2).launch is None


def test_triggered_runs_delay_no_attempt(acme: Acme) -> None:
    follow(acme, "Forbid")
    fail(acme)
    acme.triggered("exec sleep 300")
    acme.ingest()
    acme.skipped += timedelta(seconds=61)
    acme.ingest()

    assert attempt(acme, 2).launch is None


def _why(run: Run) -> str:
    return run.error_message or ""


def test_two_passes_at_once_make_one_attempt_and_launch_it_once(acme: Acme) -> None:
    change(acme, {**RETRIES, "retry_delay_seconds": 0})
    acme.finish("exit 1")
    together(acme)
    assert len(acme.runs()) == 2

    together(acme)

    jobs = [job for page in acme.cluster.list_jobs(acme.organization.namespace, "") for job in page]
    assert len(jobs) == 2


def test_a_pass_continues_when_another_pass_launches_its_run(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    run = acme.triggered()

    def first_by_another(cluster: Cluster, waiting: Run) -> str:
        name = launch(cluster, waiting)
        assert store.run_launched(waiting, name, acme.now())
        return launch(cluster, waiting)

    monkeypatch.setattr(waiting_runs, "launch", first_by_another)

    passes.ingest(acme.organization.id, acme.now)

    assert acme.status_of(run) is RunStatus.PENDING
    assert len(acme.runs()) == 1


def together(acme: Acme) -> None:
    barrier = threading.Barrier(4)

    def make(_: int) -> None:
        barrier.wait()
        try:
            passes.ingest(acme.organization.id, acme.now)
        except Incomplete:
            passes.ingest(acme.organization.id, acme.now)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(4)))


def test_a_pass_that_dies_before_the_write_leaves_it_to_the_next(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    change(acme, RETRIES)
    acme.finish("exit 1")

    def died(*_: object, **__: object) -> bool:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(store, "advance_run", died)
        with pytest.raises(Incomplete):
            acme.ingest()
    assert acme.only_run().status is RunStatus.RUNNING
    acme.ingest()

    assert attempt(acme, 2).retry_of == next(run.id for run in acme.runs() if run.attempt is None)


def test_a_cluster_that_is_away_at_its_time_delays_an_attempt(acme: Acme, refuse: Refuse) -> None:
    fail(acme)
    acme.skipped += timedelta(minutes=59)
    refuse("GET", "/jobs")
    with pytest.raises(ClusterUnavailable):
        passes.ingest(acme.organization.id, acme.now)
    assert attempt(acme, 2).status is RunStatus.PENDING

    refuse()
    passes.ingest(acme.organization.id, acme.now)

    assert attempt(acme, 2).launch is None


def test_an_attempt_that_could_not_be_launched_for_an_hour_is_an_error_and_is_tried_again(
    acme: Acme, refuse: Refuse
) -> None:
    fail(acme)
    acme.skipped += timedelta(minutes=62)
    refuse("GET", "/jobs")

    with pytest.raises(ClusterUnavailable):
        passes.ingest(acme.organization.id, acme.now)

    assert attempt(acme, 2).status is RunStatus.ERROR
    assert attempt(acme, 2).retried_as == attempt(acme, 3).id


def test_a_run_without_a_log_is_tried_again_although_it_is_seen_only_at_its_end(acme: Acme) -> None:
    change(acme, RETRIES)
    acme.start("echo hello", image="nonesuch")
    acme.skipped = timedelta(seconds=61)
    eventually(lambda: acme.ingest() and any(run.status.ended for run in acme.runs()))

    assert attempt(acme, 2).status is RunStatus.PENDING
