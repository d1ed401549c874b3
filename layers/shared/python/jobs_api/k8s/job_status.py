"""The state of a run, by its Kubernetes Job and Pod: ingest records it, and the live calls answer it."""

from dataclasses import dataclass, replace
from datetime import datetime

from jobs_api.k8s import failure_reason, pod_status, warnings
from jobs_api.k8s.containers import Container, Ended, Kind, Waiting
from jobs_api.k8s.observed import Observed
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.k8s.pod_template import CONTAINER
from jobs_api.model.run import RunStatus


@dataclass(frozen=True)
class Outcome:
    """The state and the times of a run by Kubernetes, as of now.

    `has_run`: whether the command has started. `start_time` and `end_time` are the command's where Kubernetes knows
    them, else the Job's. `reason` is Kubernetes' word. `message` is Kubernetes' text while a run waits, and this
    service's text once the run has failed.
    """

    status: RunStatus
    has_run: bool = False
    start_time: datetime | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    pod_name: str | None = None

    @property
    def duration_seconds(self) -> float | None:
        """How long it took, with one decimal; None while it has not ended."""
        if self.start_time is None or self.end_time is None:
            return None
        return duration_seconds(self.start_time, self.end_time)


def duration_seconds(start_time: datetime, end_time: datetime) -> float:
    """Return the time between, with one decimal, at least 0: the clocks of two machines may differ."""
    return max(0.0, round((end_time - start_time).total_seconds(), 1))


def outcome(observed: Observed, *, now: datetime | None = None) -> Outcome:
    """Return what state a run is in.

    A run ends when its command ends, however long a sidecar stays and however the sidecar ends. Where the Pod has only
    the command, the run ends when the Job has ended: its controller soon sees the Pod's end.

    Args:
        observed: what the Job and its newest Pod say, and the Events of a run that has not started.
        now: aware. Without it, two kinds of commands do not count as ended: a killed command while another container of
            its Pod runs, and a command whose node has not reported the Pod's end.
    """
    if observed.complete:
        return _ended(observed, RunStatus.SUCCESS)
    if observed.command_end:
        observed = replace(observed, pod=_remembered(observed, observed.command_end))
    pod = observed.pod
    own = pod_status.own_end(pod, now) if pod else None
    if pod and own and (observed.finished or observed.command_end or pod_status.stays(pod, now)):
        return _ended_by_itself(observed, pod, own.exit_code)
    if observed.failed:
        cause = failure_reason.cause_of(observed)
        return _ended(observed, cause.status, cause.reason, cause.message)
    return _open_outcome(observed)


def _remembered(observed: Observed, end: Ended) -> ObservedPod:
    """Return a Pod that shows how the command ended, as an annotation of the Job says."""
    command = Container(CONTAINER, Kind.COMMAND, observed.image, ended=end)
    return ObservedPod(name=observed.pod.name if observed.pod else "", phase="Failed", command=command)


def _ended_by_itself(observed: Observed, pod: ObservedPod, exit_code: int) -> Outcome:
    if exit_code == 0:
        return _ended(observed, RunStatus.SUCCESS)
    cause = failure_reason.cause_of_own_end(observed, pod)
    return _ended(observed, cause.status, cause.reason, cause.message)


def _open_outcome(observed: Observed) -> Outcome:
    pod, waiting = observed.pod, _waits_for(observed)
    return Outcome(
        RunStatus.PENDING if waiting else RunStatus.RUNNING,
        has_run=pod is not None and pod.has_run,
        start_time=pod.started_at if pod else None,
        reason=waiting.reason if waiting else None,
        message=waiting.message or None if waiting else None,
        pod_name=(pod.name or None) if pod else None,
    )


def _waits_for(observed: Observed) -> Waiting | None:
    """Return why a run has not started, None where it runs. The Job may say why where its Pod was not read."""
    waiting = warnings.latest(observed.warnings)
    if observed.pod:
        waits = pod_status.waiting(observed.pod)
        return (waiting or waits) if waits else None
    if observed.ready:
        # The containers have no probes, so one that runs is also ready.
        return None
    if observed.held_back:
        return Waiting("Suspended", "the Job has no pod yet")
    return waiting or Waiting("Pending", "the Job has no pod yet")


def _ended(observed: Observed, status: RunStatus, reason: str | None = None, message: str | None = None) -> Outcome:
    pod = observed.pod
    has_run = pod is not None and pod.has_run
    # A container that never ran may have an exit code too, from the container runtime.
    exit_code = pod.ended.exit_code if pod and pod.ended and has_run else None
    return Outcome(
        status,
        has_run=has_run,
        start_time=(pod and pod.started_at) or observed.started_at,
        end_time=(pod and pod.finished_at) or observed.ended_at,
        exit_code=0 if status is RunStatus.SUCCESS else exit_code,
        reason=reason,
        message=message,
        pod_name=(pod.name or None) if pod else None,
    )
