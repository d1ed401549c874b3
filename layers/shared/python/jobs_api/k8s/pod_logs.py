"""Explains why a Pod has no log, or only a part of it. Facts in, a sentence out."""

import re
from datetime import datetime, timedelta
from typing import Final

from jobs_api.k8s.json_fields import moment
from jobs_api.k8s.log_names import begins_at, has_begun, pod_name_of
from jobs_api.k8s.observed_pod import ObservedPod

# Since 1.32 a kubelet answers 200 before it searches for the log, so its error text arrives in place of the log.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/kubelet_pods.go (GetKubeletContainerLogs)
EXCUSES: Final = (
    # kuberuntime_container.go, GetContainerLogs
    re.compile(r"unable to retrieve container logs for (?P<id>\S+)"),
    # kuberuntime/logs/logs.go, ReadLogs
    re.compile(r'failed to try resolving symlinks in path "(?P<id>[^"]+)": .+'),
    re.compile(r'failed to open log file "(?P<id>[^"]+)": .+'),
)
EXCUSE_BYTES: Final = 1024
# A kubelet checks every 10 seconds whether a log has exceeded `containerLogMaxSize`, and then starts another file.
# https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
LOOKS_EVERY: Final = timedelta(seconds=10)
# A command whose first readable line is later than this has probably written lines before it.
LATE_AFTER: Final = timedelta(seconds=30)
# So has a command that writes so fast that it may have written this much before its first readable line.
LOST_BYTES: Final = 1024 * 1024
ROTATED: Final = "the node serves only the last 10 MiB of a log (containerLogMaxSize)"


def is_excuse(text: str, pod: ObservedPod) -> bool:
    """Return whether the text is a kubelet's message that it has no log of a Pod's command.

    Such a message names the container, or a path with the Pod's UID, so no command writes it by chance. Where the
    kubelet has lost the container, its name is not known; then it is enough that the Pod was removed.
    """
    line = text.removesuffix("\n")
    if len(text) > EXCUSE_BYTES or "\n" in line:
        return False
    named = next((found["id"] for pattern in EXCUSES if (found := pattern.fullmatch(line))), "")
    known = pod.command.runtime_ids
    taken = not known and bool(pod.reason)
    return bool(named) and (named in known or f"_{pod.uid}/" in named or taken)


def why_no_log(pod: ObservedPod) -> str:
    """Say why a Pod has no log, where its node has none."""
    why = f" ({pod.reason}: {pod.message})" if pod.reason and pod.message else f" ({pod.reason})" if pod.reason else ""
    return f"There is no log: the node removed it with the pod{why}"


def known_beginning(log: str | None, pod: ObservedPod) -> str | None:
    """Return how a log began that a pass saw, if it was this Pod's; None otherwise: a replaced Pod has a new log."""
    return begins_at(log) if log and pod_name_of(log) == pod.name else None


def why_other_pod(log: str | None, pod: ObservedPod) -> str | None:
    """Say that the log of a Pod which was replaced is lost; None where the log that a pass saw is that of this Pod."""
    if log is None or not has_begun(log) or pod_name_of(log) == pod.name:
        return None
    return f"The log of pod {pod_name_of(log)} is lost: the pod was replaced by {pod.name} before its log could be read"


def why_incomplete(seen: str | None, begins: str, size_bytes: int, pod: ObservedPod) -> str | None:
    """Say why a part of an ended command's log is lost; None where nothing seems to be lost.

    Args:
        seen: the time of the log's first line while the command ran; "" where there was no line yet, None where no
            pass read it.
        begins: the time of the first line now, "" where nothing can be read.
        size_bytes: how much can be read.
        pod: the command's.
    """
    if seen:
        return None if begins == seen else f"The log's beginning is lost: {ROTATED}"
    started_at, finished_at = pod.started_at, pod.finished_at
    if seen == "" or started_at is None or finished_at is None:
        return None
    if not begins:
        long = finished_at - started_at >= LOOKS_EVERY
        return f"Nothing can be read: the command wrote nothing, or {ROTATED}" if long else None
    first = moment(begins)
    return _late(started_at, first, finished_at, size_bytes) if first else None


def _late(started_at: datetime, first: datetime, finished_at: datetime, size_bytes: int) -> str | None:
    """Say that a log begins late, where the command was silent for long, or writes fast."""
    silence, writing = (first - started_at).total_seconds(), (finished_at - first).total_seconds()
    if silence < LATE_AFTER.total_seconds() and silence * size_bytes / max(writing, 1) < LOST_BYTES:
        return None
    return (
        f"What can be read begins {int(silence)} seconds after the command was started; if it wrote anything before, "
        f"that is lost: {ROTATED}"
    )
