"""A run that gets no pod, or one that no node can set up, is given up within minutes, with the cluster's own words."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs_api.ingest import giving_up, unseen_end
from jobs_api.ingest.decision import NO_CHANGE, Decision, decide
from jobs_api.k8s import job_stop, labels, run_identity
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import observe
from jobs_api.model.run import Run, RunStatus
from tests.objects import TWO, at, complete, event, failed, job, pod, runs, waits

ERROR = RunStatus.ERROR
QUOTA = 'Error creating: pods "x" is forbidden: exceeded quota: jobs, requested: requests.cpu=4, used: requests.cpu=40'
REFUSED = event("FailedCreate", QUOTA)
NO_SANDBOX = event("FailedCreatePodSandBox", "failed to assign an IP address to container", 30)
NOT_READY = [{"type": "PodReadyToStartContainers", "status": "False"}, {"type": "PodScheduled", "status": "True"}]
NO_NODE = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]


def later(seconds: float) -> datetime:
    return TWO + timedelta(seconds=seconds)


def pending() -> Run:
    run = decide(observe(job()), None, "org-acme", later(6)).run
    assert run
    return run


def decided(found: Object, its_pod: Object | None, seconds: float, *events: Object, run: Run | None = None) -> Decision:
    return decide(observe(found, its_pod, events), run or pending(), "org-acme", later(seconds))


def asks(found: Object, its_pod: Object | None, seconds: float, run: Run | None = None) -> str | None:
    return giving_up.wants_events_of(observe(found, its_pod), run or pending(), later(seconds))


def test_a_job_whose_pod_is_refused_is_given_up_after_five_minutes_in_the_clusters_words() -> None:
    assert decided(job(), None, 299, REFUSED) == NO_CHANGE

    decision = decided(job(), None, 300, REFUSED)

    assert decision.run
    assert (decision.run.status, decision.run.end_time, decision.run.exit_code) == (ERROR, later(300), None)
    assert f"The cluster made no pod for the run (FailedCreate: {QUOTA})" in (decision.run.error_message or "")
    assert "deadline" not in (decision.run.error_message or "")
    assert decision.stop
    assert job_stop.stopped(job(), decision.stop)["spec"]["activeDeadlineSeconds"] == 1
    assert not decision.wants_log


def test_a_job_that_has_no_pod_for_no_known_reason_is_given_up_after_fifteen_minutes() -> None:
    assert decided(job(), None, 899) == NO_CHANGE
    decision = decided(job(), None, 900)

    assert decision.run
    assert "NoPod: the Job controller has made none" in (decision.run.error_message or "")


@pytest.mark.parametrize(
    "found",
    [job(active=1), job({"type": "Suspended", "status": "True"}) | {"spec": {**job()["spec"], "suspend": True}}],
)
def test_a_job_whose_status_counts_a_pod_or_that_is_suspended_is_left_alone(found: Object) -> None:
    assert decided(found, None, 3600, REFUSED) == NO_CHANGE
    assert asks(found, None, 3600) is None


def test_a_run_that_ran_and_whose_pod_is_to_be_replaced_is_left_to_its_deadline() -> None:
    ran = decide(observe(job(ready=1), pod(runs())), None, "org-acme", later(5)).run

    assert decided(job(), None, 3600, REFUSED, run=ran) == NO_CHANGE
    assert asks(job(), None, 3600, ran) is None


def test_a_pod_that_gets_no_sandbox_is_given_up_after_five_minutes_in_the_clusters_words() -> None:
    waiting = pod(waits("ContainerCreating"), conditions=NOT_READY)
    assert decided(job(active=1), waiting, 300, NO_SANDBOX) == NO_CHANGE

    decision = decided(job(active=1), waiting, 301, NO_SANDBOX)

    assert decision.run
    assert decision.run.status is ERROR
    message = decision.run.error_message or ""
    assert "(FailedCreatePodSandBox: failed to assign an IP address to container), so dbt never started" in message
    assert decision.stop
    assert asks(job(active=1), waiting, 301) == "pod"
    unsaid = decided(job(active=1), waiting, 301).run
    assert unsaid
    assert "PodNotReadyToStartContainers" in (unsaid.error_message or "")


@pytest.mark.parametrize(
    "waiting",
    [
        pod(waits("ContainerCreating"), conditions=[{"type": "PodReadyToStartContainers", "status": "True"}]),
        pod(waits("ContainerCreating")),
        pod(runs(), conditions=NOT_READY),
        pod(waits("ContainerCreating"), conditions=NOT_READY, startTime=at(3500)),
        pod(conditions=NO_NODE, startTime=None),
    ],
    ids=["an image that takes long", "a cluster without the condition", "it runs", "taken just now", "no node yet"],
)
def test_a_pod_that_only_takes_its_time_is_left(waiting: Object) -> None:
    assert decided(job(active=1), waiting, 3600, NO_SANDBOX).stop is None
    assert asks(job(active=1), waiting, 3600) is None


def test_a_large_image_whose_pull_breaks_off_once_is_pulled_again() -> None:
    """The node pulled for ten minutes; the kubelet tries again 10, 30 and 70 seconds after that."""
    waiting = pod(waits("ErrImagePull", "unexpected EOF"))
    broke_off = event("Failed", 'Failed to pull image "big": unexpected EOF', 600)
    again = event("Failed", "Error: ImagePullBackOff", 640)

    assert decided(job(active=1), waiting, 601, broke_off) == NO_CHANGE
    assert decided(job(active=1), waiting, 659, again, broke_off) == NO_CHANGE
    decision = decided(job(active=1), waiting, 660, again, broke_off)

    assert decision.stop
    assert decision.run
    assert "could not be pulled (ErrImagePull: unexpected EOF)" in (decision.run.error_message or "")


def test_without_events_of_a_failure_a_missing_image_is_given_up_a_minute_after_a_node_took_the_pod() -> None:
    waiting = pod(waits("ErrImagePull", "not found"))
    unmounted = event("FailedMount", "timed out waiting for the condition", 55)

    assert asks(job(active=1), waiting, 60) is None
    assert asks(job(active=1), waiting, 61) == "pod"
    assert decided(job(active=1), waiting, 61).stop
    assert decided(job(active=1), waiting, 61, unmounted).stop


def test_events_are_asked_for_only_when_a_run_is_about_to_be_given_up() -> None:
    assert asks(job(), None, 299) is None
    assert asks(job(), None, 300) == job()["metadata"]["uid"]
    for found, its_pod in [(complete(), None), (job(active=1), pod(waits("ContainerCreating"))), (failed(), None)]:
        assert asks(found, its_pod, 3600) is None


def test_a_pod_that_never_got_a_node_is_given_up_before_its_jobs_deadline_takes_the_reason_along() -> None:
    waiting = pod(conditions=NO_NODE, startTime=None)
    assert decided(job(active=1), waiting, 86_279) == NO_CHANGE

    decision = decided(job(active=1), waiting, 86_280)

    assert decision.run
    message = decision.run.error_message or ""
    assert "dbt did not start in time (Unschedulable: 0/3 nodes are available)" in message
    assert "raise the deadline" not in message


@pytest.mark.parametrize("events", [(), (REFUSED,)])
def test_a_deadline_of_a_pod_that_never_ran_is_not_given_as_the_reason(events: Any) -> None:
    over = failed("DeadlineExceeded", at_=900)
    assert asks(over, None, 960) == job()["metadata"]["uid"]

    run = decided(over, None, 960, *events).run

    assert run
    assert run.status is ERROR
    assert "did not start" in (run.error_message or "")
    assert "deadline" not in (run.error_message or "")
    assert ("exceeded quota" in (run.error_message or "")) == bool(events)


def test_at_the_deadline_of_a_pod_that_never_ran_the_reason_is_what_it_waited_for() -> None:
    crashing = {"name": "proxy", "image": "proxy:1", "state": waits("CrashLoopBackOff", "back-off 5m0s")}
    over = pod(waits("PodInitializing"), phase="Failed", reason="DeadlineExceeded", initContainerStatuses=[crashing])

    run = decided(failed(), over, 960).run

    assert run
    assert "did not start in time (CrashLoopBackOff: back-off 5m0s)" in (run.error_message or "")


# With `Replace` the controller deletes the running Job and creates the next one.


def test_a_run_that_was_replaced_ends_when_the_next_began() -> None:
    ran = decide(observe(job(ready=1), pod(runs())), None, "org-acme", later(5)).run
    assert ran
    slots = {later(0): later(0), later(120): later(122), later(60): later(62), later(-60): later(-58)}

    ended = unseen_end.replaced(ran, slots)

    assert ended
    assert (ended.status, ended.end_time, ended.duration_seconds) == (ERROR, later(62), 59.0)
    assert "The run of 2026-04-28T02:01:00Z took its place" in (ended.error_message or "")
    assert "Replace" in (ended.error_message or "")


def test_a_run_without_a_later_slot_or_without_a_slot_was_not_replaced() -> None:
    ran = decide(observe(job(ready=1), pod(runs())), None, "org-acme", later(5)).run
    manual = decide(observe(job(run_id="run_manual", ready=1), pod(runs())), None, "org-acme", later(5)).run
    assert ran
    assert manual

    assert unseen_end.replaced(ran, {later(0): later(0)}) is None
    assert unseen_end.replaced(ran, {}) is None
    assert unseen_end.replaced(manual, {later(60): later(62)}) is None


# The CronJob's name, which its Jobs keep.


def test_a_job_keeps_its_cronjobs_name_when_its_owner_is_taken_off() -> None:
    orphan = job()
    orphan["metadata"]["annotations"][labels.CRONJOB] = "jaffle-nightly"
    del orphan["metadata"]["ownerReferences"]

    assert run_identity.cronjob_name_of(orphan) == "jaffle-nightly"


def test_jobs_from_before_the_annotation_go_by_their_owner_or_their_name() -> None:
    assert run_identity.cronjob_name_of(job()) == "jaffle-nightly"
    orphan = job()
    del orphan["metadata"]["ownerReferences"]
    assert run_identity.cronjob_name_of(orphan) == "jaffle-nightly"
    assert run_identity.cronjob_name_of(job(run_id="run_manual")) == "jaffle-nightly"


def test_a_run_keeps_the_timeout_that_its_job_had_when_it_was_made() -> None:
    run = decide(observe(job(ready=1), pod(runs())), None, "org-acme", later(5)).run
    assert run

    assert unseen_end.timeout_of(run) == timedelta(seconds=86_400 - 15 * 60)
    assert unseen_end.timeout_of(run.model_copy(update={"deadline_seconds": None})) is None
