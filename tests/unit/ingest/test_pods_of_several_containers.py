"""A run is its container `job`, whatever else is in its Pod: init containers, sidecars, injected proxies."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs_api.ingest import run_log
from jobs_api.ingest.decision import NO_CHANGE, Decision, decide, stop_of
from jobs_api.k8s import job_status, job_stop, labels
from jobs_api.k8s.job_status import Outcome
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import observe
from jobs_api.model.run import Run, RunStatus
from tests.objects import TWO, at, being_deleted, beside, ended, failed, job, pod, runs, waits

PENDING, RUNNING, SUCCESS, FAILED, ERROR, _ = RunStatus
ACME = "org-acme"
EVICTED = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "lastTransitionTime": at(45),
}


def running_pod(state: Object, **status: Any) -> Object:
    """Return a Pod that runs, because one of its containers does."""
    return pod(state, phase="Running", **status)


def seconds_later(seconds: float) -> Any:
    return TWO + timedelta(seconds=seconds)


def decided(found: Object, its_pod: Object | None, run: Run | None = None, seconds: float = 60) -> Decision:
    return decide(observe(found, its_pod), run, ACME, seconds_later(seconds))


def outcome(found: Object, its_pod: Object | None, now: datetime | None = None) -> Outcome:
    return job_status.outcome(observe(found, its_pod), now=now)


def test_a_proxy_in_first_place_that_exits_0_does_not_decide_the_run() -> None:
    found = beside(pod(ended(4), phase="Failed"), "proxy", ended(0))

    seen = outcome(failed(), found)

    assert (seen.status, seen.exit_code, seen.message) == (FAILED, 4, "dbt exited with code 4")


@pytest.mark.parametrize(("code", "status"), [(0, SUCCESS), (1, FAILED), (4, FAILED), (137, RUNNING)])
@pytest.mark.parametrize("sidecar", [False, True])
def test_the_end_of_the_command_is_the_runs_end_while_a_proxy_stays(
    code: int, status: RunStatus, *, sidecar: bool
) -> None:
    found = beside(running_pod(ended(code)), "proxy", runs(), sidecar=sidecar)

    decision = decided(job(active=1), found, seconds=52)

    assert decision.run
    assert decision.run.status is status
    if status.ended:
        assert (decision.run.exit_code, decision.run.end_time) == (code, seconds_later(50))
        assert decision.wants_log
        assert decision.ends_job


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("others", [(), ("proxy",)])
def test_a_pod_whose_containers_have_all_ended_has_some_time_to_end_by_itself(
    code: int, others: tuple[str, ...]
) -> None:
    found = running_pod(ended(code))
    for name in others:
        found = beside(found, name, ended(0))

    going = decided(job(active=1), found, seconds=52)
    late = decided(job(active=1), found, seconds=80)

    assert going.run
    assert (going.run.status, going.ends_job) == (RUNNING, False)
    # Its node went down just then: the Job would replace a pod that is lost, and the command would run again.
    assert late.run
    assert (late.run.status, late.run.exit_code, late.ends_job) == (FAILED if code else SUCCESS, code, True)


def test_a_killed_command_counts_as_ended_once_no_kubelet_can_be_ending_its_pod() -> None:
    found = beside(running_pod(ended(137)), "proxy", runs())

    assert outcome(job(active=1), found, now=seconds_later(109)).status is RUNNING
    seen = outcome(job(active=1), found, now=seconds_later(110))

    assert (seen.status, seen.exit_code, seen.reason) == (ERROR, 137, "Killed")


def test_a_command_out_of_memory_has_ended_at_once() -> None:
    found = beside(running_pod(ended(137, "OOMKilled")), "proxy", runs())

    assert outcome(job(active=1), found).reason == "OOMKilled"


def test_a_proxy_whose_image_never_comes_keeps_nothing_from_running_or_ending() -> None:
    waiting = waits("ImagePullBackOff", "no such image")

    assert outcome(job(active=1), beside(pod(runs()), "proxy", waiting)).status is RUNNING
    assert (
        outcome(job(active=1), beside(pod(waits("ContainerCreating")), "proxy", waiting)).reason == "ContainerCreating"
    )
    assert outcome(job(active=1), beside(pod(ended(0)), "proxy", waiting)).status is SUCCESS


def test_a_sidecar_that_exits_1_does_no_harm_to_a_success() -> None:
    found = beside(pod(ended(0), phase="Failed"), "proxy", ended(1))

    seen = outcome(failed(), found)

    assert (seen.status, seen.exit_code, seen.message) == (SUCCESS, 0, None)
    assert seen.end_time == seconds_later(50)


def test_a_success_that_was_seen_only_after_the_deadline_is_a_success() -> None:
    late = beside(pod(ended(0), phase="Failed", reason="DeadlineExceeded"), "proxy", ended(137))
    late["spec"]["activeDeadlineSeconds"] = 600

    assert outcome(failed(), late).status is SUCCESS


@pytest.mark.parametrize("code", [0, 1, 143])
def test_a_command_that_its_deadline_ended_is_left_to_its_job(code: int) -> None:
    found = beside(running_pod(ended(code, seconds=11)), "proxy", runs())
    found["spec"]["activeDeadlineSeconds"] = 10

    assert outcome(job(active=1), found, now=seconds_later(12)).status is RUNNING
    found["status"] |= {"phase": "Failed", "reason": "DeadlineExceeded"}
    assert outcome(failed(), found).reason == "DeadlineExceeded"


@pytest.mark.parametrize("code", [0, 1, 143])
def test_a_command_that_ends_with_its_evicted_pod_is_left_to_its_job_which_may_replace_it(code: int) -> None:
    found = beside(running_pod(ended(code), conditions=[EVICTED]), "proxy", runs())

    assert outcome(job(active=1), found, now=seconds_later(200)).status is RUNNING
    deleted = being_deleted(beside(running_pod(ended(code)), "proxy", runs()))
    assert outcome(job(active=1), deleted, now=seconds_later(200)).status is RUNNING


def test_a_command_that_had_ended_long_before_its_pod_was_evicted_has_ended_by_itself() -> None:
    found = beside(running_pod(ended(1, seconds=20), conditions=[EVICTED]), "proxy", runs())

    assert outcome(job(active=1), found).status is FAILED


def test_a_time_that_the_kubelet_wrote_does_not_decide_who_ended_the_command() -> None:
    by_kubelet = {**EVICTED, "reason": "TerminationByKubelet", "lastTransitionTime": at(900)}
    found = beside(pod(ended(1), phase="Failed", reason="Evicted", conditions=[by_kubelet]), "proxy", ended(137))

    assert outcome(failed(), found).reason == "Evicted"


def test_an_end_that_is_written_ends_the_job_and_its_later_failure_changes_nothing() -> None:
    going, found = job(active=1), beside(running_pod(ended(0)), "proxy", runs())
    run = decided(going, found).run
    assert run

    stopped = job_stop.stopped(going, stop_of(run))
    assert stopped["spec"]["activeDeadlineSeconds"] == 1
    # If the pass dies before that, the next pass does it; if it dies later, nothing is left to do.
    assert decided(going, None, run).stop == stop_of(run)
    assert decided(stopped, None, run) == NO_CHANGE
    over = {**stopped, "status": failed("DeadlineExceeded")["status"]}
    assert decided(over, None, run) == NO_CHANGE
    # A restored table does not have the run: then the Job says how it ended.
    seen = outcome(over, None)
    assert (seen.status, seen.exit_code, seen.end_time) == (SUCCESS, 0, seconds_later(50))


def test_an_overwritten_annotation_of_an_end_is_ignored() -> None:
    for told in ("", "null", "[]", "{}", '{"exitCode": "0"}', "}"):
        over = failed("DeadlineExceeded")
        over["metadata"]["annotations"][labels.COMMAND_END] = told
        assert outcome(over, None).status is ERROR


def test_an_init_container_that_fails_is_named_with_its_code() -> None:
    found = beside(pod(waits("PodInitializing"), phase="Failed"), "fetch-keys", ended(3), init=True)

    decision = decided(failed(), found)

    assert decision.run
    assert (decision.run.status, decision.run.exit_code) == (ERROR, None)
    assert (
        decision.run.error_message
        == "The init container fetch-keys exited with code 3, so dbt never started; correct it"
    )
    assert (decision.quotes, decision.wants_log) == ("fetch-keys", False)
    quoted = run_log.quoting(decision.run, "fetching\n\nvault: permission denied\n")
    assert (quoted.error_message or "").endswith("correct it: fetching | vault: permission denied")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (ended(137, "OOMKilled"), "fetch-keys exited with code 137 (OOMKilled)"),
        (ended(128, "StartError", "no such file"), "fetch-keys could not be started (StartError: no such file)"),
    ],
)
def test_how_an_init_container_failed_is_said(state: Object, told: str) -> None:
    found = beside(pod(waits("PodInitializing"), phase="Failed"), "fetch-keys", state, init=True)

    assert told in (outcome(failed(), found).message or "")


def test_a_sidecar_that_was_stopped_with_its_pod_is_not_blamed() -> None:
    found = beside(pod(waits("PodInitializing"), phase="Failed"), "proxy", ended(143), sidecar=True)

    assert "proxy" not in (outcome(failed(), found).message or "")


@pytest.mark.parametrize("sidecar", [False, True])
def test_an_image_of_an_init_container_that_is_missing_is_called_by_its_own_name(*, sidecar: bool) -> None:
    state = waits("ImagePullBackOff", "Back-off pulling image")
    found = beside(pod(waits("PodInitializing")), "fetch-keys", state, init=True, sidecar=sidecar)

    decision = decided(job(active=1), found, seconds=61)

    assert decision.run
    assert decision.run.status is ERROR
    assert "The image fetch-keys:1 of the container fetch-keys could not be pulled" in (
        decision.run.error_message or ""
    )
    assert "dbt:1.10" not in (decision.run.error_message or "")
    assert decision.stop


def test_a_missing_secret_of_an_init_container_is_named_as_its_own() -> None:
    state = waits("CreateContainerConfigError", 'secret "vault" not found')
    found = beside(pod(waits("PodInitializing")), "fetch-keys", state, init=True)

    message = outcome(failed(), found).message or ""

    assert (
        'The container fetch-keys could not be set up (CreateContainerConfigError: secret "vault" not found)' in message
    )


def test_a_sidecar_that_crashes_again_and_again_is_what_a_run_waits_for() -> None:
    found = beside(pod(waits("PodInitializing")), "proxy", waits("CrashLoopBackOff", "back-off 40s"), sidecar=True)

    seen = outcome(job(active=1), found)

    assert (seen.status, seen.reason, seen.message) == (PENDING, "CrashLoopBackOff", "back-off 40s")


def test_a_run_waits_for_a_running_init_container_even_at_its_deadline() -> None:
    going = beside(pod(waits("PodInitializing")), "fetch-keys", runs(), init=True)
    assert outcome(job(active=1), going).message == "the init container fetch-keys has not ended"
    assert outcome(job(active=1), beside(pod(waits("PodInitializing")), "proxy", runs(), sidecar=True)).message is None

    over = beside(
        pod(waits("PodInitializing"), phase="Failed", reason="DeadlineExceeded"), "fetch-keys", ended(137), init=True
    )
    decision = decided(failed(), over)

    assert decision.run
    message = decision.run.error_message or ""
    assert "dbt did not start in time" in message
    assert "the init container fetch-keys had not ended" in message
    assert "raise the deadline" not in message


def test_excerpts_have_no_escape_sequences() -> None:
    run = decided(
        failed(), beside(pod(waits("PodInitializing"), phase="Failed"), "fetch-keys", ended(3), init=True)
    ).run
    assert run

    quoted = run_log.quoting(run, "\x1b[31mno\x1b[0m such\x07 key\r\n" + "x" * 5000).error_message or ""

    assert quoted.endswith("correct it: no such key | " + "x" * 200)
    assert run_log.quoting(run, "\n \n") == run


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("\x1b]8;;https://vault.example\x07vault\x1b]8;;\x07: denied\n", "vault: denied"),
        ("\x9b31mno such key\x9b0m\n", "no such key"),
        ("10%\r50%\rgave up at 50%\n", "gave up at 50%"),
        ("key\tnot found\n", "key not found"),
        ("no\u202e such key\u200b\n", "no such key"),
    ],
)
def test_excerpts_read_as_on_a_screen(log: str, told: str) -> None:
    run = decided(
        failed(), beside(pod(waits("PodInitializing"), phase="Failed"), "fetch-keys", ended(3), init=True)
    ).run
    assert run

    assert (run_log.quoting(run, log).error_message or "").endswith(f"correct it: {told}")
