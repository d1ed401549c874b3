"""How the command of a Pod stands: whether it ended by itself, and what it waits for.

A Pod may have more containers than the command's. How they end, and whether they stay, says nothing about the run.
"""

import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from jobs_api.k8s.containers import ORDINARY, Container, Ended, Kind, Waiting
from jobs_api.k8s.json_fields import ZERO_TIME
from jobs_api.k8s.observed_pod import ObservedPod

DEADLINE: Final = "DeadlineExceeded"

# Sent by somebody else; a process that crashes gets one of the other signals from its own doing.
FROM_OUTSIDE: Final = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM})
# How soon a kubelet tells that it has ended a pod, once the last container is gone.
TOLD_WITHIN: Final = timedelta(seconds=30)
# A disruption is dated by the control plane and a container's end by its node, and their clocks differ.
CLOCKS_DIFFER: Final = timedelta(seconds=10)


def own_end(pod: ObservedPod, now: datetime | None = None) -> Ended | None:
    """Return how the command ended, where it ended by itself: before anything that ends whole pods came along.

    None where it has not ended, and where its deadline, an eviction, a drained node or somebody's `kubectl delete` may
    have ended it: what becomes of those is for the Job to say. A kubelet that ends a pod says so only once all of its
    containers have ended; of a command that was killed while others go on, that is waited for until `now` is late.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/status/status_manager.go (mergePodStatus)
    """
    ended, at = pod.ended, pod.finished_at
    if not ended or not at or any(at >= end for end in _ends(pod)):
        return None
    if pod.is_terminal or signal_of(ended.exit_code) not in FROM_OUTSIDE or ended.reason == "OOMKilled":
        return ended
    return ended if now and now >= at + pod.grace + TOLD_WITHIN else None


def signal_of(exit_code: int) -> signal.Signals | None:
    """Return the signal that an exit code stands for: 128 and its number, as shells and container runtimes have it."""
    try:
        return signal.Signals(exit_code - 128) if exit_code > 128 else None
    except ValueError:
        return None


def stays(pod: ObservedPod, now: datetime | None = None) -> bool:
    """Tell whether a Pod whose command has ended goes on: something else in it does, or its node tells of no end.

    A kubelet tells the end of the last container first, and that of the Pod once its sandbox is taken down. That is
    waited for until `now` is late: a Job that is ended in between would have failed, whatever its command did.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/status/status_manager.go (mergePodStatus)
    """
    if pod.is_terminal:
        return False
    if any(one.ended is None for one in (pod.command, *pod.others)):
        return True
    at = pod.finished_at
    return bool(now and at and now >= at + TOLD_WITHIN)


def failed_init(pod: ObservedPod) -> Container | None:
    """Return the init container that failed, so that the command cannot start; None without one."""
    if pod.command.has_started:
        return None
    once = (one for one in pod.others if one.kind is Kind.INIT)
    return next((one for one in once if (end := one.any_end) and end.exit_code), None)


def has_no_sandbox(pod: ObservedPod) -> bool:
    """Tell whether a node took a Pod and could not make what its containers run in: a network, its volumes.

    Why stands in Events alone. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network
    """
    if pod.is_terminal or pod.taken_at is None or any(one.got_its_image for one in (pod.command, *pod.others)):
        return False
    ready = pod.conditions.get("PodReadyToStartContainers")
    return ready is not None and ready.holds is False


def waiting(pod: ObservedPod) -> Waiting | None:
    """Tell why the command has not started, None where it has: no node, no image, a missing secret.

    What keeps a sidecar from starting that is no init container keeps nothing else.
    """
    if pod.command.has_started:
        return None
    told = [one.waiting for one in (*pod.before_the_command(), pod.command) if one.waiting]
    scheduled = pod.conditions.get("PodScheduled")
    if scheduled and scheduled.holds is False:
        told.append(Waiting(scheduled.reason or "Pending", scheduled.message))
    blamed = next((one for one in told if one.hopeless), None)
    blamed = blamed or next((one for one in told if one.reason not in ORDINARY), None)
    return blamed or _goes_on(pod) or (told[-1] if told else Waiting("Pending"))


def waited_for(pod: ObservedPod) -> Waiting | None:
    """Tell what the command of a Pod was waiting for that has been ended: an init container ends with it."""
    if first := failed_init(pod):
        return Waiting("PodInitializing", f"the init container {first.name} had not ended", first.name)
    return waiting(pod)


def _goes_on(pod: ObservedPod) -> Waiting | None:
    """Tell that an init container runs, and has to end before the command may start."""
    first = next((one.name for one in pod.others if one.kind is Kind.INIT and one.running), None)
    return Waiting("PodInitializing", f"the init container {first} is going on", first) if first else None


def _ends(pod: ObservedPod) -> Iterator[datetime]:
    """Yield the times at which something other than the command began to end the whole Pod."""
    taken = pod.conditions.get("DisruptionTarget")
    if taken and taken.holds:
        # The kubelet dates its own when all is over.
        at = taken.since if taken.reason != "TerminationByKubelet" else None
        yield at - CLOCKS_DIFFER if at else ZERO_TIME
    elif pod.reason not in {"", DEADLINE}:
        yield ZERO_TIME
    if pod.gone_by:
        yield pod.gone_by - pod.deletion_grace - CLOCKS_DIFFER
    if pod.deadline and pod.taken_at:
        yield pod.taken_at + pod.deadline
    elif pod.reason == DEADLINE:
        yield ZERO_TIME
