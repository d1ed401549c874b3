"""The state of a Pod's command: whether it ended by itself, and what it waits for.

A Pod may have other containers too. How they end, and whether they stay, says nothing about the run.
"""

import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from jobs_api.k8s.containers import ORDINARY, Container, Ended, Kind, Waiting
from jobs_api.k8s.json_fields import ZERO_TIME
from jobs_api.k8s.observed_pod import ObservedPod

DEADLINE: Final = "DeadlineExceeded"

# Signals that another process sends. A process that crashes gets one of the other signals.
FROM_OUTSIDE: Final = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM})
# How soon a kubelet reports the end of a Pod after its last container has ended.
TOLD_WITHIN: Final = timedelta(seconds=30)
# The control plane gives the time of a disruption, and a node that of a container's end: their clocks differ.
CLOCKS_DIFFER: Final = timedelta(seconds=10)


def own_end(pod: ObservedPod, now: datetime | None = None) -> Ended | None:
    """Return how the command ended, where it ended by itself, before something ended the whole Pod.

    None where it has not ended. None too where its deadline, an eviction, a drained node or a `kubectl delete` may have
    ended it: the Job then says what became of it. A kubelet reports the end of a Pod only after all of its containers
    have ended. So a killed command counts as ended while other containers run only once `now` is late enough.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/status/status_manager.go (mergePodStatus)
    """
    ended, at = pod.ended, pod.finished_at
    if not ended or not at or any(at >= end for end in _ends(pod)):
        return None
    if pod.is_terminal or signal_of(ended.exit_code) not in FROM_OUTSIDE or ended.reason == "OOMKilled":
        return ended
    return ended if now and now >= at + pod.grace + TOLD_WITHIN else None


def signal_of(exit_code: int) -> signal.Signals | None:
    """Return the signal that an exit code stands for: shells and container runtimes add 128 to its number."""
    try:
        return signal.Signals(exit_code - 128) if exit_code > 128 else None
    except ValueError:
        return None


def stays(pod: ObservedPod, now: datetime | None = None) -> bool:
    """Return whether a Pod stays after its command has ended: another container runs, or its node reports no end.

    A kubelet reports the end of the last container first, and that of the Pod after it has removed the sandbox. Until
    `now` is late enough, that is awaited: a Job that is ended in between would fail, whatever its command did.
    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/status/status_manager.go (mergePodStatus)
    """
    if pod.is_terminal:
        return False
    if any(one.ended is None for one in (pod.command, *pod.others)):
        return True
    at = pod.finished_at
    return bool(now and at and now >= at + TOLD_WITHIN)


def failed_init(pod: ObservedPod) -> Container | None:
    """Return the init container whose failure keeps the command from starting; None without one."""
    if pod.command.has_started:
        return None
    once = (one for one in pod.others if one.kind is Kind.INIT)
    return next((one for one in once if (end := one.any_end) and end.exit_code), None)


def has_no_sandbox(pod: ObservedPod) -> bool:
    """Return whether a node accepted a Pod and could not set up its sandbox: its network or its volumes.

    Only Events say why. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network
    """
    if pod.is_terminal or pod.taken_at is None or any(one.got_its_image for one in (pod.command, *pod.others)):
        return False
    ready = pod.conditions.get("PodReadyToStartContainers")
    return ready is not None and ready.holds is False


def waiting(pod: ObservedPod) -> Waiting | None:
    """Return why the command has not started, None where it has: no node, no image, a missing secret.

    A sidecar that is not an init container does not keep the command from starting.
    """
    if pod.command.has_started:
        return None
    waits = [one.waiting for one in (*pod.before_the_command(), pod.command) if one.waiting]
    scheduled = pod.conditions.get("PodScheduled")
    if scheduled and scheduled.holds is False:
        waits.append(Waiting(scheduled.reason or "Pending", scheduled.message))
    blamed = next((one for one in waits if one.hopeless), None)
    blamed = blamed or next((one for one in waits if one.reason not in ORDINARY), None)
    return blamed or _running_init(pod) or (waits[-1] if waits else Waiting("Pending"))


def waited_for(pod: ObservedPod) -> Waiting | None:
    """Return what the command of an ended Pod was waiting for: an init container ends with its Pod."""
    if first := failed_init(pod):
        return Waiting("PodInitializing", f"the init container {first.name} had not ended", first.name)
    return waiting(pod)


def _running_init(pod: ObservedPod) -> Waiting | None:
    """Return the init container that must end before the command starts, where one runs."""
    first = next((one.name for one in pod.others if one.kind is Kind.INIT and one.running), None)
    return Waiting("PodInitializing", f"the init container {first} has not ended", first) if first else None


def _ends(pod: ObservedPod) -> Iterator[datetime]:
    """Yield when something other than the command began to end the whole Pod."""
    taken = pod.conditions.get("DisruptionTarget")
    if taken and taken.holds:
        # The kubelet's own condition has the time at which everything had ended.
        at = taken.since if taken.reason != "TerminationByKubelet" else None
        yield at - CLOCKS_DIFFER if at else ZERO_TIME
    elif pod.reason not in {"", DEADLINE}:
        yield ZERO_TIME
    if pod.gone_by:
        yield pod.gone_by - pod.deletion_grace - CLOCKS_DIFFER
    if pod.cancelled_at:
        if pod.reason == DEADLINE or not pod.is_terminal:
            # A command that exited with 0 did its work. With another exit code the clocks count as different, so that a
            # node's late clock makes no failure of a cancelled run.
            yield pod.cancelled_at if pod.ended and pod.ended.exit_code == 0 else pod.cancelled_at - CLOCKS_DIFFER
    elif pod.deadline and pod.taken_at:
        yield pod.taken_at + pod.deadline
    elif pod.reason == DEADLINE:
        yield ZERO_TIME
