"""The containers of a Pod, each with what its spec and its status say of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from jobs_api.k8s.json_fields import Object, mapping, members, moment, text, whole
from jobs_api.k8s.manifests import CONTAINER

# What keeps a container from starting until somebody changes something. Kubernetes goes on trying all the same.
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
# What a container waits for where nothing is wrong with itself.
ORDINARY: Final = frozenset({"ContainerCreating", "Pending", "PodInitializing"})


class Kind(Enum):
    """What a container of a Pod is there for: the command, to end before it, to stay with it, or to run beside it.

    A native sidecar is an init container that is restarted whenever it ends, and keeps nothing from starting.
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """

    COMMAND = "command"
    INIT = "init"
    SIDECAR = "sidecar"
    BESIDE = "beside"


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


@dataclass(frozen=True)
class Ended:
    """How a container's process ended: `reason` and `message` are Kubernetes' own, "" where it gave none."""

    exit_code: int
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Container:
    """A container of a Pod: of `waiting`, `running` and `ended` one is set, none before the kubelet has said anything.

    `last_ended` is how it ended before it was started again, `runtime_ids` by which names the runtime knows it.
    `memory_limit` is Kubernetes' quantity, "512Mi" for one, "" without.
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
        """Whether its process was ever started, and may have written a log."""
        return self.running or (self.ended is not None and self.ended.reason not in START_REASONS)

    @property
    def got_its_image(self) -> bool:
        """Whether it got as far as its image, or further: its Pod has what it runs in."""
        return self.has_started or (self.waiting is not None and self.waiting.reason not in ORDINARY)

    @property
    def started_at(self) -> datetime | None:
        """When its process was started."""
        return self.running_since if self.running else self.ended.started_at if self.ended else None

    @property
    def any_end(self) -> Ended | None:
        """How it ended, or had ended before it was to start again; None where it did neither."""
        return self.ended or self.last_ended


def read_containers(spec: Object, status: Object) -> list[Container]:
    """Read a Pod's containers, in the order in which they start.

    Ephemeral containers are left out: somebody looks at the Pod with them, and they neither keep it from ending nor
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
    """Read how a container ended, as its state or an annotation holds it; None where it has not."""
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
    """Return the name of the command's container: others may be injected before or beside it."""
    return CONTAINER if CONTAINER in names else next(iter(names), "")


def _joined(specs: object, statuses: object) -> list[tuple[str, Object, Object]]:
    """Return name, spec and status of containers; a status whose spec is missing is one of a container too."""
    said = {text(one.get("name")): one for one in reversed(members(statuses))}
    made = [(name, spec, said.pop(name, {})) for spec in members(specs) for name in [text(spec.get("name"))]]
    return made + [(name, {}, status) for name, status in reversed(said.items())]


def _read(joined: tuple[str, Object, Object], kind: Kind) -> Container:
    name, spec, status = joined
    image, state, before = text(spec.get("image")), mapping(status.get("state")), mapping(status.get("lastState"))
    waits, runs = state.get("waiting"), state.get("running")
    ends = [mapping(one.get("terminated")) for one in (state, before)]
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
        runtime_ids=frozenset(text(one.get("containerID")) for one in (status, *ends)) - {""},
    )


def _waiting(waits: Object, name: str, image: str) -> Waiting:
    return Waiting(text(waits.get("reason")) or "Pending", text(waits.get("message")), name, image)
