"""Why a Pod ended as it did, by the first rule that fits what its containers say."""

from collections.abc import Callable
from dataclasses import dataclass

from jobs_api import runner
from jobs_api.k8s import pod_status
from jobs_api.k8s.containers import IMAGE_REASONS, SETUP_REASONS, START_REASONS, Waiting
from jobs_api.k8s.failure_words import command_name, detail_of
from jobs_api.k8s.observed import Observed
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.k8s.pod_template import CONTAINER
from jobs_api.model.run import RunStatus

# The kubelet's reason, and containerd's reason for a command on a node that went down, with an exit code of 255.
# https://github.com/containerd/containerd/blob/v2.0.0/internal/cri/server/restart.go
LOST_REASONS = frozenset({"ContainerStatusUnknown", "Unknown"})

# How the reasons begin with which a kubelet refuses a Pod that was scheduled to its node: the scheduler knew less than
# the node, as right after another Pod has ended. No container of the Pod has run.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/lifecycle/predicate.go
NODE_REFUSALS = ("NodeAffinity", "OutOf", "TaintToleration", "TopologyAffinityError", "UnexpectedAdmissionError")

# The message of a laptop's kubelet about a command that ended because the service itself was stopped.
SERVICE_STOPPED = "the service was stopped while the run was going"


@dataclass(frozen=True)
class Cause:
    """Why a run failed: Kubernetes' reason, a sentence, and the run's status, `failed`, `error` or `cancelled`."""

    reason: str
    message: str
    status: RunStatus = RunStatus.ERROR


def first_cause(rules: "list[CauseRule]", job: Observed, pod: ObservedPod) -> Cause | None:
    """Return what the first rule that fits says, None where none fits."""
    return next((cause for rule in rules if (cause := rule(job, pod))), None)


def _out_of_memory(job: Observed, pod: ObservedPod) -> Cause | None:
    if pod.ended is None or pod.ended.reason != "OOMKilled":
        return None
    limit = pod.command.memory_limit
    than = f"more memory than its limit of {limit}" if limit else "more memory than the node had"
    return Cause(
        "OOMKilled",
        f"{command_name(job)} used {than} and was killed; raise resources.limits.memory or make it do less at once",
    )


def _service_stopped(_: Observed, pod: ObservedPod) -> Cause | None:
    first = pod_status.failed_init(pod)
    if not any(end and end.message == SERVICE_STOPPED for end in (pod.ended, first.any_end if first else None)):
        return None
    return Cause("ServiceStopped", f"{SERVICE_STOPPED.capitalize()}; run it again")


def _disrupted(job: Observed, pod: ObservedPod) -> Cause | None:
    """The cluster removed the Pod, or the kubelet refused it: Evicted, Preempting, Terminated, OutOfcpu and others.

    https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    """
    condition = pod.conditions.get("DisruptionTarget")
    reason, message = pod.reason, pod.message
    if condition and condition.holds:
        reason, message = reason or condition.reason, message or condition.message
    if not reason:
        return None
    if reason.startswith(NODE_REFUSALS):
        name = command_name(job)
        return Cause(
            reason, f"The node refused the pod, so {name} never started ({detail_of(reason, message)}); run it again"
        )
    return Cause(
        reason,
        f"The cluster took the pod away before the command was done ({detail_of(reason, message)}); run it again; "
        "if it happens again, raise resources.requests to what the command needs",
    )


def _could_not_start(job: Observed, pod: ObservedPod) -> Cause | None:
    if pod.ended and pod.ended.reason in START_REASONS:
        return never_started(Waiting(pod.ended.reason, pod.ended.message), job)
    waits = pod_status.waiting(pod)
    return never_started(waits, job) if waits and waits.hopeless else None


def _init_failed(job: Observed, pod: ObservedPod) -> Cause | None:
    """An init container failed, ours or an injected one, so the command's container did not start."""
    first = pod_status.failed_init(pod)
    ended = first.any_end if first else None
    if first is None or ended is None:
        return None
    reason = ended.reason or "Error"
    if reason in START_REASONS:
        how = f"could not be started ({detail_of(reason, ended.message)})"
    else:
        how = f"exited with code {ended.exit_code}" + ("" if reason == "Error" else f" ({reason})")
    return Cause(
        "InitContainerFailed",
        f"The init container {first.name} {how}, so {command_name(job)} never started; correct it",
    )


def never_started(waits: Waiting, job: Observed) -> Cause:
    """Say that a container cannot start; name the container and its image where it is not the command's."""
    ours = waits.container == CONTAINER
    image = waits.image or (job.image if ours else "")
    detail, whose = detail_of(waits.reason, waits.message), "" if ours else f" of the container {waits.container}"
    if waits.reason in IMAGE_REASONS:
        who = "the project's image" if ours else "it"
        text = f"The image {image}{whose} could not be pulled ({detail}); correct {who}, or let the cluster pull it"
    elif waits.reason in SETUP_REASONS and ours:
        text = f"The container could not be set up ({detail}); check the project's environment secret and settings"
    elif waits.reason in SETUP_REASONS:
        text = f"The container {waits.container} could not be set up ({detail}); check what it refers to"
    elif ours and f'"{runner.SHELL}"' in (waits.message or ""):
        text = (
            f"{command_name(job)} could not be started in {image}, which has no {runner.SHELL} ({detail}); runs that "
            "store artifacts start by it: the image must contain it, or set the project's artifacts to false"
        )
    else:
        text = (
            f"{command_name(job)} could not be started in {image} ({detail}); the image must contain it, and the "
            "project's working directory"
        )
    return Cause(waits.reason, text)


def _lost(_: Observed, pod: ObservedPod) -> Cause | None:
    if pod.ended is None or pod.ended.reason not in LOST_REASONS:
        return None
    return Cause(
        pod.ended.reason, "The node went down or lost track of the command, so how it ended is unknown; run it again"
    )


def _deleted(job: Observed, pod: ObservedPod) -> Cause | None:
    if pod.gone_by is None or (pod.ended and pod.ended.exit_code == 0):
        return None
    return Cause("PodDeleted", f"Somebody deleted the pod while {command_name(job)} had not ended; run it again")


def _exited(job: Observed, pod: ObservedPod) -> Cause | None:
    if pod.ended is None or pod.ended.exit_code == 0:
        return None
    code, name = pod.ended.exit_code, command_name(job)
    killer = pod_status.signal_of(code)
    if killer is None:
        return Cause("Error", f"{name} exited with code {code}", RunStatus.FAILED)
    if killer not in pod_status.FROM_OUTSIDE:
        return Cause("Error", f"{name} crashed with {killer.name} (exit code {code})", RunStatus.FAILED)
    return Cause(
        "Killed",
        f"{name} was killed with {killer.name} (exit code {code}) from outside, as a node that shuts down or is out of "
        "memory does; run it again",
    )


type CauseRule = Callable[[Observed, ObservedPod], Cause | None]

# The most certain first: the command of an evicted Pod exits with another code than 0 too, but that is not the cause.
POD_RULES: list[CauseRule] = [
    _out_of_memory,
    _service_stopped,
    _disrupted,
    _init_failed,
    _could_not_start,
    _lost,
    _deleted,
    _exited,
]
OWN_RULES: list[CauseRule] = [_out_of_memory, _could_not_start, _service_stopped, _lost, _exited]
