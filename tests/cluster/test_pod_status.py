"""A pod's phase and conditions follow from the states of its containers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.cluster.kubelet.status import Container, Verdict, phase, pod_status

NOW = datetime(2026, 4, 28, 2, tzinfo=UTC)
type Object = dict[str, Any]

WAITING = "waiting"
RUNNING = "running"


def container(state: int | str, *, init: bool = False, restarted: bool = False) -> Container:
    """Return a container that waits, runs, or has ended with a code."""
    made = Container({"name": "main", "image": "python"}, init=init)
    made.state = {state: {}} if isinstance(state, str) else {"terminated": {"exitCode": state}}
    if restarted:
        made.last_state = {"terminated": {"exitCode": 1}}
    return made


def sidecar(state: int | str, *, restarted: bool = False) -> Container:
    """Return a sidecar."""
    made = container(state, init=True, restarted=restarted)
    made.spec = {**made.spec, "restartPolicy": "Always"}
    return made


# As in Kubernetes' getPhase: a running container keeps its pod running, an ended one does not count, and one that has
# never started keeps it pending.
@pytest.mark.parametrize(
    ("beside", "main", "expected"),
    [
        (sidecar(WAITING), WAITING, "Pending"),
        (sidecar(RUNNING), WAITING, "Pending"),
        (sidecar(RUNNING), RUNNING, "Running"),
        (sidecar(RUNNING), 0, "Running"),
        (sidecar(RUNNING), 1, "Running"),
        (sidecar(WAITING, restarted=True), RUNNING, "Running"),
        (sidecar(9), RUNNING, "Running"),
        (sidecar(9), 0, "Succeeded"),
        (sidecar(0), 1, "Failed"),
        (sidecar(WAITING, restarted=True), 0, "Succeeded"),
    ],
)
def test_a_sidecar_counts_only_while_it_runs(beside: Container, main: int | str, expected: str) -> None:
    assert phase([beside, container(main)], "Never") == expected


@pytest.mark.parametrize(
    ("beside", "main", "initialized", "ready"),
    [
        (sidecar(WAITING), WAITING, "False", "False"),
        (sidecar(RUNNING), WAITING, "True", "False"),
        (sidecar(RUNNING), RUNNING, "True", "True"),
        (sidecar(WAITING, restarted=True), RUNNING, "True", "False"),
        (sidecar(RUNNING), 0, "True", "False"),
    ],
)
def test_a_pod_is_ready_with_its_sidecars(beside: Container, main: int | str, initialized: str, ready: str) -> None:
    pod: Object = {"spec": {"restartPolicy": "Never"}}
    held = {one["type"]: one["status"] for one in pod_status(pod, [beside, container(main)], NOW)["conditions"]}

    assert (held["Initialized"], held["Ready"], held["ContainersReady"]) == (initialized, ready, ready)


@pytest.mark.parametrize(
    ("states", "policy", "expected"),
    [
        ([WAITING], "Never", "Pending"),
        ([RUNNING], "Never", "Running"),
        ([RUNNING, WAITING], "Never", "Pending"),
        ([RUNNING, 0], "Never", "Running"),
        ([0], "Never", "Succeeded"),
        ([0, 0], "OnFailure", "Succeeded"),
        ([1], "Never", "Failed"),
        ([0, 1], "Never", "Failed"),
        ([1], "OnFailure", "Running"),
        ([0], "Always", "Running"),
    ],
)
def test_a_phase_sums_up_the_containers(states: list[int | str], policy: str, expected: str) -> None:
    assert phase([container(state) for state in states], policy) == expected


@pytest.mark.parametrize(
    ("init", "policy", "expected"),
    [(WAITING, "Never", "Pending"), (RUNNING, "Never", "Pending"), (1, "Never", "Failed"), (1, "OnFailure", "Pending")],
)
def test_init_containers_come_first(init: int | str, policy: str, expected: str) -> None:
    assert phase([container(init, init=True), container(WAITING)], policy) == expected


def test_a_pod_whose_container_waits_for_its_restart_is_running() -> None:
    assert phase([container(WAITING, restarted=True)], "OnFailure") == "Running"


@pytest.mark.parametrize(
    ("state", "expected"), [(WAITING, "Failed"), (143, "Failed"), (0, "Succeeded"), (RUNNING, "Running")]
)
def test_a_stopping_pod_ends_once_no_container_runs(state: int | str, expected: str) -> None:
    assert phase([container(state)], "Always", stopping=True) == expected


def conditions(status: Object) -> dict[str, tuple[str, str | None]]:
    return {one["type"]: (one["status"], one.get("reason")) for one in status["conditions"]}


def status(
    state: int | str, before: Object | None = None, at: datetime = NOW, verdict: Verdict | None = None
) -> Object:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{}]}, "status": before or {}}
    return pod_status(pod, [container(state)], at, verdict=verdict)


@pytest.mark.parametrize(
    ("state", "ready"),
    [
        (WAITING, ("False", "ContainersNotReady")),
        (RUNNING, ("True", None)),
        (0, ("False", "PodCompleted")),
        (1, ("False", "PodFailed")),
    ],
)
def test_a_pod_is_ready_while_it_runs(state: int | str, ready: tuple[str, str | None]) -> None:
    held = conditions(status(state))
    assert held["Ready"] == held["ContainersReady"] == ready
    assert held["PodScheduled"] == ("True", None)


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    waiting = status(WAITING)
    running = status(RUNNING, waiting, NOW + timedelta(minutes=1))
    since = {one["type"]: one["lastTransitionTime"] for one in running["conditions"]}
    assert since["PodScheduled"] == "2026-04-28T02:00:00Z"
    assert since["Ready"] == "2026-04-28T02:01:00Z"
    assert running["startTime"] == "2026-04-28T02:00:00Z"


def test_a_condition_that_someone_else_set_stays() -> None:
    disrupted = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    assert disrupted in status(1, {"conditions": [disrupted]})["conditions"]


def test_a_pod_that_its_node_ended_says_why() -> None:
    failed = status(0, verdict=Verdict("DeadlineExceeded", "too long"))
    assert (failed["phase"], failed["reason"], failed["message"]) == ("Failed", "DeadlineExceeded", "too long")
    assert "reason" not in status(RUNNING, verdict=Verdict("DeadlineExceeded", "too long"))
