"""Reads the containers of a Pod: what its spec and its status say about each."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from jobs_api.k8s.json_fields import Object, mapping, members, moment, text, whole
from jobs_api.k8s.pod_template import CONTAINER

# Reasons for which a container does not start until somebody changes something. Kubernetes keeps trying nevertheless.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/images/types.go
IMAGE_REASONS: Final = frozenset(
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
SETUP_REASONS: Final = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "PreCreateHookError", "PreStartHookError"}
)
START_REASONS: Final = frozenset({"ContainerCannotRun", "RunContainerError", "StartError"})
# Reasons for which every container waits at first. They say nothing about a fault.
ORDINARY: Final = frozenset({"ContainerCreating", "Pending", "PodInitializing"})


class Kind(Enum):
    """The task of a container of a Pod: it runs the command, ends before the command, stays with it, or runs beside it.

    A native sidecar is an init container that Kubernetes restarts whenever it ends. Nothing waits for its end.
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """

    COMMAND = "command"
    INIT = "init"
    SIDECAR = "sidecar"
    BESIDE = "beside"


@dataclass(frozen=True)
class Waiting:
    """Why a Pod's command has not started, in Kubernetes' words; `container` and `image` are the ones that wait."""

    reason: str
    message: str = ""
    container: str = CONTAINER
    image: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason

    @property
    def hopeless(self) -> bool:
        """Whether the container cannot start until somebody changes something."""
        return self.reason in IMAGE_REASONS | SETUP_REASONS


@dataclass(frozen=True)
class Ended:
    """How a container's process ended; `reason` and `message` are Kubernetes' own, "" where it gave none."""

    exit_code: int
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Container:
    """A container of a Pod. At most one of `waiting`, `running` and `ended` is set; none before the kubelet reported.

    `last_ended` is how the process before the current one ended. `runtime_ids` are the container runtime's names for
    the container. `memory_limit` is a quantity of Kubernetes, such as "512Mi"; "" without a limit.
    """

    name: str
    kind: Kind
    image: str = ""
    memory_limit: str = ""
    waiting: Waiting | None = None
    running: bool = False
    running_since: datetime | None = None
    ended: Ended | None = None
    last_ended: Ended | None = None
    runtime_ids: frozenset[str] = frozenset()

    @property
    def has_started(self) -> bool:
        """Whether it runs or has ended, and does not wait."""
        return self.running or self.ended is not None

    @property
    def has_run(self) -> bool:
        """Whether its process has ever started, so that there may be a log."""
        return self.running or (self.ended is not None and self.ended.reason not in START_REASONS)

    @property
    def got_its_image(self) -> bool:
        """Whether the node has its image. Then the node has also set up the Pod's network and volumes."""
        return self.has_started or (self.waiting is not None and self.waiting.reason not in ORDINARY)

    @property
    def started_at(self) -> datetime | None:
        """When its process was started."""
        return self.running_since if self.running else self.ended.started_at if self.ended else None

    @property
    def any_end(self) -> Ended | None:
        """How its process ended, the current one or the one before; None where no process has ended."""
        return self.ended or self.last_ended


def read_containers(spec: Object, status: Object) -> list[Container]:
    """Read a Pod's containers, in the order in which they start.

    Ephemeral containers are left out: somebody adds them to inspect the Pod. They do not delay its end, and do not
    change how it ends. https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
    """
    first = _joined(spec.get("initContainers"), status.get("initContainerStatuses"))
    own = _joined(spec.get("containers"), status.get("containerStatuses"))
    name = _command_of([said for said, _, _ in own])
    return [
        *(_read(one, Kind.SIDECAR if one[1].get("restartPolicy") == "Always" else Kind.INIT) for one in first),
        *(_read(one, Kind.COMMAND if one[0] == name else Kind.BESIDE) for one in own),
    ]


def read_end(terminated: object) -> Ended | None:
    """Read how a container ended, from its state or from an annotation; None where it has not ended."""
    if not isinstance(terminated, dict):
        return None
    return Ended(
        whole(terminated.get("exitCode")),
        text(terminated.get("reason")),
        text(terminated.get("message")),
        moment(terminated.get("startedAt")),
        moment(terminated.get("finishedAt")),
    )


def image_of(spec: Object) -> str:
    """Return the image of the command's container in a Pod's spec, "" without one."""
    images = {text(one.get("name")): text(one.get("image")) for one in reversed(members(spec.get("containers")))}
    return images.get(_command_of([*reversed(images)]), "")


def _command_of(names: list[str]) -> str:
    """Return the name of the command's container. Other containers may be injected before or beside it."""
    return CONTAINER if CONTAINER in names else next(iter(names), "")


def _joined(specs: object, statuses: object) -> list[tuple[str, Object, Object]]:
    """Return name, spec and status of each container, also where the spec of a status is missing."""
    said = {text(one.get("name")): one for one in reversed(members(statuses))}
    made = [(name, spec, said.pop(name, {})) for spec in members(specs) for name in [text(spec.get("name"))]]
    return made + [(name, {}, status) for name, status in reversed(said.items())]


def _read(joined: tuple[str, Object, Object], kind: Kind) -> Container:
    name, spec, status = joined
    image, state, before = text(spec.get("image")), mapping(status.get("state")), mapping(status.get("lastState"))
    waits, runs = state.get("waiting"), state.get("running")
    ends = [mapping(container.get("terminated")) for container in (state, before)]
    return Container(
        name,
        kind,
        image,
        text(mapping(mapping(spec.get("resources")).get("limits")).get("memory")),
        waiting=_waiting(waits, name, image) if isinstance(waits, dict) else None,
        running=isinstance(runs, dict),
        running_since=moment(mapping(runs).get("startedAt")),
        ended=read_end(state.get("terminated")),
        last_ended=read_end(before.get("terminated")),
        runtime_ids=frozenset(text(container.get("containerID")) for container in (status, *ends)) - {""},
    )


def _waiting(waits: Object, name: str, image: str) -> Waiting:
    return Waiting(text(waits.get("reason")) or "Pending", text(waits.get("message")), name, image)
