"""An ingest's decisions about a run: examples, and any order of observations."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.ids import derived_id
from jobs_api.ingest import decision, run_log, unseen_end
from jobs_api.ingest.decision import NO_CHANGE, Decision
from jobs_api.k8s import job_stop, labels, run_identity
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import observe
from jobs_api.model.run import Run, RunStatus, StoredLog, TriggeredBy
from tests.objects import TWO, UID, at, complete, ended, failed, job, pod, runs, waits
from tests.unit.logs.test_excerpts import DBT

PENDING, RUNNING, SUCCESS, FAILED, ERROR, _ = RunStatus
ACME = "org-acme"


def later(seconds: float) -> datetime:
    return TWO + timedelta(seconds=seconds)


def decide(job: Object, pod: Object | None, run: Run | None, organization_id: str, now: datetime) -> Decision:
    return decision.decide(observe(job, pod), run, organization_id, now)


def wants_pod(job: Object, run: Run | None) -> bool:
    return decision.wants_pod(observe(job), run, later(60))


def seen(job: Object, pod: Object | None, run: Run | None = None, seconds: float = 60) -> Run | None:
    return decide(job, pod, run, ACME, later(seconds)).run


def a_run(status: RunStatus = PENDING, **values: Any) -> Run:
    """Return the run of `job()` as it is stored."""
    run = seen(job(), None)
    assert run
    return run.model_copy(update={"status": status, **values})


def test_a_job_that_was_never_seen_becomes_a_run() -> None:
    run = seen(job(active=1), pod(waits("ContainerCreating")), seconds=10)

    assert run == Run(
        id=derived_id("run_", UID),
        organization_id=ACME,
        project_id="proj_jaffle",
        job_id="job_nightly",
        job_name="jaffle-nightly-29622840",
        cronjob_name="jaffle-nightly",
        namespace=ACME,
        job_type="build",
        status=PENDING,
        triggered_by=TriggeredBy.SCHEDULED,
        command="dbt build",
        scheduled_for=TWO,
        pod_name="jaffle-nightly-29622840-x7k2p",
        created_at=TWO,
        updated_at=later(10),
        job_uid=UID,
        deadline_seconds=86_400,
    )


def with_spec(job_: Object, **fields: Any) -> Object:
    return {**job_, "spec": {**job_["spec"], **fields}}


@pytest.mark.parametrize(
    ("made_into", "too_new"),
    [
        pytest.param((job(active=1), None), True, id="its pod is made"),
        pytest.param((job(), None), False, id="no pod, and perhaps never one"),
        pytest.param((job(active=1), pod(waits("ContainerCreating"))), True, id="its container is made"),
        pytest.param((job(active=1), pod(waits("ImagePullBackOff"))), False, id="something is wrong"),
        pytest.param((job(ready=1), pod(runs())), False, id="it runs"),
        pytest.param((failed(), None), False, id="it has failed"),
        pytest.param((with_spec(job(), suspend=True), None), False, id="it is suspended"),
        pytest.param((with_spec(job(active=1), suspend=True), None), False, id="it is suspended, and its pod goes"),
    ],
)
def test_a_new_job_whose_pod_just_starts_is_left_to_the_next_pass(
    made_into: tuple[Object, Object | None], *, too_new: bool
) -> None:
    observed, pod_ = made_into

    for seconds, waits_ in ((4.9, too_new), (5, False), (-1, False)):
        decided = decide(observed, pod_, None, ACME, later(seconds))
        assert decided.too_new is waits_
        assert (decided.run is None) is waits_
    assert not decide(observed, pod_, a_run(), ACME, later(2)).too_new


def test_a_run_is_running_when_its_container_is() -> None:
    run = seen(job(ready=1), pod(runs()), a_run(), seconds=5)

    assert run
    assert (run.status, run.start_time, run.updated_at) == (RUNNING, later(3), later(5))
    assert run.end_time is None


def test_a_run_that_ended_well_has_times_and_exit_code_zero() -> None:
    decided = decide(complete(751), pod(ended(0, seconds=750)), a_run(RUNNING), ACME, later(760))

    assert decided.wants_log
    run = decided.run
    assert run
    assert (run.status, run.exit_code, run.error_message) == (SUCCESS, 0, None)
    assert (run.start_time, run.end_time, run.duration_seconds) == (later(3), later(750), 747.0)


def test_a_run_seen_only_after_its_end_is_written_once_and_ended() -> None:
    run = seen(failed(), pod(ended(3)))

    assert run
    assert (run.status, run.exit_code, run.error_message) == (FAILED, 3, "dbt exited with code 3")
    assert run.created_at == TWO


def test_the_start_stays_known_after_the_pod_is_deleted() -> None:
    run = seen(failed("DeadlineExceeded"), None, a_run(RUNNING, start_time=later(3)))

    assert run
    assert (run.status, run.start_time, run.duration_seconds) == (ERROR, later(3), 57.0)


def test_a_manual_run_is_found_by_its_label() -> None:
    stored = a_run(id="run_manual", job_uid=None)

    run = seen(job(run_id="run_manual", ready=1), pod(runs()), stored)

    assert run
    assert (run.id, run.status, run.job_uid) == ("run_manual", RUNNING, UID)


def test_a_manual_job_whose_run_is_missing_is_adopted() -> None:
    run = seen(job(run_id="run_manual"), None)

    assert run
    assert (run.id, run.triggered_by, run.scheduled_for) == ("run_manual", TriggeredBy.MANUAL, None)
    assert (run.job_name, run.cronjob_name) == ("jaffle-nightly-20260428-020000", "jaffle-nightly")


def test_a_job_made_from_the_cronjob_with_kubectl_is_a_manual_run() -> None:
    made = job()
    made["metadata"]["annotations"][run_identity.INSTANTIATED] = "manual"

    run = seen(made, None)

    assert run
    assert run.triggered_by is TriggeredBy.MANUAL


def test_a_copy_of_a_runs_job_is_not_that_run() -> None:
    stored = a_run(RUNNING, id="run_manual", job_uid="another")

    copied = complete()
    copied["metadata"]["labels"][labels.RUN_ID] = "run_manual"

    assert decide(copied, None, stored, ACME, later(60)) == NO_CHANGE
    assert seen(copied, None, stored.model_copy(update={"job_uid": UID})) is not None


@pytest.mark.parametrize(("command", "job_type"), [("dbt docs generate", "docs generate"), ("dbt 'build", "run")])
def test_a_job_that_does_not_say_its_type_goes_by_its_command(command: str, job_type: str) -> None:
    found = job()
    del found["metadata"]["annotations"][labels.JOB_TYPE]
    found["metadata"]["annotations"][labels.COMMAND] = command

    run = seen(found, None)

    assert run
    assert (run.command, run.job_type) == (command, job_type)


@pytest.mark.parametrize("missing", [labels.PROJECT_ID, labels.JOB_ID])
def test_a_job_that_lacks_one_of_our_labels_is_not_a_run(missing: str) -> None:
    copied = job()
    del copied["metadata"]["labels"][missing]

    assert run_identity.is_run(job())
    assert not run_identity.is_run(copied)


@pytest.mark.parametrize("status", [SUCCESS, FAILED, ERROR])
@pytest.mark.parametrize(("found", "its_pod"), [(complete(), pod(ended(0))), (failed(), None)])
def test_an_end_is_final(status: RunStatus, found: Object, its_pod: Object | None) -> None:
    assert decide(found, its_pod, a_run(status), ACME, later(60)) == NO_CHANGE
    assert not wants_pod(found, a_run(status))


def test_the_pod_is_read_only_where_it_can_say_something() -> None:
    assert wants_pod(job(active=1), None)
    assert wants_pod(job(active=1, ready=1), a_run(PENDING))
    assert wants_pod(complete(), a_run(RUNNING))
    assert not wants_pod(job(active=1, ready=1), a_run(RUNNING))
    assert not wants_pod(complete(), a_run(SUCCESS))


def test_the_same_facts_again_change_nothing() -> None:
    for found, its_pod in [(job(), None), (job(ready=1), pod(runs())), (complete(), pod(ended(0)))]:
        run = seen(found, its_pod)
        assert run
        assert decide(found, its_pod, run, ACME, later(61)) == NO_CHANGE


@pytest.mark.parametrize(
    "why", ["ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError", "ErrImageNeverPull"]
)
def test_a_run_that_cannot_start_is_given_up_after_a_minute_and_its_job_with_it(why: str) -> None:
    stuck = pod(waits(why, "no such thing"))

    assert decide(job(), stuck, a_run(), ACME, later(60)) == NO_CHANGE
    decided = decide(job(), stuck, a_run(), ACME, later(61))

    assert decided.run
    assert decided.run.status is ERROR
    assert f"{why}: no such thing" in (decided.run.error_message or "")
    assert not decided.wants_log
    assert decided.stop
    stopped = job_stop.stopped(job(), decided.stop)
    assert stopped["spec"]["activeDeadlineSeconds"] == 1
    assert stopped["metadata"]["resourceVersion"] == "17"
    assert stopped["metadata"]["annotations"][labels.STOPPED] == f"{why}: {decided.run.error_message}"


@pytest.mark.parametrize("state", [waits("ContainerCreating"), waits("PodInitializing"), None])
def test_a_run_that_only_takes_its_time_is_left_waiting(state: Object | None) -> None:
    assert decide(job(), pod(state), a_run(), ACME, later(6 * 3600)) == NO_CHANGE


def test_time_without_a_node_does_not_count_against_an_image() -> None:
    fresh = pod(waits("ErrImagePull"), startTime=at(1000))

    assert decide(job(), fresh, a_run(), ACME, later(1030)) == NO_CHANGE


def test_a_deleted_job_ends_its_run_after_a_while() -> None:
    run = a_run(RUNNING, start_time=later(3), updated_at=later(5))

    assert unseen_end.gone(run, later(124)) is None
    ended_run = unseen_end.gone(run, later(125))

    assert ended_run
    assert (ended_run.status, ended_run.end_time, ended_run.duration_seconds) == (ERROR, later(125), 122.0)
    assert "disappeared" in (ended_run.error_message or "")
    assert unseen_end.gone(ended_run, later(10_000)) is None


def test_a_launch_is_tried_for_an_hour() -> None:
    run = a_run(launch={"kind": "Job"})

    assert unseen_end.not_launched(run, later(3599)) is None
    late = unseen_end.not_launched(run, later(3600))

    assert late
    assert late.status is ERROR
    assert "could not be launched" in (late.error_message or "")


def test_a_launch_that_the_cluster_refuses_for_good_ends_at_once() -> None:
    refused = unseen_end.not_launched(a_run(), later(1), refused="spec.template: Invalid value")

    assert refused
    assert "could not be launched: spec.template: Invalid value" in (refused.error_message or "")


def test_a_failed_run_quotes_its_log_and_others_do_not() -> None:
    log = StoredLog(key="k", size_bytes=1)
    failure = a_run(FAILED, error_message="dbt exited with code 1")
    killed = a_run(ERROR, error_message="killed")

    quoted = run_log.with_log(failure, log, DBT)

    assert quoted.error_message == 'dbt exited with code 1: model broken: Parser Error: syntax error at or near "selec"'
    assert run_log.with_log(killed, log, DBT).error_message == "killed"
    assert run_log.with_log(killed, log, DBT).log == log


def test_a_success_says_what_is_remarkable_about_it_and_a_killed_run_what_it_was_doing() -> None:
    log = StoredLog(key="k", size_bytes=1)
    start = "02:00:01  1 of 2 START sql table model main.orders ............... [RUN]\n"

    warned = run_log.with_log(a_run(SUCCESS), log, "02:00:01  Done. PASS=1 WARN=2 ERROR=0 SKIP=1 TOTAL=4\n")
    plain = run_log.with_log(a_run(SUCCESS), log, "02:00:01  Done. PASS=4 WARN=0 ERROR=0 SKIP=0 TOTAL=4\n")
    killed = run_log.with_log(a_run(ERROR, error_message="killed"), log, start)

    assert (warned.message, warned.error_message) == ("2 warnings; 1 skipped", None)
    assert plain.message is None
    assert (killed.message, killed.error_message) == ("It was running model orders", "killed")


# The states of one Job that a pass may see, in the order in which they happen; each may be missed, seen late or seen
# again.
STORY: list[tuple[Object, Object | None]] = [
    (job(active=1), None),
    (job(active=1), pod(waits("ContainerCreating"))),
    (job(active=1), pod(waits("ErrImagePull", "timeout"))),
    (job(active=1, ready=1), pod(runs())),
    (job(active=1, ready=1), pod(ended(3), phase="Failed")),
]
LAST: list[tuple[tuple[Object, Object | None], RunStatus]] = [
    ((complete(), pod(ended(0))), SUCCESS),
    ((failed(), pod(ended(3))), FAILED),
    ((failed(), pod(ended(137, "OOMKilled"))), ERROR),
    ((failed("DeadlineExceeded"), None), ERROR),
    ((failed(), None), ERROR),
]


@given(sights=st.lists(st.sampled_from(STORY), max_size=12), last=st.sampled_from(LAST), again=st.integers(1, 3))
def test_in_any_order_of_observations_a_run_never_goes_back_and_ends_the_same(
    sights: list[tuple[Object, Object | None]], last: tuple[tuple[Object, Object | None], RunStatus], again: int
) -> None:
    end, status = last
    run: Run | None = None
    history: list[Run] = []
    # Everything takes less than a minute, so that no run is given up; early observations may come again after the end.
    for second, (found, its_pod) in enumerate([*sights, *[end] * again, *sights]):
        after = decide(found, its_pod, run, ACME, later(second)).run
        if after:
            history.append(after)
            run = after

    order = list(RunStatus)
    assert run
    assert run.status is status
    assert all(order.index(one.status) < order.index(two.status) for one, two in pairwise(history))
    assert all(one.updated_at < two.updated_at for one, two in pairwise(history))
    assert len(history) <= 3
    assert {one.id for one in history} == {derived_id("run_", UID)}
