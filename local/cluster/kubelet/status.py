"""Builds a pod's status from the states of its containers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.cluster.clock import timestamp

type Object = dict[str, Any]

ADDRESS = "127.0.0.1"
_OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


@dataclass
class Container:
    """One container of a pod and its state."""

    spec: Object
    init: bool = False
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    container_id: str = ""
    image_id: str = ""

    @property
    def name(self) -> str:
        """Return the container's name."""
        return str(self.spec["name"])

    @property
    def sidecar(self) -> bool:
        """Return whether it is a sidecar: an init container that runs beside the later ones and is always restarted."""
        return self.init and self.spec.get("restartPolicy") == "Always"

    @property
    def begun(self) -> bool:
        """Return whether it was ever started."""
        return "waiting" not in self.state or bool(self.last_state)

    @property
    def exit_code(self) -> int | None:
        """Return its exit code; None until it has ended."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def status(self) -> Object:
        """Return its containerStatus."""
        running = "running" in self.state
        return {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": self.image_id,
            "state": self.state,
            "lastState": self.last_state,
            "restartCount": self.restarts,
            "ready": self.exit_code == 0 if self.init and not self.sidecar else running,
            "started": running,
            **({"containerID": self.container_id} if self.container_id else {}),
        }


@dataclass(frozen=True)
class Verdict:
    """Why the kubelet ended a pod, such as DeadlineExceeded."""

    reason: str
    message: str


def phase(containers: Sequence[Container], restart_policy: str, *, stopping: bool = False) -> str:
    """Return a pod's phase (getPhase of the kubelet); a pod that is being stopped gets a terminal phase.

    A sidecar's exit code does not count, but a running sidecar keeps the pod running.
    """
    init = [
        container for container in containers if container.init and not container.sidecar and container.exit_code != 0
    ]
    main = [container for container in containers if not container.init]
    running = any("running" in container.state for container in containers)
    if stopping and not running:
        return "Succeeded" if not init and all(container.exit_code == 0 for container in main) else "Failed"
    if init:
        failed = restart_policy == "Never" and any(container.exit_code for container in init)
        return "Failed" if failed else "Pending"
    if any(not container.begun for container in containers):
        return "Pending"
    if running or any(container.exit_code is None for container in main) or restart_policy == "Always":
        return "Running"
    if all(container.exit_code == 0 for container in main):
        return "Succeeded"
    return "Failed" if restart_policy == "Never" else "Running"


def pod_status(
    pod: Object,
    containers: Sequence[Container],
    now: datetime,
    *,
    stopping: bool = False,
    verdict: Verdict | None = None,
) -> Object:
    """Build the status; keep conditions that others set, and the times of unchanged conditions."""
    old = pod.get("status", {})
    reached = phase(containers, pod["spec"].get("restartPolicy", "Always"), stopping=stopping)
    if verdict and reached in {"Succeeded", "Failed"}:
        reached = "Failed"
    main = [container for container in containers if not container.init]
    init = [container for container in containers if container.init]
    return {
        "phase": reached,
        "conditions": _conditions(old.get("conditions", []), containers, reached, now),
        **({"reason": verdict.reason, "message": verdict.message} if verdict and reached == "Failed" else {}),
        "hostIP": ADDRESS,
        "hostIPs": [{"ip": ADDRESS}],
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "startTime": old.get("startTime") or timestamp(now),
        **({"initContainerStatuses": [container.status() for container in init]} if init else {}),
        "containerStatuses": [container.status() for container in main],
        **({"qosClass": old["qosClass"]} if "qosClass" in old else {}),
    }


def status_after_crash(pod: Object, at: datetime, begun_at: datetime | None, why: str = "") -> Object:
    """Build the status of a pod whose node went down at about `at`: started containers ended, with an unknown exit.

    `begun_at` is when the pod last began, None if it never did, and `why` the message of the end. (containerd gives no
    message, and dates the end with its own next start.)

    https://github.com/containerd/containerd/blob/v2.0.0/internal/cri/server/restart.go
    """
    containers = [Container(one, init=True) for one in pod["spec"].get("initContainers", [])]
    containers += [Container(one) for one in pod["spec"]["containers"]]
    known = {
        one["name"]: one
        for kind in ("initContainerStatuses", "containerStatuses")
        for one in pod.get("status", {}).get(kind, [])
    }
    for container in containers:
        before = known.get(container.name, {})
        container.state = before.get("state", container.state)
        container.restarts, container.container_id = before.get("restartCount", 0), before.get("containerID", "")
        if begun_at and "terminated" not in container.state:
            # A process may have started before the status said so.
            since = container.state.get("running", {}).get("startedAt") or timestamp(min(begun_at, at))
            ended = {"exitCode": 255, "reason": "Unknown", "startedAt": since}
            ended["finishedAt"] = max(timestamp(at), since)
            if why:
                ended["message"] = why
            container.state = {"terminated": ended}
    return pod_status(pod, containers, at, stopping=True)


def _conditions(known: list[Object], containers: Sequence[Container], reached: str, now: datetime) -> list[Object]:
    first, stay = [one for one in containers if one.init], [one for one in containers if one.sidecar or not one.init]
    # A pod that ran once is initialized, even while a sidecar is down (GenerateContainersInitializedCondition).
    initialized = any(one.begun for one in containers if not one.init) or all(
        "running" in one.state if one.sidecar else one.exit_code == 0 for one in first
    )
    ready = reached == "Running" and all("running" in one.state for one in stay)
    ended = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(reached)
    names = [one.name for one in stay if "running" not in one.state]
    unready = {"reason": ended or "ContainersNotReady"}
    if not ended:
        unready["message"] = f"containers with unready status: [{' '.join(names)}]"
    held: dict[str, tuple[bool, Object]] = {
        "PodReadyToStartContainers": (not ended, {}),
        "Initialized": (initialized, {"reason": ended} if ended == "PodCompleted" else {}),
        "Ready": (ready, {} if ready else unready),
        "ContainersReady": (ready, {} if ready else unready),
        "PodScheduled": (True, {}),
    }
    before = {one["type"]: one for one in known}
    ours = [_condition(before.get(kind), kind, *held[kind], now) for kind in _OURS]
    return [*ours, *(one for one in known if one["type"] not in _OURS)]


def _condition(before: Object | None, kind: str, is_true: bool, more: Object, now: datetime) -> Object:  # noqa: FBT001
    status = "True" if is_true else "False"
    since = before["lastTransitionTime"] if before and before["status"] == status else timestamp(now)
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since, **more}
