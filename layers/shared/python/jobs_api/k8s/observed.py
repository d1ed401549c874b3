"""What a Kubernetes Job and its newest Pod say: read once from the API server's JSON, and all that decisions look at.

The reader is total: whatever an API server can send gives an `Observed`, where a field that is missing, null or of
another kind than it should be counts as not said.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self

from jobs_api.k8s import job_stop, labels, run_identity, warnings
from jobs_api.k8s.containers import Container, Ended, Kind, read_containers
from jobs_api.k8s.json_fields import Object, mapping, members, moment, span, text, texts, whole
from jobs_api.k8s.warnings import Warned
from jobs_api.model.run import Run, TriggeredBy

# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
DEFAULT_GRACE: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Condition:
    """A condition of a Job or a Pod: `holds` is None where Kubernetes does not know."""

    holds: bool | None
    reason: str = ""
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ObservedPod:
    """What a Pod says: `phase`, `reason` and `message` are Kubernetes' own words, "" where it gave none.

    Args:
        taken_at: when a node took it.
        gone_by: when it is to be gone at the latest, None where nobody deletes it; `deletion_grace` is what it is given
            from being deleted until then.
        grace: what its containers are given to end when they are told to.
        conditions: by their type.
        command: the container that runs the command, `job`.
        others: init containers, sidecars, and what a service mesh or an agent injects, in their order. They count as
            far as they keep the command from starting.
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
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    command: Container
    others: tuple[Container, ...] = ()

    @property
    def ended(self) -> Ended | None:
        """How the command ended, None where it has not."""
        return self.command.ended

    @property
    def has_run(self) -> bool:
        """Whether the command's process was ever started, so that its log can be asked for."""
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
        """Whether nothing of it goes on, so that its Job knows of its end as soon as it looks."""
        return self.phase in {"Succeeded", "Failed"}

    def before_the_command(self) -> list[Container]:
        """Return what starts before the command: init containers and native sidecars."""
        return [one for one in self.others if one.kind in {Kind.INIT, Kind.SIDECAR}]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What a Job of this service says, and its newest Pod where that was read.

    Args:
        labels: as they stand on the Job.
        run_id: the run's, as `run_identity` finds it; so are `project_id`, `job_id`, `cronjob_name`, `triggered_by` and
            `slot`.
        command: the command line, None on a Job that somebody made without.
        started_at: when its controller began with it.
        ended_at: when Kubernetes was done with it.
        deadline: how long it may take.
        image: the one that its command runs in.
        active: how many of its Pods go on, `ready` of them run.
        suspended: whether it is to wait; `held_back` is the controller's word that it does.
        failure: Kubernetes' reason and message for its failure, each "" where it gave none.
        stopped: why ingest ended it, "" where it did not; `command_end` is how its command had ended by then.
        pod: None where there is none (any more), or nobody asked.
        warnings: what Events say is wrong with the Job or its Pod, as far as somebody asked.
    """

    name: str
    namespace: str
    uid: str
    labels: Mapping[str, str]
    run_id: str
    project_id: str
    job_id: str
    cronjob_name: str
    triggered_by: TriggeredBy
    slot: datetime | None
    command: str | None
    job_type: str
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    deadline: timedelta | None
    image: str
    active: int
    ready: int
    suspended: bool
    held_back: bool
    complete: bool
    failed: bool
    failure: tuple[str, str]
    stopped: str
    command_end: Ended | None
    pod: ObservedPod | None = None
    warnings: tuple[Warned, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether Kubernetes is done with the Job."""
        return self.complete or self.failed

    @property
    def going_since(self) -> datetime | None:
        """When its controller began with it, or else when it was made."""
        return self.started_at or self.created_at

    def is_of(self, run: Run) -> bool:
        """Tell whether the Job is this run's own, and not one that somebody made from its manifest later."""
        return run.job_uid == self.uid or (run.job_uid is None and self.run_id == run.id)

    def with_pod(self, pod: Object | None) -> Self:
        """Return it with what its newest Pod says, given as JSON; None is no Pod."""
        return replace(self, pod=observe_pod(pod) if pod is not None else None)

    def with_warnings(self, events: Iterable[Object]) -> Self:
        """Return it with what Events say, given as JSON."""
        return replace(self, warnings=warnings.read(events))


def observe(job: Object, pod: Object | None = None, events: Iterable[Object] = ()) -> Observed:
    """Read a Job, its newest Pod, and the Events of either that warn, from the API server's JSON."""
    metadata, spec, status = (mapping(job.get(part)) for part in ("metadata", "spec", "status"))
    told, conditions = texts(metadata.get("annotations")), _conditions(status)
    complete, failed = conditions.get("Complete"), conditions.get("Failed")
    template = mapping(mapping(spec.get("template")).get("spec"))
    own = next((one for one in read_containers(template, {}) if one.kind is Kind.COMMAND), None)
    project_id, job_id = run_identity.owner_of(job)
    return Observed(
        name=text(metadata.get("name")),
        namespace=text(metadata.get("namespace")),
        uid=text(metadata.get("uid")),
        labels=run_identity.labels_of(job),
        run_id=run_identity.run_id_of(job),
        project_id=project_id,
        job_id=job_id,
        cronjob_name=run_identity.cronjob_name_of(job),
        triggered_by=run_identity.triggered_by_of(job),
        slot=run_identity.slot_of(job),
        command=told.get(labels.COMMAND),
        job_type=told.get(labels.JOB_TYPE, ""),
        created_at=moment(metadata.get("creationTimestamp")),
        started_at=moment(status.get("startTime")),
        # Only one that is complete has a completionTime.
        ended_at=moment(status.get("completionTime")) or (failed.since if failed else None),
        deadline=span(spec.get("activeDeadlineSeconds")),
        image=own.image if own else "",
        active=whole(status.get("active")),
        ready=whole(status.get("ready")),
        suspended=spec.get("suspend") is True,
        held_back=bool((waits := conditions.get("Suspended")) and waits.holds),
        complete=bool(complete and complete.holds),
        failed=bool(failed and failed.holds),
        failure=(failed.reason, failed.message) if failed else ("", ""),
        stopped=told.get(labels.STOPPED, ""),
        command_end=job_stop.end_told(told.get(labels.COMMAND_END)),
        pod=observe_pod(pod) if pod is not None else None,
        warnings=warnings.read(events),
    )


def observe_pod(pod: Object) -> ObservedPod:
    """Read a Pod from the API server's JSON."""
    metadata, spec, status = (mapping(pod.get(part)) for part in ("metadata", "spec", "status"))
    containers = read_containers(spec, status)
    command = next((one for one in containers if one.kind is Kind.COMMAND), Container("", Kind.COMMAND))
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
        conditions=_conditions(status),
        command=command,
        others=tuple(one for one in containers if one is not command),
    )


def _conditions(status: Object) -> dict[str, Condition]:
    # The first of a type counts; the API server lets there be only one.
    return {text(one.get("type")): _condition(one) for one in reversed(members(status.get("conditions")))}


def _condition(told: Object) -> Condition:
    holds = {"True": True, "False": False}.get(text(told.get("status")))
    return Condition(holds, text(told.get("reason")), text(told.get("message")), moment(told.get("lastTransitionTime")))
