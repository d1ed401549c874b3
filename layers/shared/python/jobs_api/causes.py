"""Why a Job failed: its own command, or what kept that from running or ended it; in words a person can act on."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs_api import labels, pods
from jobs_api.pods import IMAGE_REASONS, SETUP_REASONS, START_REASONS, Object
from jobs_api.runs import RunStatus
from jobs_api.words import Unbalanced, split

MAX_DETAIL = 500
DEADLINE = "DeadlineExceeded"
# The kubelet's word, and containerd's for what ran on a node that went down, with an exit code of 255.
# https://github.com/containerd/containerd/blob/v2.0.0/internal/cri/server/restart.go
LOST_REASONS = frozenset({"ContainerStatusUnknown", "Unknown"})
# Sent by somebody else; a process that crashes gets one of the other signals from its own doing.
FROM_OUTSIDE = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM})


@dataclass(frozen=True)
class Cause:
    """Why: Kubernetes' word for it, a sentence, and whether that makes the run `failed` or `error`."""

    reason: str
    message: str
    status: RunStatus = RunStatus.ERROR


def cause_of(job: Object, pod: Object | None) -> Cause:
    """Say why a Job failed. `pod` is its newest, None where it is gone."""
    rules: list[Rule] = [_stopped, _deadline] if pod is None else [_stopped, _deadline, *_POD_RULES]
    found = (cause for rule in rules if (cause := rule(job, pod or {})))
    return next(found, _pod_gone(job) if pod is None else _whatever_kubernetes_says(job))


def command_name(job: Object) -> str:
    """Return the program that a Job runs, `dbt` for one."""
    command = (job["metadata"].get("annotations") or {}).get(labels.COMMAND, "")
    return next(iter(_words(command)), "The command")


def job_failure(job: Object) -> tuple[str, str]:
    """Return Kubernetes' own reason and message for a Job's failure, each empty where it gave none."""
    found = pods.condition(job.get("status", {}), "Failed") or {}
    return found.get("reason") or "", found.get("message") or ""


def _stopped(job: Object, _: Object) -> Cause | None:
    """Ingest gave up on it and left word why, before it let the deadline end it."""
    told = (job["metadata"].get("annotations") or {}).get(labels.STOPPED)
    if not told:
        return None
    reason, _, message = told.partition(": ")
    if reason == DEADLINE:
        return Cause(reason, message)
    return _never_started(reason, message or reason, job)


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
    if (pods.terminated(pod) or {}).get("reason") != "OOMKilled":
        return None
    limit = pod["spec"]["containers"][0].get("resources", {}).get("limits", {}).get("memory")
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
    condition = pods.condition(status, "DisruptionTarget")
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
    waits, ended = pods.waiting(pod), pods.terminated(pod) or {}
    if ended.get("reason") in START_REASONS:
        return _never_started(ended["reason"], ended.get("message", ""), job)
    return _never_started(waits.reason, waits.message, job) if waits and waits.hopeless else None


def _never_started(reason: str, message: str, job: Object) -> Cause:
    image = job["spec"]["template"]["spec"]["containers"][0]["image"]
    detail = _detail(reason, message)
    if reason in IMAGE_REASONS:
        text = f"The image {image} could not be had ({detail}); correct the project's image, or let the cluster pull it"
    elif reason in SETUP_REASONS:
        text = f"The container could not be set up ({detail}); check the project's environment secret and settings"
    else:
        text = (
            f"{command_name(job)} could not be started in {image} ({detail}); the image must hold it, and the "
            "project's working directory"
        )
    return Cause(reason, text)


def _lost(_: Object, pod: Object) -> Cause | None:
    reason = (pods.terminated(pod) or {}).get("reason")
    if reason not in LOST_REASONS:
        return None
    return Cause(reason, "The node went down or lost track of the command, so how it ended is unknown; run it again")


def _deleted(job: Object, pod: Object) -> Cause | None:
    if "deletionTimestamp" not in pod["metadata"] or (pods.terminated(pod) or {}).get("exitCode") == 0:
        return None
    return Cause("PodDeleted", f"Somebody deleted the pod while {command_name(job)} had not ended; run it again")


def _exited(job: Object, pod: Object) -> Cause | None:
    code: int = (pods.terminated(pod) or {}).get("exitCode", 0)
    name = command_name(job)
    if code == 0:
        return None
    killer = _signal(code)
    if killer is None:
        return Cause("Error", f"{name} exited with code {code}", RunStatus.FAILED)
    if killer not in FROM_OUTSIDE:
        return Cause("Error", f"{name} crashed with {killer.name} (exit code {code})", RunStatus.FAILED)
    return Cause(
        "Killed",
        f"{name} was killed with {killer.name} (exit code {code}) from outside, as a node that shuts down or is out of "
        "memory does; run it again",
    )


def _pod_gone(job: Object) -> Cause:
    reason, message = job_failure(job)
    return Cause(
        "PodGone",
        f"The pod was gone before anybody saw how {command_name(job)} ended ({_detail(reason or 'Failed', message)}); "
        "somebody deleted it or its node was lost; run it again",
    )


def _whatever_kubernetes_says(job: Object) -> Cause:
    reason, message = job_failure(job)
    return Cause(reason or "Failed", f"Kubernetes ended the run ({_detail(reason or 'Failed', message)}); run it again")


type Rule = Callable[[Object, Object], Cause | None]

# The most certain first: an evicted pod's command exits non-zero as well, and that is not what went wrong.
_POD_RULES: list[Rule] = [_out_of_memory, _disrupted, _could_not_start, _lost, _deleted, _exited]


def _signal(code: int) -> signal.Signals | None:
    """Return the signal that an exit code stands for: 128 and its number, as shells and container runtimes have it."""
    try:
        return signal.Signals(code - 128) if code > 128 else None
    except ValueError:
        return None


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
