"""Reads a Kubernetes Job and its newest Pod once from the API server's JSON. Decisions take this, not JSON.

The reader never fails: every JSON of an API server gives an `Observed`. A field that is missing, null or of another
type than expected is read as empty.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from jobs_api import runner
from jobs_api.k8s import job_stop, labels, run_identity, warnings
from jobs_api.k8s.containers import Ended, image_of
from jobs_api.k8s.json_fields import Object, mapping, members, moment, span, text, texts, whole
from jobs_api.k8s.observed_pod import ObservedPod, observe_pod, read_conditions
from jobs_api.k8s.warnings import Warned
from jobs_api.model.run import Run, TriggeredBy


@dataclass(frozen=True, kw_only=True)
class Observed:
    """A Job of this service as it was read, and its newest Pod where the Pod was read.

    Args:
        labels: the labels on the Job.
        run_id: the id of its run, from `run_identity`; so are `project_id`, `job_id`, `cronjob_name`, `triggered_by`
            and `slot`.
        command: the command line, None on a Job that somebody made without one.
        started_at: when the Job controller began with it.
        ended_at: when Kubernetes finished it.
        deadline: how long it may take.
        image: the image of the command's container.
        stores_artifacts: whether its Pod has what the program needs that stores the artifacts of a run.
        active: how many of its Pods have not ended; `ready` of them run.
        suspended: whether its spec suspends it; `held_back` is whether the controller has confirmed that.
        failure: Kubernetes' reason and message for its failure, each "" where it gave none.
        stopped: why ingest ended it, "" where ingest did not; `command_end` is how its command had ended by then.
        pod: None where there is none, where it was deleted, or where it was not read.
        warnings: what Events say is wrong with the Job or its Pod, where Events were read.
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
    stores_artifacts: bool
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
        """Whether Kubernetes has finished the Job."""
        return self.complete or self.failed

    @property
    def going_since(self) -> datetime | None:
        """When the Job controller began with it, or else when it was created."""
        return self.started_at or self.created_at

    def is_of(self, run: Run) -> bool:
        """Return whether the Job belongs to this run. False for a Job that somebody made later from its manifest."""
        return run.job_uid == self.uid or (run.job_uid is None and self.run_id == run.id)

    def with_pod(self, pod: Object | None) -> Self:
        """Return it with what its newest Pod says, given as JSON; None means that there is no Pod."""
        return replace(self, pod=observe_pod(pod) if pod is not None else None)

    def with_warnings(self, events: Iterable[Object]) -> Self:
        """Return it with what Events say, given as JSON."""
        return replace(self, warnings=warnings.read(events))


def observe(job: Object, pod: Object | None = None, events: Iterable[Object] = ()) -> Observed:
    """Read a Job, its newest Pod, and the warnings about either, from the API server's JSON."""
    metadata, spec, status = (mapping(job.get(part)) for part in ("metadata", "spec", "status"))
    annotations, conditions = texts(metadata.get("annotations")), read_conditions(status)
    complete, failed = conditions.get("Complete"), conditions.get("Failed")
    project_id, job_id = run_identity.owner_of(job)
    pod_spec = mapping(mapping(spec.get("template")).get("spec"))
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
        command=annotations.get(labels.COMMAND),
        job_type=annotations.get(labels.JOB_TYPE, ""),
        created_at=moment(metadata.get("creationTimestamp")),
        started_at=moment(status.get("startTime")),
        # Only a complete Job has a completionTime.
        ended_at=moment(status.get("completionTime")) or (failed.since if failed else None),
        deadline=span(spec.get("activeDeadlineSeconds")),
        image=image_of(pod_spec),
        stores_artifacts=any(one.get("name") == runner.VOLUME for one in members(pod_spec.get("volumes"))),
        active=whole(status.get("active")),
        ready=whole(status.get("ready")),
        suspended=spec.get("suspend") is True,
        held_back=bool((waits := conditions.get("Suspended")) and waits.holds),
        complete=bool(complete and complete.holds),
        failed=bool(failed and failed.holds),
        failure=(failed.reason, failed.message) if failed else ("", ""),
        stopped=annotations.get(labels.STOPPED, ""),
        command_end=job_stop.read_command_end(annotations.get(labels.COMMAND_END)),
        pod=observe_pod(pod) if pod is not None else None,
        warnings=warnings.read(events),
    )
