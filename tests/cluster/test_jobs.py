"""Jobs: how they end, and what their status says."""

from typing import Any

import pytest
from kubernetes import client

from tests.cluster.workloads import (
    SLEEPS,
    Eventually,
    conditions,
    ended_job,
    job,
    pod_spec,
    pods_of,
    running_pod,
    shell,
)


@pytest.fixture
def run(batch: client.BatchV1Api, namespace: str, eventually: Eventually, image: str) -> Any:
    """Return a function that creates a Job named `work` and waits for its end."""

    def create(command: tuple[str, ...], **spec: Any) -> Any:
        batch.create_namespaced_job(namespace, job("work", image, command, **spec))
        return ended_job(batch, namespace, "work", eventually)

    return create


def gone(ask: Any) -> bool:
    try:
        ask()
    except client.ApiException as error:
        return bool(error.status == 404)
    return False


def test_it_works(run: Any, core: client.CoreV1Api, namespace: str) -> None:
    done = run(("python", "-c", "print('hello')"))
    assert conditions(done) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert (done.status.active, done.status.succeeded, done.status.failed) == (None, 1, None)
    assert done.status.start_time <= done.status.completion_time
    (pod,) = pods_of(core, namespace, "work")
    assert pod.status.phase == "Succeeded"
    assert core.read_namespaced_pod_log(pod.metadata.name, namespace) == "hello\n"


def test_a_pod_is_found_by_its_jobs_labels_and_owner(run: Any, core: client.CoreV1Api, namespace: str) -> None:
    done = run(("true",))
    (pod,) = pods_of(core, namespace, "work")
    uid = done.metadata.uid
    assert pod.metadata.name.startswith("work-")
    assert len(pod.metadata.name) == len("work-") + 5
    assert pod.metadata.labels == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "work",
        "controller-uid": uid,
        "job-name": "work",
    }
    assert done.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": uid}
    (owner,) = pod.metadata.owner_references
    assert (owner.kind, owner.name, owner.uid, owner.controller) == ("Job", "work", uid, True)


def test_a_command_that_fails_fails_the_job(run: Any, core: client.CoreV1Api, namespace: str) -> None:
    failed = run(shell("exit 3"))
    assert conditions(failed) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert failed.status.conditions[-1].message == "Job has reached the specified backoff limit"
    assert (failed.status.succeeded, failed.status.failed, failed.status.completion_time) == (None, 1, None)
    (pod,) = pods_of(core, namespace, "work")
    assert pod.status.container_statuses[0].state.terminated.exit_code == 3


@pytest.mark.timeout(90)
def test_a_failed_command_is_tried_again_up_to_the_backoff_limit(
    run: Any, core: client.CoreV1Api, namespace: str
) -> None:
    failed = run(shell("exit 1"), backoffLimit=1)
    assert failed.status.failed == 2
    first, second = pods_of(core, namespace, "work")
    ended = first.status.container_statuses[0].state.terminated.finished_at
    assert (second.metadata.creation_timestamp - ended).total_seconds() >= 9


def test_a_restart_in_place_counts_against_the_backoff_limit(run: Any, image: str) -> None:
    failed = run((), template={"spec": pod_spec(image, shell("exit 1"), "OnFailure")})
    assert conditions(failed)["Failed"] == "BackoffLimitExceeded"


def test_a_job_past_its_deadline_fails_and_its_pod_is_ended(
    run: Any, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    failed = run(SLEEPS, activeDeadlineSeconds=1)
    assert conditions(failed) == {"FailureTarget": "DeadlineExceeded", "Failed": "DeadlineExceeded"}
    assert failed.status.conditions[-1].message == "Job was active longer than specified deadline"
    eventually(lambda: not pods_of(core, namespace, "work"))


def test_an_exit_code_can_fail_a_job_at_once(run: Any) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}
    failed = run(shell("exit 42"), backoffLimit=6, podFailurePolicy={"rules": [rule]})
    assert conditions(failed) == {"FailureTarget": "PodFailurePolicy", "Failed": "PodFailurePolicy"}
    assert "failed with exit code 42 matching FailJob rule at index 0" in failed.status.conditions[-1].message


def test_two_completions_need_two_pods(run: Any, core: client.CoreV1Api, namespace: str) -> None:
    done = run(("true",), completions=2, parallelism=2)
    assert done.status.succeeded == 2
    assert len(pods_of(core, namespace, "work")) == 2


def test_an_ended_job_is_deleted_when_its_ttl_is_over(
    run: Any, batch: client.BatchV1Api, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    run(("true",), ttlSecondsAfterFinished=1)
    eventually(lambda: gone(lambda: batch.read_namespaced_job("work", namespace)))
    eventually(lambda: not pods_of(core, namespace, "work"))


def test_a_suspended_job_has_no_pod_until_it_is_resumed(
    batch: client.BatchV1Api, core: client.CoreV1Api, namespace: str, eventually: Eventually, image: str
) -> None:
    batch.create_namespaced_job(namespace, job("work", image, ("true",), suspend=True))
    eventually(lambda: conditions(batch.read_namespaced_job("work", namespace)) == {"Suspended": "JobSuspended"})
    assert pods_of(core, namespace, "work") == []
    batch.patch_namespaced_job("work", namespace, {"spec": {"suspend": False}})
    assert ended_job(batch, namespace, "work", eventually).status.succeeded == 1


@pytest.fixture
def running(
    batch: client.BatchV1Api, core: client.CoreV1Api, namespace: str, eventually: Eventually, image: str
) -> Any:
    """Return the pod of a Job named `work` that runs."""
    batch.create_namespaced_job(namespace, job("work", image, SLEEPS))
    (made,) = eventually(lambda: pods_of(core, namespace, "work"))
    return running_pod(core, namespace, made.metadata.name, eventually)


def test_a_running_job_has_an_active_and_ready_pod(
    running: Any, batch: client.BatchV1Api, namespace: str, eventually: Eventually
) -> None:
    del running
    eventually(lambda: batch.read_namespaced_job("work", namespace).status.ready == 1)
    status = batch.read_namespaced_job("work", namespace).status
    assert (status.active, status.succeeded, status.failed, status.terminating) == (1, None, None, 0)


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_deleting_a_job_ends_its_pod(
    running: Any,
    batch: client.BatchV1Api,
    core: client.CoreV1Api,
    namespace: str,
    eventually: Eventually,
    propagation: str,
) -> None:
    batch.delete_namespaced_job("work", namespace, propagation_policy=propagation)
    eventually(lambda: gone(lambda: core.read_namespaced_pod(running.metadata.name, namespace)))
    eventually(lambda: gone(lambda: batch.read_namespaced_job("work", namespace)))


def test_deleting_a_job_may_leave_its_pod(
    running: Any, batch: client.BatchV1Api, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    batch.delete_namespaced_job("work", namespace, propagation_policy="Orphan")
    eventually(lambda: gone(lambda: batch.read_namespaced_job("work", namespace)))
    left = core.read_namespaced_pod(running.metadata.name, namespace)
    assert (left.status.phase, left.metadata.owner_references) == ("Running", None)
    core.delete_namespaced_pod(running.metadata.name, namespace)
    eventually(lambda: gone(lambda: core.read_namespaced_pod(running.metadata.name, namespace)))


def test_a_pod_that_is_deleted_counts_as_failed(
    running: Any, batch: client.BatchV1Api, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    core.delete_namespaced_pod(running.metadata.name, namespace)
    failed = ended_job(batch, namespace, "work", eventually)
    assert (conditions(failed)["Failed"], failed.status.failed) == ("BackoffLimitExceeded", 1)


def test_events_say_what_happened(run: Any, core: client.CoreV1Api, namespace: str, eventually: Eventually) -> None:
    run(("true",))
    (pod,) = pods_of(core, namespace, "work")

    def reasons(name: str) -> set[str]:
        found = core.list_namespaced_event(namespace, field_selector=f"involvedObject.name={name}")
        return {one.reason for one in found.items}

    eventually(lambda: {"SuccessfulCreate", "Completed"} <= reasons("work"))
    eventually(lambda: {"Scheduled", "Pulled", "Created", "Started"} <= reasons(pod.metadata.name))


def test_kubectl_describes_a_job(run: Any, kubectl: Any) -> None:
    run(shell("exit 3"))
    description: str = kubectl("describe", "job", "work")
    assert "BackoffLimitExceeded" in description
    assert "0 Active (0 Ready) / 0 Succeeded / 1 Failed" in description
