"""Reads a Pod once from the API server's JSON; like `observed`, the reader never fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from jobs_api.k8s import labels
from jobs_api.k8s.containers import Container, Ended, Kind, read_containers
from jobs_api.k8s.json_fields import Object, mapping, members, moment, span, text, texts

# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
DEFAULT_GRACE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Condition:
    """A condition of a Job or a Pod; `holds` is None where Kubernetes does not know."""

    holds: bool | None
    reason: str = ""
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ObservedPod:
    """A Pod as it was read: `phase`, `reason` and `message` are Kubernetes' own words, "" where it gave none.

    Args:
        taken_at: when a node accepted it.
        gone_by: when it must have ended after its deletion, None where nobody has deleted it; `deletion_grace` is the
            time between the deletion and `gone_by`.
        grace: how long its containers may take to end after the signal to end.
        cancelled_at: when its deadline was lowered to cancel the run, None where nobody did that.
        conditions: by their type.
        command: the container that runs the command, `job`.
        others: init containers, sidecars, and containers that a service mesh or an agent injects, in their order. They
            matter only where they prevent the command from starting.
    """

    name: str
    namespace: str = ""
    uid: str = ""
    phase: str = ""
    reason: str = ""
    message: str = ""
    taken_at: datetime | None = None
    gone_by: datetime | None = None
    deletion_grace: timedelta = timedelta()
    grace: timedelta = DEFAULT_GRACE
    deadline: timedelta | None = None
    cancelled_at: datetime | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    command: Container
    others: tuple[Container, ...] = ()

    @property
    def ended(self) -> Ended | None:
        """How the command ended, None where it has not."""
        return self.command.ended

    @property
    def has_run(self) -> bool:
        """Whether the command's process has ever started, so that there may be a log."""
        return self.command.has_run

    @property
    def started_at(self) -> datetime | None:
        """When the command's process was started."""
        return self.command.started_at

    @property
    def finished_at(self) -> datetime | None:
        """When the command's process ended."""
        return self.ended.finished_at if self.ended else None

    @property
    def is_terminal(self) -> bool:
        """Whether all its containers have ended, so that its Job soon ends too."""
        return self.phase in {"Succeeded", "Failed"}

    def before_the_command(self) -> list[Container]:
        """Return the containers that start before the command: init containers and native sidecars."""
        return [one for one in self.others if one.kind in {Kind.INIT, Kind.SIDECAR}]


# Each has five more fields; reading all of them would take a tenth of the time for a list of live Jobs.
CONDITIONS: Final = frozenset(
    {"Complete", "DisruptionTarget", "Failed", "PodReadyToStartContainers", "PodScheduled", "Suspended"}
)


def observe_pod(pod: Object) -> ObservedPod:
    """Read a Pod from the API server's JSON."""
    metadata, spec, status = (mapping(pod.get(part)) for part in ("metadata", "spec", "status"))
    containers = read_containers(spec, status)
    command = next(
        (container for container in containers if container.kind is Kind.COMMAND), Container("", Kind.COMMAND)
    )
    grace = span(spec.get("terminationGracePeriodSeconds"))
    return ObservedPod(
        name=text(metadata.get("name")),
        namespace=text(metadata.get("namespace")),
        uid=text(metadata.get("uid")),
        phase=text(status.get("phase")),
        reason=text(status.get("reason")),
        message=text(status.get("message")),
        taken_at=moment(status.get("startTime")),
        gone_by=moment(metadata.get("deletionTimestamp")),
        deletion_grace=span(metadata.get("deletionGracePeriodSeconds")) or timedelta(),
        grace=DEFAULT_GRACE if grace is None else grace,
        deadline=span(spec.get("activeDeadlineSeconds")),
        cancelled_at=moment(texts(metadata.get("annotations")).get(labels.CANCELLED_AT)),
        conditions=read_conditions(status),
        command=command,
        others=tuple(container for container in containers if container is not command),
    )


def read_conditions(status: Object) -> dict[str, Condition]:
    """Read those conditions of a Job or a Pod that matter here, by their type; the API server allows one of each."""
    named = ((one.get("type"), one) for one in reversed(members(status.get("conditions"))))
    return {name: _condition(one) for name, one in named if isinstance(name, str) and name in CONDITIONS}


def _condition(raw: Object) -> Condition:
    holds = {"True": True, "False": False}.get(text(raw.get("status")))
    return Condition(holds, text(raw.get("reason")), text(raw.get("message")), moment(raw.get("lastTransitionTime")))
