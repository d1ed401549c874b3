"""What a Pod's JSON says about the command's container, `job`: waits, runs or ended, when, and why it waits.

A Pod may have more containers: init containers, sidecars, and what a service mesh or an agent injects. They count as
far as they keep the command from starting. How they end, and whether they stay, says nothing about the run.
"""

import signal
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs_api.k8s.manifests import CONTAINER
from jobs_api.redaction.masking import secret_values

type Object = dict[str, Any]

# Kubernetes writes Go's zero time where something never happened.
ZERO_TIME = datetime(1970, 1, 1, tzinfo=UTC)

# What keeps a container from starting until somebody changes something. Kubernetes goes on trying all the same.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/images/types.go
IMAGE_REASONS = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/kuberuntime/kuberuntime_container.go
SETUP_REASONS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "PreCreateHookError", "PreStartHookError"}
)
START_REASONS = frozenset({"ContainerCannotRun", "RunContainerError", "StartError"})
# What a container waits for where nothing is wrong with itself.
ORDINARY = frozenset({"ContainerCreating", "Pending", "PodInitializing"})
DEADLINE = "DeadlineExceeded"

# Sent by somebody else; a process that crashes gets one of the other signals from its own doing.
FROM_OUTSIDE = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM})
DEFAULT_GRACE_SECONDS = 30
# How soon a kubelet tells that it has ended a pod, once the last container is gone.
TOLD_WITHIN = timedelta(seconds=30)
# A disruption is dated by the control plane and a container's end by its node, and their clocks differ.
CLOCKS_DIFFER = timedelta(seconds=10)


@dataclass(frozen=True)
class Waiting:
    """Why a Pod's command has not started; Kubernetes' own words. `container` and `image` are whose fault it is."""

    reason: str
    message: str = ""
    container: str = CONTAINER
    image: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason

    @property
    def hopeless(self) -> bool:
        """Whether it will not end by waiting longer."""
        return self.reason in IMAGE_REASONS | SETUP_REASONS


def moment(text: str | None) -> datetime | None:
    """Read one of Kubernetes' times; None for one that is missing or zero."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at > ZERO_TIME else None


def container_of(pod: Object) -> Object:
    """Return the spec of the command's container, by its name: others may be injected before or beside it."""
    containers: list[Object] = pod["spec"]["containers"]
    return next((one for one in containers if one["name"] == CONTAINER), containers[0])


def state_of(pod: Object) -> Object:
    """Return the state of the command's container: `{"terminated": {...}}`, say; empty before the kubelet has any."""
    return _status_of(pod).get("state") or {}


def terminated(pod: Object) -> Object | None:
    """Return how the command's container ended, None where it has not."""
    ended: Object | None = state_of(pod).get("terminated")
    return ended


def has_run(pod: Object) -> bool:
    """Tell whether the command's process was ever started, and may have written a log."""
    state = state_of(pod)
    ended = state.get("terminated")
    return "running" in state or (ended is not None and ended.get("reason") not in START_REASONS)


def started_at(pod: Object) -> datetime | None:
    """Return when the command's process was started."""
    state = state_of(pod)
    return moment((state.get("running") or state.get("terminated") or {}).get("startedAt"))


def finished_at(pod: Object) -> datetime | None:
    """Return when the command's process ended."""
    return moment((terminated(pod) or {}).get("finishedAt"))


def container_ids(pod: Object) -> set[str]:
    """Return by which names the runtime knows the command's container, as far as the kubelet has told."""
    status = _status_of(pod)
    ended = [(status.get(part) or {}).get("terminated") or {} for part in ("state", "lastState")]
    return {str(one["containerID"]) for one in (status, *ended) if one.get("containerID")}


def own_end(pod: Object, now: datetime | None = None) -> Object | None:
    """Return how the command ended, where it ended by itself: before anything that ends whole pods came along.

    None where it has not ended, and where its deadline, an eviction, a drained node or somebody's `kubectl delete` may
    have ended it: what becomes of those is for the Job to say. A kubelet that ends a pod says so only once all of its
    containers have ended; of a command that was killed while others go on, that is waited for until `now` is late.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/status/status_manager.go (mergePodStatus)
    """
    ended, at = terminated(pod), finished_at(pod)
    if not ended or not at or any(at >= end for end in _ends(pod)):
        return None
    if is_terminal(pod) or signal_of(int(ended["exitCode"])) not in FROM_OUTSIDE or ended.get("reason") == "OOMKilled":
        return ended
    grace = pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
    return ended if now and now >= at + timedelta(seconds=grace) + TOLD_WITHIN else None


def signal_of(exit_code: int) -> signal.Signals | None:
    """Return the signal that an exit code stands for: 128 and its number, as shells and container runtimes have it."""
    try:
        return signal.Signals(exit_code - 128) if exit_code > 128 else None
    except ValueError:
        return None


def is_terminal(pod: Object) -> bool:
    """Tell whether nothing of a Pod goes on, so that its Job knows of its end as soon as it looks."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def stays(pod: Object, now: datetime | None = None) -> bool:
    """Tell whether a Pod whose command has ended goes on: something else in it does, or its node tells of no end.

    A kubelet tells the end of the last container first, and that of the Pod once its sandbox is taken down. That is
    waited for until `now` is late: a Job that is ended in between would have failed, whatever its command did.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/status/status_manager.go (mergePodStatus)
    """
    if is_terminal(pod):
        return False
    over = {one["name"] for one in _statuses(pod) if "terminated" in (one.get("state") or {})}
    if any(one["name"] not in over for one in (*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"])):
        return True
    at = finished_at(pod)
    return bool(now and at and now >= at + TOLD_WITHIN)


def failed_init(pod: Object) -> Object | None:
    """Return the status of the init container that failed, so that the command cannot start; None without one.

    A native sidecar is an init container that is restarted whenever it ends, and keeps nothing from starting.
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    if state_of(pod).keys() & {"running", "terminated"}:
        return None
    specs: list[Object] = pod["spec"].get("initContainers") or []
    once = {one["name"] for one in specs if one.get("restartPolicy") != "Always"}
    statuses: list[Object] = pod.get("status", {}).get("initContainerStatuses") or []
    return next((one for one in statuses if one["name"] in once and _exit_code(one)), None)


def has_no_sandbox(pod: Object) -> bool:
    """Tell whether a node took a Pod and could not make what its containers run in: a network, its volumes.

    Why stands in Events alone. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network
    """
    status = pod.get("status", {})
    ready = condition(status, "PodReadyToStartContainers")
    states = [one.get("state") or {} for one in _statuses(pod)]
    if is_terminal(pod) or not status.get("startTime") or any(_begun(state) for state in states):
        return False
    return ready is not None and ready["status"] == "False"


def waiting(pod: Object) -> Waiting | None:
    """Tell why the command has not started, None where it has: no node, no image, a missing secret.

    What keeps a sidecar from starting that is no init container keeps nothing else.
    """
    if "running" in (state := state_of(pod)) or "terminated" in state:
        return None
    status = pod.get("status", {})
    first = [_waits(one, pod) for one in status.get("initContainerStatuses") or []]
    own = _waits(_status_of(pod), pod)
    told = [one for one in (*first, own) if one]
    scheduled = condition(status, "PodScheduled")
    if scheduled and scheduled["status"] == "False":
        told.append(Waiting(**_said(scheduled)))
    blamed = next((one for one in told if one.hopeless), None)
    blamed = blamed or next((one for one in told if one.reason not in ORDINARY), None)
    return blamed or _goes_on(pod) or (told[-1] if told else Waiting("Pending"))


def waited_for(pod: Object) -> Waiting | None:
    """Tell what the command of a Pod was waiting for that has been ended: an init container ends with it."""
    if first := failed_init(pod):
        return Waiting("PodInitializing", f"the init container {first['name']} had not ended", first["name"])
    return waiting(pod)


def condition(status: Object, kind: str) -> Object | None:
    """Return a condition of a Pod's or Job's status by its type, None where it was never set."""
    found: Iterable[Object] = status.get("conditions") or []
    return next((one for one in found if one["type"] == kind), None)


def is_true(status: Object, kind: str) -> bool:
    """Tell whether a condition holds."""
    found = condition(status, kind)
    return found is not None and found["status"] == "True"


def _status_of(pod: Object) -> Object:
    name = container_of(pod)["name"]
    statuses: list[Object] = pod.get("status", {}).get("containerStatuses") or []
    return next((status for status in statuses if status["name"] == name), {})


def _goes_on(pod: Object) -> Waiting | None:
    """Tell that an init container runs, and has to end before the command may start."""
    once = {one["name"] for one in pod["spec"].get("initContainers") or [] if one.get("restartPolicy") != "Always"}
    statuses: list[Object] = pod.get("status", {}).get("initContainerStatuses") or []
    first = next(
        (one["name"] for one in statuses if one["name"] in once and "running" in (one.get("state") or {})), None
    )
    return Waiting("PodInitializing", f"the init container {first} is going on", first) if first else None


def _statuses(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _begun(state: Object) -> bool:
    """Tell whether a container got as far as its image, or further: its Pod has what it runs in."""
    reason = state.get("waiting", {}).get("reason")
    return bool(state) and ("waiting" not in state or (reason is not None and reason not in ORDINARY))


def _exit_code(status: Object) -> int:
    """Return how a container ended, or had ended before it was to start again; 0 where it did neither."""
    for part in ("state", "lastState"):
        if ended := (status.get(part) or {}).get("terminated"):
            return int(ended["exitCode"])
    return 0


def _ends(pod: Object) -> Iterable[datetime]:
    """Yield the times at which something other than the command began to end the whole Pod."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    taken = condition(status, "DisruptionTarget")
    if taken and taken["status"] == "True":
        # The kubelet dates its own when all is over.
        at = moment(taken.get("lastTransitionTime")) if taken.get("reason") != "TerminationByKubelet" else None
        yield at - CLOCKS_DIFFER if at else ZERO_TIME
    elif status.get("reason") not in {None, "", DEADLINE}:
        yield ZERO_TIME
    if gone_at := moment(metadata.get("deletionTimestamp")):
        yield gone_at - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0) - CLOCKS_DIFFER
    seconds, since = spec.get("activeDeadlineSeconds"), moment(status.get("startTime"))
    if seconds and since:
        yield since + timedelta(seconds=seconds)
    elif status.get("reason") == DEADLINE:
        yield ZERO_TIME


def _waits(status: Object, pod: Object) -> Waiting | None:
    waits = (status.get("state") or {}).get("waiting")
    if waits is None:
        return None
    specs: list[Object] = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
    image = next((str(one.get("image") or "") for one in specs if one["name"] == status["name"]), "")
    return Waiting(**_said(waits), container=status["name"], image=image)


def _said(by: Object) -> dict[str, str]:
    return {"reason": by.get("reason") or "Pending", "message": by.get("message") or ""}


def secrets_of(pod: Object) -> list[str]:
    """Return the secrets that a pod, or a template of one, holds in its environments: its own log may quote them."""
    variables = [one for container in pod["spec"]["containers"] for one in container.get("env") or []]
    return secret_values({one["name"]: one["value"] for one in variables if one.get("value")})
