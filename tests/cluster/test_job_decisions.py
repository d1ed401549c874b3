"""Decisions of the Job controller: from a Job, its Pods and the time to new Pods and a status."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.cluster.clock import timestamp
from local.cluster.controllers.job import decide
from local.cluster.controllers.job_pods import pod_for

type Object = dict[str, Any]

START = datetime(2026, 4, 28, 2, tzinfo=UTC)
TRACKED = ["batch.kubernetes.io/job-tracking"]
LATER = START + timedelta(hours=1)  # when no earlier failure delays anything any more


def job(status: Object | None = None, *, deleted: bool = False, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"restartPolicy": "Never", "containers": []}}
    metadata = {"name": "nightly", "namespace": "org-acme", "uid": "job-uid"}
    if deleted:
        metadata["deletionTimestamp"] = timestamp(START)
    defaults = {"completions": 1, "parallelism": 1, "backoffLimit": 0, "template": template}
    return {"metadata": metadata, "spec": {**defaults, **spec}, "status": status or {}}


def pod(
    name: str,
    phase: str = "Running",
    code: int | None = None,
    ended_at: datetime = START,
    *,
    deleted: bool = False,
    counted: bool = False,
    conditions: tuple[str, ...] = (),
    restarts: int = 0,
) -> Object:
    metadata: Object = {"name": name, "namespace": "org-acme", "creationTimestamp": timestamp(START)}
    if deleted:
        metadata["deletionTimestamp"] = timestamp(START)
    if not counted:
        metadata["finalizers"] = TRACKED
    container: Object = {"name": "main", "restartCount": restarts, "state": {}}
    if code is not None:
        container["state"] = {"terminated": {"exitCode": code, "finishedAt": timestamp(ended_at)}}
    held = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": metadata, "status": {"phase": phase, "containerStatuses": [container], "conditions": held}}


def policy(*rules: Object) -> Object:
    return {"rules": list(rules)}


def on_codes(action: str, operator: str, *values: int, container: str | None = None) -> Object:
    codes = {"operator": operator, "values": list(values)}
    return {"action": action, "onExitCodes": {**codes, **({"containerName": container} if container else {})}}


@dataclass(frozen=True)
class Case:
    """A situation and what is to happen; `failed` and `succeeded` are the counts of the new status."""

    name: str
    spec: Object = field(default_factory=dict)
    status: Object = field(default_factory=dict)
    pods: tuple[Object, ...] = ()
    after: timedelta = timedelta()
    creates: int = 0
    deletes: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    reason: str | None = None
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    wakes: timedelta | None = None


STARTED = {"startTime": timestamp(START)}
FAILING = {
    **STARTED,
    "failed": 1,
    "conditions": [{"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "m"}],
}
SUSPENDED = {"conditions": [{"type": "Suspended", "status": "True"}]}
DISRUPTED = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}

CASES = [
    Case("a new Job gets its Pod", creates=1, active=1),
    Case("one that runs is left alone", status=STARTED, pods=(pod("a"),), active=1),
    Case("one that waits is active too", status=STARTED, pods=(pod("a", "Pending"),), active=1),
    Case(
        "a Pod that succeeded completes it",
        status=STARTED,
        pods=(pod("a", "Succeeded", 0),),
        releases=("a",),
        conditions=("SuccessCriteriaMet", "Complete"),
        reason="CompletionsReached",
        succeeded=1,
    ),
    Case(
        "a failure beyond the limit fails it",
        status=STARTED,
        pods=(pod("a", "Failed", 1),),
        releases=("a",),
        conditions=("FailureTarget", "Failed"),
        reason="BackoffLimitExceeded",
        failed=1,
    ),
    Case(
        "a failure within the limit is tried again after ten seconds",
        {"backoffLimit": 2},
        STARTED,
        (pod("a", "Failed", 1),),
        after=timedelta(seconds=9),
        releases=("a",),
        failed=1,
        wakes=timedelta(seconds=10),
    ),
    Case(
        "and then with another Pod",
        {"backoffLimit": 2},
        {**STARTED, "failed": 1},
        (pod("a", "Failed", 1, counted=True),),
        after=timedelta(seconds=10),
        creates=1,
        active=1,
        failed=1,
    ),
    Case(
        "a second failure waits twice as long",
        {"backoffLimit": 2},
        {**STARTED, "failed": 1},
        (pod("a", "Failed", 1, counted=True), pod("b", "Failed", 1, START + timedelta(seconds=15))),
        after=timedelta(seconds=20),
        releases=("b",),
        failed=2,
        wakes=timedelta(seconds=35),
    ),
    Case(
        "a failure is counted once",
        {"backoffLimit": 1},
        {**STARTED, "failed": 1},
        (pod("a", "Failed", 1, counted=True), pod("b")),
        active=1,
        failed=1,
    ),
    Case(
        "a Pod that someone deletes has failed",
        {"backoffLimit": 1},
        STARTED,
        (pod("a", deleted=True),),
        after=timedelta(seconds=10),
        creates=1,
        releases=("a",),
        active=1,
        failed=1,
    ),
    Case(
        "a failed Job is Failed only when its Pod is gone",
        {"activeDeadlineSeconds": 60},
        STARTED,
        (pod("a"),),
        after=timedelta(seconds=60),
        deletes=("a",),
        conditions=("FailureTarget",),
        reason="DeadlineExceeded",
        active=1,
    ),
    Case(
        "its Pod is on its way out",
        {"activeDeadlineSeconds": 60},
        FAILING,
        (pod("a", deleted=True, counted=True),),
        conditions=("FailureTarget",),
        reason="DeadlineExceeded",
        failed=1,
    ),
    Case(
        "its Pod is gone",
        {"activeDeadlineSeconds": 60},
        FAILING,
        conditions=("FailureTarget", "Failed"),
        reason="DeadlineExceeded",
        failed=1,
    ),
    Case(
        "before its deadline it wakes up for it",
        {"activeDeadlineSeconds": 60},
        STARTED,
        (pod("a"),),
        after=timedelta(seconds=59),
        active=1,
        wakes=timedelta(seconds=60),
    ),
    Case("suspended from the start", {"suspend": True}, conditions=("Suspended",), reason="JobSuspended"),
    Case(
        "suspended on the way",
        {"suspend": True},
        STARTED,
        (pod("a"),),
        deletes=("a",),
        conditions=("Suspended",),
        reason="JobSuspended",
        active=1,
    ),
    Case("resumed", status=SUSPENDED, creates=1, active=1, reason="JobResumed"),
    Case(
        "restarts in place count against the limit",
        {"template": {"spec": {"restartPolicy": "OnFailure"}}},
        STARTED,
        (pod("a", restarts=1),),
        deletes=("a",),
        conditions=("FailureTarget",),
        reason="BackoffLimitExceeded",
        active=1,
    ),
    Case(
        "restarts in place within the limit",
        {"template": {"spec": {"restartPolicy": "OnFailure"}}, "backoffLimit": 2},
        STARTED,
        (pod("a", restarts=1),),
        active=1,
    ),
    Case("two at a time", {"parallelism": 2, "completions": 3}, creates=2, active=2),
    Case(
        "no more than are still needed",
        {"parallelism": 2, "completions": 3},
        {**STARTED, "succeeded": 2},
        creates=1,
        active=1,
        succeeded=2,
    ),
    Case(
        "fewer than there are",
        {"parallelism": 1, "completions": 3},
        STARTED,
        (pod("a"), pod("b")),
        deletes=("b",),
        active=2,
    ),
    Case(
        "a queue of work is done with the first success",
        {"parallelism": 2, "completions": None},
        STARTED,
        (pod("a", "Succeeded", 0), pod("b", "Succeeded", 0)),
        releases=("a", "b"),
        conditions=("SuccessCriteriaMet", "Complete"),
        reason="CompletionsReached",
        succeeded=2,
    ),
    Case(
        "an exit code that fails the Job at once",
        {"backoffLimit": 6, "podFailurePolicy": policy(on_codes("FailJob", "In", 2, 3))},
        STARTED,
        (pod("a", "Failed", 3),),
        releases=("a",),
        conditions=("FailureTarget", "Failed"),
        reason="PodFailurePolicy",
        failed=1,
    ),
    Case(
        "another exit code than the policy's",
        {"backoffLimit": 6, "podFailurePolicy": policy(on_codes("FailJob", "In", 2, 3))},
        STARTED,
        (pod("a", "Failed", 1),),
        releases=("a",),
        failed=1,
        wakes=timedelta(seconds=10),
    ),
    Case(
        "any exit code but one",
        {"podFailurePolicy": policy(on_codes("FailJob", "NotIn", 1))},
        STARTED,
        (pod("a", "Failed", 2),),
        releases=("a",),
        conditions=("FailureTarget", "Failed"),
        reason="PodFailurePolicy",
        failed=1,
    ),
    Case(
        "the exit code of another container",
        {"backoffLimit": 6, "podFailurePolicy": policy(on_codes("FailJob", "In", 3, container="sidecar"))},
        STARTED,
        (pod("a", "Failed", 3),),
        releases=("a",),
        failed=1,
        wakes=timedelta(seconds=10),
    ),
    Case(
        "a disruption that does not count",
        {"podFailurePolicy": policy(DISRUPTED)},
        STARTED,
        (pod("a", "Failed", 137, conditions=("DisruptionTarget",)),),
        after=timedelta(seconds=10),
        releases=("a",),
        creates=1,
        active=1,
    ),
    Case(
        "the first rule that matches decides",
        {"podFailurePolicy": policy(DISRUPTED, on_codes("FailJob", "In", 137))},
        STARTED,
        (pod("a", "Failed", 137, conditions=("DisruptionTarget",)),),
        after=timedelta(seconds=10),
        releases=("a",),
        creates=1,
        active=1,
    ),
    Case(
        "a deleted Pod under a policy is not replaced before it has ended",
        {"backoffLimit": 6, "podFailurePolicy": policy(DISRUPTED)},
        STARTED,
        (pod("a", deleted=True),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_job_does_what_its_situation_requires(case: Case) -> None:
    now = START + case.after
    decision = decide(job(case.status, **case.spec), case.pods, now)
    status = decision.status

    assert len(decision.create) == case.creates
    assert decision.delete == case.deletes
    assert decision.release == case.releases
    conditions = status.get("conditions", [])
    assert tuple(one["type"] for one in conditions if one["status"] == "True") == case.conditions
    assert (conditions[-1]["reason"] if conditions else None) == case.reason
    counts = tuple(status.get(name, 0) for name in ("active", "succeeded", "failed"))
    assert counts == (case.active, case.succeeded, case.failed)
    assert decision.wake_at == (START + case.wakes if case.wakes is not None else None)


def ended(kind: str = "Complete") -> Object:
    return {"conditions": [{"type": kind, "status": "True", "lastTransitionTime": timestamp(START)}]}


@pytest.mark.parametrize("kind", ["Complete", "Failed"])
@pytest.mark.parametrize(
    ("seconds", "after", "removed"),
    [(60, 59, False), (60, 60, True), (0, 0, True), (None, 10**6, False)],
    ids=["not yet", "now", "at once", "never"],
)
def test_an_ended_job_goes_after_its_ttl(kind: str, seconds: int | None, after: int, *, removed: bool) -> None:
    spec: Object = {} if seconds is None else {"ttlSecondsAfterFinished": seconds}
    decision = decide(job(ended(kind), **spec), (), START + timedelta(seconds=after))
    assert decision.remove == removed
    waits = seconds is not None and not removed
    assert decision.wake_at == (START + timedelta(seconds=60) if waits else None)


def test_an_ended_job_stays_ended_whatever_its_pods_do() -> None:
    decision = decide(job(ended()), (pod("late", "Failed", 1),), LATER)
    assert decision.create == ()
    assert decision.release == ("late",)
    assert decision.status == ended()


def test_a_job_that_is_being_deleted_releases_its_pods_and_creates_no_more() -> None:
    decision = decide(job(deleted=True), (pod("a"),), LATER)
    assert (decision.create, decision.release) == ((), ("a",))


def test_a_complete_job_has_a_completion_time() -> None:
    decision = decide(job(STARTED), (pod("a", "Succeeded", 0),), LATER)
    assert decision.status["startTime"] == "2026-04-28T02:00:00Z"
    assert decision.status["completionTime"] == "2026-04-28T03:00:00Z"


def test_a_failed_job_has_no_completion_time() -> None:
    assert "completionTime" not in decide(job(STARTED), (pod("a", "Failed", 1),), LATER).status


def test_a_resumed_job_starts_again() -> None:
    suspended = decide(job(STARTED, suspend=True), (), START).status
    assert "startTime" not in suspended
    assert decide(job(suspended), (), LATER).status["startTime"] == timestamp(LATER)


def test_a_running_pod_is_ready() -> None:
    status = decide(job(STARTED), (pod("a", conditions=("Ready",)),), START).status
    assert (status["ready"], status["terminating"]) == (1, 0)


def test_a_failed_job_names_the_rule_that_failed_it() -> None:
    spec: Object = {"podFailurePolicy": policy(DISRUPTED, on_codes("FailJob", "In", 3))}
    decision = decide(job(STARTED, **spec), (pod("a", "Failed", 3),), LATER)
    message = "Container main for pod org-acme/a failed with exit code 3 matching FailJob rule at index 1"
    assert decision.status["conditions"][-1]["message"] == message


def test_hundreds_of_failures_do_not_overflow_the_delay() -> None:
    pods = tuple(pod(f"p{n}", "Failed", 1, counted=True) for n in range(300))
    decision = decide(job({**STARTED, "failed": 300}, backoffLimit=1000), pods, START)
    assert decision.wake_at == START + timedelta(minutes=10)


def test_a_pod_has_the_labels_owner_and_finalizer_of_its_job() -> None:
    made = pod_for(job())
    assert made["metadata"]["generateName"] == "nightly-"
    assert made["metadata"]["finalizers"] == TRACKED
    assert made["metadata"]["labels"] == {
        "app": "x",
        "batch.kubernetes.io/controller-uid": "job-uid",
        "batch.kubernetes.io/job-name": "nightly",
        "controller-uid": "job-uid",
        "job-name": "nightly",
    }
    assert made["metadata"]["ownerReferences"][0]["kind"] == "Job"
