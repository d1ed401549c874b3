"""Which runs that failed are tried again, and what their next attempt is."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs_api.k8s import labels
from jobs_api.k8s.observed import observe
from jobs_api.model.job import Job
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.trigger import attempts
from tests.a_project import project
from tests.unit.k8s.test_manifests import NOON, job

MINUTE = timedelta(minutes=1)
OURS = project(deployed=True)


def a_job(**settings: Any) -> Job:
    return job(OURS, **{"retries": 2, **settings})


def a_run(status: RunStatus = RunStatus.FAILED, **values: Any) -> Run:
    values = {"triggered_by": TriggeredBy.SCHEDULED, "command": "dbt build", "end_time": NOON, **values}
    return Run(
        id=values.pop("id", "run_first"),
        organization_id=OURS.organization_id,
        project_id=OURS.id,
        job_id="job_1",
        job_name="jaffle-nightly-29622840",
        cronjob_name="jaffle-nightly",
        namespace=OURS.organization_id,
        job_type="build",
        status=status,
        created_at=NOON - MINUTE,
        updated_at=NOON,
        **values,
    )


def after(run: Run, now: datetime = NOON, **settings: Any) -> Run:
    return attempts.attempt_after(run, a_job(**settings), OURS, None, now)


@pytest.mark.parametrize(
    ("status", "retry_on", "attempt", "wants"),
    [
        (RunStatus.FAILED, ["failed", "error"], None, True),
        (RunStatus.ERROR, ["failed", "error"], None, True),
        (RunStatus.FAILED, ["error"], None, False),
        (RunStatus.ERROR, ["failed"], None, False),
        (RunStatus.FAILED, ["failed"], 2, True),
        (RunStatus.FAILED, ["failed"], 3, False),
        (RunStatus.SUCCESS, ["failed", "error"], None, False),
        (RunStatus.CANCELLED, ["failed", "error"], None, False),
    ],
)
def test_as_many_attempts_follow_as_the_job_wants(
    status: RunStatus, retry_on: list[str], attempt: int | None, *, wants: bool
) -> None:
    assert attempts.wants_another(a_run(status, attempt=attempt), a_job(retry_on=retry_on).settings) is wants


def test_a_run_with_a_cancel_request_gets_no_attempt_even_if_its_command_failed_by_itself() -> None:
    assert attempts.may_be_retried(a_run())
    assert not attempts.may_be_retried(a_run(cancel_requested_at=NOON))
    assert not attempts.may_be_retried(a_run(RunStatus.CANCELLED))
    assert not attempts.may_be_retried(a_run(RunStatus.SUCCESS))


def test_attempts_belong_to_the_first_run_and_are_numbered() -> None:
    second = after(a_run())
    third = after(second.model_copy(update={"status": RunStatus.FAILED, "end_time": NOON}))

    assert [(one.attempt, one.retry_of, one.triggered_by) for one in (second, third)] == [
        (2, "run_first", TriggeredBy.RETRY),
        (3, "run_first", TriggeredBy.RETRY),
    ]
    assert second.begun_by is third.begun_by is TriggeredBy.SCHEDULED
    assert second.scheduled_for is None
    assert second.id != third.id
    assert after(a_run(), NOON + MINUTE).id == second.id, "however often it is decided"


def test_a_retry_by_hand_begins_its_own_sequence_of_attempts() -> None:
    by_hand = a_run(id="run_by_hand", triggered_by=TriggeredBy.RETRY, retry_of="run_first")

    second = after(by_hand)

    assert (second.attempt, second.retry_of, second.begun_by) == (2, "run_by_hand", TriggeredBy.MANUAL)


def test_it_runs_the_command_of_the_first_run_on_the_job_as_it_is_now() -> None:
    second = after(a_run(command="dbt test --select orders"), command="dbt build", environment={"TARGET": "prod"})

    assert (second.command, second.job_type) == ("dbt test --select orders", "test")
    container = second.launch["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    assert container["command"] == ["dbt", "test", "--select", "orders"]
    assert {"name": "TARGET", "value": "prod"} in container["env"]


@pytest.mark.parametrize("command", [None, "", "dbt 'build"])
def test_without_a_command_that_could_run_it_runs_the_jobs(command: str | None) -> None:
    assert after(a_run(command=command), command="dbt seed").command == "dbt seed"


def test_its_job_in_the_cluster_says_that_it_is_a_retry_and_of_no_slot() -> None:
    second = after(a_run())

    seen = observe({**second.launch, "status": {}})  # type: ignore[dict-item]
    assert (seen.triggered_by, seen.slot, seen.run_id) == (TriggeredBy.RETRY, None, second.id)
    assert seen.labels[labels.TRIGGERED_BY] == "retry"


@pytest.mark.parametrize(
    ("end", "seen", "starts"),
    [
        (0, 2, 60),
        (0, 0, 60),
        (0, 59, 60),
        # A late pass, as after an outage of the cluster, does not shorten the hour in which an attempt may be launched.
        (0, 4000, 4000),
        # A node's clock is ahead.
        (30, 0, 60),
        (None, 5, 65),
    ],
)
def test_the_delay_counts_from_the_end_before(end: int | None, seen: int, starts: int) -> None:
    run = a_run(end_time=None if end is None else NOON + timedelta(seconds=end))

    second = after(run, NOON + timedelta(seconds=seen), retry_delay_seconds=60)

    assert second.launch_after == NOON + timedelta(seconds=starts)
    assert second.job_name.endswith(f"-{second.launch_after:%Y%m%d-%H%M%S}")


@pytest.mark.parametrize("paused_in", ["job", "project"])
def test_a_paused_job_gets_no_attempts_until_the_end_of_the_pause(paused_in: str) -> None:
    until = "2026-04-28T13:00:00Z"
    theirs = project(deployed=True, **({"paused_until": until} if paused_in == "project" else {}))
    paused = a_job(**({"paused_until": until} if paused_in == "job" else {}))

    found = [attempts.kept_from_starting(TriggeredBy.SCHEDULED, theirs, paused, NOON + n * MINUTE) for n in (59, 60)]

    assert found == [f"it is paused until {until}", None]
    assert attempts.kept_from_starting(TriggeredBy.MANUAL, theirs, paused, NOON) is None


@pytest.mark.parametrize(
    ("settings", "enabled", "scheduled", "manual"),
    [
        ({}, True, None, None),
        ({}, False, "the job is disabled", None),
        ({"suspended": True}, True, "the project is suspended", None),
        ({"deployed": False}, True, "the project is not deployed", "the project is not deployed"),
    ],
)
def test_a_job_that_does_not_run_by_itself_gets_no_attempts(
    settings: dict[str, bool], scheduled: str | None, manual: str | None, *, enabled: bool
) -> None:
    theirs = project(**{"deployed": True, **settings})
    found = [
        attempts.kept_from_starting(kind, theirs, a_job(enabled=enabled), NOON)
        for kind in (TriggeredBy.SCHEDULED, TriggeredBy.MANUAL)
    ]

    assert found == [scheduled, manual]


def test_an_attempt_has_the_variables_the_cause_and_the_commit_of_the_run_before() -> None:
    fields: dict[str, Any] = {"environment": {"DAY": "monday", "A_TOKEN": "***"}, "sealed_variables": "A_TOKEN:sealed"}
    before = a_run(**fields, cause="because", git_sha="1f0a9c3")

    attempt = after(before, environment={"DAY": "sunday", "TARGET": "prod"})

    assert attempt.launch
    (container,) = manifest_pod(attempt)["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert (env["DAY"], env["A_TOKEN"], env["TARGET"]) == ("monday", "***", "prod")
    assert (attempt.environment, attempt.sealed_variables) == (before.environment, before.sealed_variables)
    assert (attempt.cause, attempt.git_sha) == ("because", "1f0a9c3")


def manifest_pod(run: Run) -> Any:
    launch: Any = run.launch
    return launch["spec"]["template"]["spec"]
