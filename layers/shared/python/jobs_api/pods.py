"""What a Pod's JSON says about its one container: waits, runs or ended, when, and why it waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

type Object = dict[str, Any]

# Kubernetes writes Go's zero time where something never happened.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

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


@dataclass(frozen=True)
class Waiting:
    """Why a Pod's container has not started; Kubernetes' own words."""

    reason: str
    message: str = ""

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
    return at if at > NEVER else None


def state_of(pod: Object) -> Object:
    """Return the state of the command's container: `{"terminated": {...}}`, say; empty before the kubelet has any.

    Others may be injected beside it, by a service mesh for one; ours is the first in the spec.
    """
    name = pod["spec"]["containers"][0]["name"]
    statuses: list[Object] = pod.get("status", {}).get("containerStatuses") or []
    return next((status.get("state") or {} for status in statuses if status["name"] == name), {})


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


def waiting(pod: Object) -> Waiting | None:
    """Tell why the command has not started, None where it has: no node, no image, a missing secret."""
    if "running" in (state := state_of(pod)) or "terminated" in state:
        return None
    status = pod.get("status", {})
    statuses = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    told = [Waiting(**_said(one["state"]["waiting"])) for one in statuses if "waiting" in (one.get("state") or {})]
    scheduled = condition(status, "PodScheduled")
    if scheduled and scheduled["status"] == "False":
        told.append(Waiting(**_said(scheduled)))
    return next((one for one in told if one.hopeless), told[-1] if told else Waiting("Pending"))


def condition(status: Object, kind: str) -> Object | None:
    """Return a condition of a Pod's or Job's status by its type, None where it was never set."""
    found: Iterable[Object] = status.get("conditions") or []
    return next((one for one in found if one["type"] == kind), None)


def is_true(status: Object, kind: str) -> bool:
    """Tell whether a condition holds."""
    found = condition(status, kind)
    return found is not None and found["status"] == "True"


def _said(by: Object) -> dict[str, str]:
    return {"reason": by.get("reason") or "Pending", "message": by.get("message") or ""}
