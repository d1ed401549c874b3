"""Why a Job failed: its own command, or what kept that from running or ended it; in words a person can act on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs_api.k8s import labels, pod_status
from jobs_api.k8s.manifests import CONTAINER
from jobs_api.k8s.pod_status import DEADLINE, IMAGE_REASONS, SETUP_REASONS, START_REASONS, Object, Waiting
from jobs_api.model.run import RunStatus
from jobs_api.model.words import Unbalanced, split

MAX_DETAIL = 500
POD_GONE = "PodGone"
# The kubelet's word, and containerd's for what ran on a node that went down, with an exit code of 255.
# https://github.com/containerd/containerd/blob/v2.0.0/internal/cri/server/restart.go
LOST_REASONS = frozenset({"ContainerStatusUnknown", "Unknown"})

# Ours are no longer; the annotation that holds it may have been written by anybody.
LONGEST_COMMAND = 4096


@dataclass(frozen=True)
class Cause:
    """Why: Kubernetes' word for it, a sentence, and whether that makes the run `failed` or `error`."""

    reason: str
    message: str
    status: RunStatus = RunStatus.ERROR


def cause_of(job: Object, pod: Object | None) -> Cause:
    """Say why a Job failed. `pod` is its newest, None where it is gone."""
    if pod is None:
        return _first([_stopped, _deadline], job, {}) or _pod_gone(job)
    return _first([_stopped, _deadline, *_POD_RULES], job, pod) or _whatever_kubernetes_says(job)


def cause_of_own_end(job: Object, pod: Object) -> Cause:
    """Say how the command itself ended that exited with another code than 0, whatever became of its Pod since."""
    return _first(_OWN_RULES, job, pod) or _whatever_kubernetes_says(job)


def cause_of_wait(job: Object, waits: Waiting) -> Cause:
    """Say why a run is given up that waits for what will not come."""
    return _never_started(waits, job)


def cause_of_no_pod(waits: Waiting) -> Cause:
    """Say why a run is given up whose Job gets no pod."""
    return Cause(
        waits.reason,
        f"The cluster made no pod for the run ({_detail(waits.reason, waits.message)}); ask for less in resources, or "
        "raise the limits or the quota of the namespace, and run it again",
    )


def cause_of_no_sandbox(job: Object, waits: Waiting) -> Cause:
    """Say why a run is given up whose Pod its node cannot set up."""
    return Cause(
        waits.reason,
        f"The node could not set up the pod ({_detail(waits.reason, waits.message)}), so {command_name(job)} never "
        "started; see to the node's network and volumes, and run it again",
    )


def cause_of_nothing(job: Object, waits: Waiting | None) -> Cause:
    """Say why a run ended at a deadline where nothing had ever started; `waits` is the last reason seen, if any."""
    told = f" ({_detail(waits.reason, waits.message)})" if waits else ""
    return Cause(
        waits.reason if waits else DEADLINE,
        f"{command_name(job)} never started before its time was over{told}; see to what kept its pod from starting, "
        "and run it again",
    )


def _first(rules: "list[CauseRule]", job: Object, pod: Object) -> Cause | None:
    return next((cause for rule in rules if (cause := rule(job, pod))), None)


def command_name(job: Object) -> str:
    """Return the program that a Job runs, `dbt` for one."""
    command = (job["metadata"].get("annotations") or {}).get(labels.COMMAND, "")
    return next(iter(_words(command[:LONGEST_COMMAND])), "The command")


def job_failure(job: Object) -> tuple[str, str]:
    """Return Kubernetes' own reason and message for a Job's failure, each empty where it gave none."""
    found = pod_status.condition(job.get("status", {}), "Failed") or {}
    return found.get("reason") or "", found.get("message") or ""


def _stopped(job: Object, _: Object) -> Cause | None:
    """Ingest gave up on it and left word why, before it let the deadline end it."""
    told = (job["metadata"].get("annotations") or {}).get(labels.STOPPED)
    if not told:
        return None
    reason, _, message = told.partition(": ")
    return Cause(reason, message or reason)


def _deadline(job: Object, pod: Object) -> Cause | None:
    reason, _ = job_failure(job)
    if reason == DEADLINE:
        seconds = job["spec"].get("activeDeadlineSeconds")
    elif pod.get("status", {}).get("reason") == DEADLINE:
        seconds = pod["spec"].get("activeDeadlineSeconds")
    else:
        return None
    after = f" of {_spoken(seconds)}" if seconds else ""
    return Cause(
        DEADLINE,
        f"The run was stopped at its project's deadline{after}; raise the deadline or make the command do less",
    )


def _out_of_memory(job: Object, pod: Object) -> Cause | None:
    if (pod_status.terminated(pod) or {}).get("reason") != "OOMKilled":
        return None
    limit = pod_status.container_of(pod).get("resources", {}).get("limits", {}).get("memory")
    than = f"more memory than its limit of {limit}" if limit else "more memory than the node had"
    return Cause(
        "OOMKilled",
        f"{command_name(job)} used {than} and was killed; raise resources.limits.memory or make it do less at once",
    )


def _disrupted(_: Object, pod: Object) -> Cause | None:
    """The pod was taken away, or the kubelet refused it: Evicted, Preempting, NodeShutdown, OutOfcpu and their like.

    https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    """
    status = pod.get("status", {})
    condition = pod_status.condition(status, "DisruptionTarget")
    reason, message = status.get("reason"), status.get("message")
    if condition and condition["status"] == "True":
        reason, message = reason or condition.get("reason"), message or condition.get("message")
    if not reason:
        return None
    return Cause(
        reason,
        f"The cluster took the pod away before the command was done ({_detail(reason, message)}); run it again, and "
        "ask for what it really needs in resources.requests if this comes back",
    )


def _could_not_start(job: Object, pod: Object) -> Cause | None:
    waits, ended = pod_status.waiting(pod), pod_status.terminated(pod) or {}
    if ended.get("reason") in START_REASONS:
        return _never_started(Waiting(ended["reason"], ended.get("message") or ""), job)
    return _never_started(waits, job) if waits and waits.hopeless else None


def _init_failed(job: Object, pod: Object) -> Cause | None:
    """An init container failed, ours or one that was injected: the command's own container never got its turn."""
    status = pod_status.failed_init(pod)
    if status is None:
        return None
    ended = next(found for part in ("state", "lastState") if (found := (status.get(part) or {}).get("terminated")))
    name, reason = status["name"], ended.get("reason") or "Error"
    if reason in START_REASONS:
        how = f"could not be started ({_detail(reason, ended.get('message'))})"
    else:
        how = f"exited with code {ended['exitCode']}" + ("" if reason == "Error" else f" ({reason})")
    return Cause(
        "InitContainerFailed", f"The init container {name} {how}, so {command_name(job)} never started; correct it"
    )


def _never_started(waits: Waiting, job: Object) -> Cause:
    """Say that a container is not to be had; of one that is not ours, name and image are its own."""
    ours = waits.container == CONTAINER
    image = waits.image or (pod_status.container_of(job["spec"]["template"])["image"] if ours else "")
    detail, whose = _detail(waits.reason, waits.message), "" if ours else f" of the container {waits.container}"
    if waits.reason in IMAGE_REASONS:
        who = "the project's image" if ours else "it"
        text = f"The image {image}{whose} could not be had ({detail}); correct {who}, or let the cluster pull it"
    elif waits.reason in SETUP_REASONS and ours:
        text = f"The container could not be set up ({detail}); check the project's environment secret and settings"
    elif waits.reason in SETUP_REASONS:
        text = f"The container {waits.container} could not be set up ({detail}); check what it refers to"
    else:
        text = (
            f"{command_name(job)} could not be started in {image} ({detail}); the image must hold it, and the "
            "project's working directory"
        )
    return Cause(waits.reason, text)


def _lost(_: Object, pod: Object) -> Cause | None:
    reason = (pod_status.terminated(pod) or {}).get("reason")
    if reason not in LOST_REASONS:
        return None
    return Cause(reason, "The node went down or lost track of the command, so how it ended is unknown; run it again")


def _deleted(job: Object, pod: Object) -> Cause | None:
    if "deletionTimestamp" not in pod["metadata"] or (pod_status.terminated(pod) or {}).get("exitCode") == 0:
        return None
    return Cause("PodDeleted", f"Somebody deleted the pod while {command_name(job)} had not ended; run it again")


def _exited(job: Object, pod: Object) -> Cause | None:
    code: int = (pod_status.terminated(pod) or {}).get("exitCode", 0)
    name = command_name(job)
    if code == 0:
        return None
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


def _pod_gone(job: Object) -> Cause:
    reason, message = job_failure(job)
    return Cause(
        POD_GONE,
        f"The pod was gone before anybody saw how {command_name(job)} ended ({_detail(reason or 'Failed', message)}); "
        "somebody deleted it or its node was lost; run it again",
    )


def _whatever_kubernetes_says(job: Object) -> Cause:
    reason, message = job_failure(job)
    return Cause(reason or "Failed", f"Kubernetes ended the run ({_detail(reason or 'Failed', message)}); run it again")


type CauseRule = Callable[[Object, Object], Cause | None]

# The most certain first: an evicted pod's command exits non-zero as well, and that is not what went wrong.
_POD_RULES: list[CauseRule] = [_out_of_memory, _disrupted, _init_failed, _could_not_start, _lost, _deleted, _exited]
_OWN_RULES: list[CauseRule] = [_out_of_memory, _could_not_start, _lost, _exited]


def _words(command: str) -> Iterator[str]:
    try:
        yield from split(command)
    except Unbalanced:
        yield from command.split()


def _detail(reason: str, message: str | None) -> str:
    text = f"{reason}: {message}" if message and message != reason else reason
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"


def _spoken(seconds: int) -> str:
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{seconds} seconds"
