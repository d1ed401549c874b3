"""How a run ends after a cancel request, depending on its Job and Pod."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.ingest import decision, unseen_end
from jobs_api.ingest.cancelled_end import NOT_STARTED, SILENT
from jobs_api.ingest.decision import Decision
from jobs_api.k8s import labels
from jobs_api.k8s.cancelling import pod_change
from jobs_api.k8s.job_stop import stopped
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import observe
from jobs_api.model.actor import Actor
from jobs_api.model.run import Run, RunStatus
from tests.objects import TWO, at, being_deleted, beside, complete, ended, failed, job, pod, runs, waits

PENDING, RUNNING, SUCCESS, FAILED, ERROR, CANCELLED = RunStatus
DEADLINE = {"phase": "Failed", "reason": "DeadlineExceeded"}
ASKED = 40


def later(seconds: float) -> datetime:
    return TWO + timedelta(seconds=seconds)


def asked(status: RunStatus = RUNNING, **values: Any) -> Run:
    """Return the run of `job()`, with a cancel request after 40 seconds."""
    run = decision.decide(observe(job()), None, "org-acme", later(6)).run
    assert run
    who = {"cancel_requested_at": later(ASKED), "cancelled_by": Actor(token_id="t")}
    return run.model_copy(update={"status": status, **who, **values})


def told_to_end(found: Object, seconds: float = ASKED + 1) -> Object:
    """Return a Pod whose deadline a cancel has lowered."""
    change = pod_change("pod", later(seconds))
    metadata = {**found["metadata"], "annotations": change["metadata"]["annotations"]}
    return {**found, "metadata": metadata, "spec": {**found["spec"], **change["spec"]}}


def decide(job: Object, pod: Object | None, run: Run, seconds: float = 60) -> Decision:
    return decision.decide(observe(job, pod), run, "org-acme", later(seconds))


def test_the_pod_of_a_running_run_is_ended_and_waited_for() -> None:
    found = decide(job(active=1, ready=1), pod(runs(), phase="Running"), asked())

    assert found.ends_pod
    assert (found.run, found.stop) == (None, None)


def test_a_job_is_stopped_once() -> None:
    assert not decide(job(active=1), told_to_end(pod(runs(), phase="Running")), asked()).ends_pod


def test_the_pod_of_a_running_run_is_read_only_because_of_a_cancel() -> None:
    goes_on = observe(job(active=1, ready=1))

    assert decision.wants_pod(goes_on, asked(), later(60))
    assert not decision.wants_pod(goes_on, asked(cancel_requested_at=None), later(60))


def test_a_run_whose_pod_was_ended_is_cancelled_with_the_commands_own_exit_code() -> None:
    found = decide(failed(), told_to_end(pod(ended(1, seconds=42), **DEADLINE)), asked())

    assert found.run
    assert (found.run.status, found.run.exit_code, found.run.error_message) == (CANCELLED, 1, None)
    assert (found.run.end_time, found.run.message) == (later(42), None)
    assert found.wants_log


@pytest.mark.parametrize(("code", "status"), [(0, SUCCESS), (3, FAILED)])
def test_a_command_that_had_ended_by_itself_keeps_its_end(code: int, status: RunStatus) -> None:
    by_itself = pod(ended(code, seconds=20), phase="Failed" if code else "Succeeded")
    finished = failed() if code else complete(20)

    assert [one.status for one in [decide(finished, told_to_end(by_itself), asked()).run] if one] == [status]
    assert [one.status for one in [decide(finished, by_itself, asked()).run] if one] == [status]


def test_a_command_that_ended_well_before_beside_a_sidecar_keeps_its_end() -> None:
    with_sidecar = beside(pod(ended(0, seconds=20), **DEADLINE), "proxy", ended(143), sidecar=True)

    found = decide(failed(), told_to_end(with_sidecar), asked())

    assert found.run
    assert found.run.status is SUCCESS


def test_a_node_whose_clock_is_behind_makes_no_failure_of_what_was_cancelled() -> None:
    found = decide(failed(), told_to_end(pod(ended(1, seconds=ASKED - 5), **DEADLINE)), asked())

    assert found.run
    assert found.run.status is CANCELLED


@pytest.mark.parametrize("reason", ["Evicted", "NodeShutdown", "DeadlineExceeded"])
def test_an_end_of_the_pod_after_the_request_is_not_notified_as_a_failure(reason: str) -> None:
    gone = pod(ended(137, seconds=55), phase="Failed", reason=reason)

    found = decide(failed(), gone, asked())

    assert found.run
    assert (found.run.status, found.run.error_message) == (CANCELLED, None)


def test_an_end_of_the_pod_long_before_the_request_is_notified_as_usual() -> None:
    found = decide(failed(at_=20), pod(ended(137, seconds=20), phase="Failed", reason="Evicted"), asked())

    assert found.run
    assert found.run.status is ERROR


@pytest.mark.parametrize("suspended", [False, True])
def test_a_job_without_a_pod_is_ended_at_once_and_makes_none(suspended: bool) -> None:  # noqa: FBT001 - a parameter
    found = job()
    found["spec"] |= {"suspend": suspended, "parallelism": 1}

    decided = decide(found, None, asked(PENDING))

    assert decided.run
    assert decided.stop
    assert (decided.run.status, decided.run.message, decided.wants_log) == (CANCELLED, NOT_STARTED, False)
    after = stopped(found, decided.stop)
    assert (after["spec"]["parallelism"], after["spec"]["suspend"], after["spec"]["activeDeadlineSeconds"]) == (
        0,
        False,
        1,
    )
    assert after["metadata"]["annotations"][labels.STOPPED].startswith("Cancelled: ")


def test_a_pod_that_no_node_has_taken_is_left_to_its_job() -> None:
    unscheduled = pod(waits("ContainerCreating"), startTime=None)

    decided = decide(job(active=1), unscheduled, asked(PENDING))

    assert (decided.stop is not None, decided.ends_pod) == (True, False)


def test_a_pod_that_somebody_deletes_gives_its_log_while_it_can() -> None:
    decided = decide(job(active=0), being_deleted(pod(runs(), phase="Running")), asked())

    assert decided.run
    assert decided.stop
    assert (decided.run.status, decided.wants_log, decided.ends_pod) == (CANCELLED, True, False)


def test_a_node_that_never_reports_is_waited_for_only_for_a_time() -> None:
    silent = told_to_end(pod(runs(), phase="Running"))

    early, late = (decide(job(active=1, ready=1), silent, asked(), seconds) for seconds in (300, 400))

    assert early == decision.NO_CHANGE
    assert late.run
    assert late.stop
    assert (late.run.status, late.run.message, late.run.end_time) == (CANCELLED, SILENT, later(ASKED + 1 + 30))


def test_a_run_whose_job_vanished_or_that_no_cluster_showed_was_cancelled() -> None:
    run, now = asked(), later(86_400 * 3)

    for end in (unseen_end.gone(run, now), unseen_end.overdue(run, timedelta(hours=1), now)):
        assert end
        assert (end.status, end.error_message) == (CANCELLED, None)


def test_a_job_of_a_run_that_was_cancelled_before_it_was_launched_is_ended() -> None:
    decided = decide(job(active=1), pod(runs(), phase="Running"), asked(CANCELLED))

    assert (decided.run, decided.stop is not None) == (None, True)
    assert decided.stop
    assert decided.stop.makes_no_pod


STATES = st.sampled_from([waits("ContainerCreating"), runs(), ended(0, seconds=42), ended(1, seconds=42), ended(143)])
PHASES = st.sampled_from(["Pending", "Running", "Succeeded", "Failed"])
JOBS = st.sampled_from([job(), job(active=1, ready=1), failed(), complete(50)])


@given(JOBS, st.none() | st.builds(lambda state, phase: pod(state, phase=phase), STATES, PHASES), st.booleans())
def test_whatever_is_seen_a_cancelled_run_never_fails_for_a_reason_of_the_cluster(
    found: Object,
    its_pod: Object | None,
    patched: bool,  # noqa: FBT001 - drawn
) -> None:
    its_pod = told_to_end(its_pod) if its_pod and patched else its_pod

    decided = decide(found, its_pod, asked())

    assert decided.run is None or decided.run.status is not ERROR
    # Its Job is stopped now, was stopped before, or has ended.
    assert decided.run or decided.ends_pod or decided.stop or (its_pod and (patched or "Run" not in str(its_pod)))
    assert at(0)
