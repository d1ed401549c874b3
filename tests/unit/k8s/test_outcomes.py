"""The outcome of a Job and its Pod: a table of Kubernetes' states and the reasons that users see."""

from dataclasses import dataclass

import pytest

from jobs_api.k8s import job_status
from jobs_api.k8s.job_status import Outcome
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed import observe
from jobs_api.k8s.pod_failures import SERVICE_STOPPED
from jobs_api.model.run import RunStatus
from tests.objects import TWO, being_deleted, beside, complete, ended, failed, job, pod, runs, waits

PENDING, RUNNING, SUCCESS, FAILED, ERROR, _ = RunStatus
NODE_DRAINED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}


@dataclass(frozen=True)
class Case:
    """Facts, and then expectations: `told` are words of the message."""

    name: str
    job: Object
    pod: Object | None
    status: RunStatus
    reason: str | None = None
    told: tuple[str, ...] = ()
    exit_code: int | None = None
    has_run: bool = False


def outcome(found: Object, its_pod: Object | None) -> Outcome:
    return job_status.outcome(observe(found, its_pod))


def ended_pod(exit_code: int, reason: str | None = None, message: str = "") -> Object:
    return pod(ended(exit_code, reason, message), phase="Failed" if exit_code else "Succeeded")


GOING = [
    Case("no pod yet", job(active=1), None, PENDING, "Pending"),
    Case("suspended by hand", job({"type": "Suspended", "status": "True"}), None, PENDING, "Suspended"),
    Case("no node", job(), pod(conditions=[NO_NODE]), PENDING, "Unschedulable", ("0/3 nodes",)),
    Case("being made", job(), pod(waits("ContainerCreating")), PENDING, "ContainerCreating"),
    Case("no image", job(), pod(waits("ImagePullBackOff", "Back-off")), PENDING, "ImagePullBackOff", ("Back-off",)),
    Case("runs", job(ready=1), pod(runs()), RUNNING, has_run=True),
    Case("has ended, and the Job does not know yet", job(ready=1), ended_pod(0), RUNNING, has_run=True),
    Case("runs, by the Job's own word", job(ready=1), None, RUNNING),
]
ENDS = [
    Case("complete", complete(), ended_pod(0), SUCCESS, exit_code=0, has_run=True),
    Case("complete, and its pod is gone", complete(), None, SUCCESS, exit_code=0),
    # Only a helper process was out of memory: https://github.com/kubernetes/kubernetes/issues/104454
    Case("complete, and marked as killed", complete(), ended_pod(0, "OOMKilled"), SUCCESS, exit_code=0, has_run=True),
    Case(
        "the command was marked as killed and succeeded, and a sidecar failed",
        failed(),
        beside(pod(ended(0, "OOMKilled"), phase="Failed"), "proxy", ended(1)),
        SUCCESS,
        exit_code=0,
        has_run=True,
    ),
    Case(
        "a helper process was out of memory, and the command failed",
        failed(),
        ended_pod(1, "OOMKilled"),
        ERROR,
        "OOMKilled",
        ("limit of 512Mi",),
        1,
        has_run=True,
    ),
    Case("exit 1", failed(), ended_pod(1), FAILED, "Error", ("dbt exited with code 1",), 1, has_run=True),
    Case("exit 3", failed(), ended_pod(3), FAILED, "Error", ("code 3",), 3, has_run=True),
    Case("exit 255", failed(), ended_pod(255), FAILED, "Error", ("code 255",), 255, has_run=True),
    Case("crashed", failed(), ended_pod(139), FAILED, "Error", ("crashed with SIGSEGV",), 139, has_run=True),
    Case("killed", failed(), ended_pod(137), ERROR, "Killed", ("SIGKILL", "from outside"), 137, has_run=True),
    Case("terminated", failed(), ended_pod(143), ERROR, "Killed", ("SIGTERM", "run it again"), 143, has_run=True),
    Case(
        "out of memory",
        failed(),
        ended_pod(137, "OOMKilled"),
        ERROR,
        "OOMKilled",
        ("limit of 512Mi", "resources.limits.memory"),
        137,
        has_run=True,
    ),
    Case(
        "evicted, and nothing is known of the container",
        failed(),
        pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
        ERROR,
        "Evicted",
        ("Evicted: The node was low on resource", "resources.requests"),
    ),
    Case(
        "evicted, and the container gave in",
        failed(),
        pod(ended(1), phase="Failed", reason="Evicted"),
        ERROR,
        "Evicted",
        exit_code=1,
        has_run=True,
    ),
    Case(
        "its node was drained",
        failed(),
        pod(ended(143), phase="Failed", conditions=[NODE_DRAINED]),
        ERROR,
        "EvictionByEvictionAPI",
        ("drained",),
        143,
        has_run=True,
    ),
    Case(
        "refused by the kubelet",
        failed(),
        pod(phase="Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu"),
        ERROR,
        "OutOfcpu",
        ("The node refused the pod, so dbt never started (OutOfcpu: Node didn't have enough resource: cpu)",),
    ),
    Case(
        "deadline, and the pod is gone",
        failed("DeadlineExceeded"),
        None,
        ERROR,
        "DeadlineExceeded",
        ("deadline of 24 hours",),
    ),
    Case(
        "deadline, and the pod was told to end",
        failed("DeadlineExceeded"),
        being_deleted(ended_pod(143)),
        ERROR,
        "DeadlineExceeded",
        ("raise the deadline",),
        143,
        has_run=True,
    ),
    Case(
        "the pod's own deadline",
        failed(),
        pod(ended(137), phase="Failed", reason="DeadlineExceeded"),
        ERROR,
        "DeadlineExceeded",
        exit_code=137,
        has_run=True,
    ),
    Case(
        "the image never came",
        failed(),
        pod(waits("ErrImagePull", "not found")),
        ERROR,
        "ErrImagePull",
        ("dbt:1.10 could not be pulled", "not found"),
    ),
    Case("the image's name", failed(), pod(waits("InvalidImageName")), ERROR, "InvalidImageName", ("project's image",)),
    Case(
        "a secret is missing",
        failed(),
        pod(waits("CreateContainerConfigError", 'secret "warehouse" not found')),
        ERROR,
        "CreateContainerConfigError",
        ('secret "warehouse" not found', "environment secret"),
    ),
    Case(
        "the program is not in the image",
        failed(),
        pod(ended(128, "StartError", 'exec: "dbt": executable file not found in $PATH'), phase="Failed"),
        ERROR,
        "StartError",
        ("could not be started in dbt:1.10", "not found in $PATH"),
    ),
    Case(
        "the image has no shell, which the runner needs",
        failed(),
        pod(ended(128, "StartError", 'exec: "/bin/sh": stat /bin/sh: no such file or directory'), phase="Failed"),
        ERROR,
        "StartError",
        ("dbt:1.10, which has no /bin/sh", "set the project's artifacts to false"),
    ),
    Case("lost", failed(), ended_pod(137, "ContainerStatusUnknown"), ERROR, "ContainerStatusUnknown", (), 137, True),
    Case("node went down", failed(), ended_pod(255, "Unknown"), ERROR, "Unknown", ("node went down",), 255, True),
    Case(
        "killed with its service",
        failed(),
        pod(ended(255, "Unknown", SERVICE_STOPPED), phase="Failed"),
        ERROR,
        "ServiceStopped",
        ("The service was stopped while the run was going; run it again",),
        255,
        has_run=True,
    ),
    Case(
        "ended with its service",
        failed(),
        pod(ended(143, "Error", SERVICE_STOPPED), phase="Failed"),
        ERROR,
        "ServiceStopped",
        ("The service was stopped while the run was going; run it again",),
        143,
        has_run=True,
    ),
    Case("deleted by hand", failed(), being_deleted(ended_pod(1)), ERROR, "PodDeleted", ("deleted the pod",), 1, True),
    Case("failed, and its pod is gone", failed(), None, ERROR, "PodGone", ("gone before the service saw",)),
    Case("failed for no reason known", failed(), pod(phase="Failed"), ERROR, "BackoffLimitExceeded", ("the limit",)),
]


@pytest.mark.parametrize("case", GOING + ENDS, ids=lambda case: case.name)
def test_a_job_and_its_pod_give_the_status_of_the_run(case: Case) -> None:
    found = outcome(case.job, case.pod)

    assert (found.status, found.reason) == (case.status, case.reason)
    assert all(words in (found.message or "") for words in case.told), found.message
    assert found.exit_code == case.exit_code
    assert found.has_run == case.has_run
    assert found.pod_name == (case.pod["metadata"]["name"] if case.pod else None)


@pytest.mark.parametrize("case", [case for case in ENDS if case.status is not SUCCESS], ids=lambda case: case.name)
def test_every_failure_says_what_happened_and_what_to_do_in_one_sentence(case: Case) -> None:
    message = outcome(case.job, case.pod).message or ""

    assert message[0].isupper() or message.startswith("dbt")
    assert len(message) < 700
    if case.status is ERROR:
        assert any(word in message for word in ("raise", "run it again", "correct", "check", "must contain")), message


def test_times_are_the_containers_own() -> None:
    found = outcome(complete(754), pod(ended(0, seconds=750)))

    assert found.start_time is not None
    assert (found.start_time - TWO).total_seconds() == 3
    assert found.duration_seconds == 747.0


def test_times_are_the_jobs_where_the_pod_is_gone() -> None:
    assert outcome(complete(754), None).duration_seconds == 754.0
    assert outcome(failed(at_=60), None).duration_seconds == 60.0


def test_no_duration_is_negative_where_two_clocks_disagree() -> None:
    assert outcome(complete(), pod(ended(0, seconds=1))).duration_seconds == 0.0


def test_a_start_time_of_1970_counts_as_unknown() -> None:
    state = {"terminated": {"exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z"}}

    assert outcome(failed(), pod(state)).start_time == TWO


def test_a_container_injected_beside_ours_says_nothing_about_the_run() -> None:
    found = pod(ended(3), phase="Failed")
    found["status"]["containerStatuses"].insert(0, {"name": "mesh-proxy", "state": ended(0)})

    assert outcome(failed(), found).exit_code == 3


def test_a_job_that_ingest_stopped_says_why_even_once_its_pod_is_gone() -> None:
    stopped = failed("DeadlineExceeded")
    stopped["metadata"]["annotations"]["jobs-api.dev/stopped"] = "ImagePullBackOff: no such image"
    stopped["spec"]["activeDeadlineSeconds"] = 1

    found = outcome(stopped, None)

    assert found.reason == "ImagePullBackOff"
    assert found.message is not None
    assert "no such image" in found.message
    assert "deadline" not in found.message
