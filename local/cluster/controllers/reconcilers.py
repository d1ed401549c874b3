"""Carries out what the controllers decide.

Reading, deciding and writing happen without an await in between, so on the cluster's one event loop nothing else runs
between them. Each reconciler returns the time of the next decision. It raises ApiError if an object that it creates is
refused; the caller then calls it again, and it continues from the stored objects.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from local.cluster.controllers import cronjob as cronjobs
from local.cluster.controllers import job as jobs
from local.cluster.controllers.objects import TRACKING_FINALIZER, Object, controlled_by, controller_of
from local.cluster.controllers.recorder import Note, Recorder
from local.cluster.errors import AlreadyExists, ApiError, NotFound
from local.cluster.storage import Storage, Stored


class CronJobReconciler:
    """Starts the Jobs of CronJobs."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._recorder = Recorder(storage, "cronjob-controller")

    def sync(self, namespace: str, name: str) -> datetime | None:
        """Bring one CronJob up to date; a deleted one needs nothing."""
        stored = self._storage.find("cronjobs", namespace, name)
        if stored is None:
            return None
        cronjob = stored.object
        owned = [held.object for held in _controlled(self._storage, stored, "jobs")]
        decision = cronjobs.decide(cronjob, owned, self._storage.clock.now())
        for note in decision.notes:
            self._recorder.record(cronjob, note)
        for job in decision.delete:
            self._delete(cronjob, job)
        status = decision.status
        if decision.start:
            status = self._start(cronjob, status, decision.start)
        _write_status(self._storage, "cronjobs", cronjob, status)
        return decision.wake_at

    def _start(self, cronjob: Object, status: Object, start: cronjobs.Start) -> Object:
        """Create the Job and return the new status, or the old status if another owner's Job has the name."""
        name = start.job["metadata"]["name"]
        try:
            job = self._storage.create("jobs", start.job)
        except AlreadyExists:
            # The Job is this CronJob's if a crash came between its creation and this status; then it is not started
            # again.
            job = self._storage.get("jobs", start.job["metadata"]["namespace"], name)
            if not controlled_by(job, cronjob["metadata"]["uid"]):
                return status
        except ApiError as error:
            self._recorder.record(cronjob, Note("Warning", "FailedCreate", f"Error creating job: {error.message}"))
            raise
        else:
            self._recorder.record(cronjob, Note("Normal", "SuccessfulCreate", f"Created job {name}"))
        return cronjobs.started(status, job, start.slot)

    def _delete(self, cronjob: Object, name: str) -> None:
        with suppress(NotFound):
            self._storage.delete("jobs", cronjob["metadata"]["namespace"], name, "Background")
            self._recorder.record(cronjob, Note("Normal", "SuccessfulDelete", f"Deleted job {name}"))


class JobReconciler:
    """Starts and counts the Pods of Jobs."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._recorder = Recorder(storage, "job-controller")

    def sync(self, namespace: str, name: str) -> datetime | None:
        """Bring one Job up to date; a deleted one needs nothing."""
        stored = self._storage.find("jobs", namespace, name)
        if stored is None:
            return None
        job = stored.object
        pods = [held.object for held in _controlled(self._storage, stored, "pods")]
        decision = jobs.decide(job, pods, self._storage.clock.now())
        for pod in decision.delete:
            self._delete(job, pod)
        refusal, missing = self._create_all(job, decision.create)
        _write_status(self._storage, "jobs", job, _without(decision.status, missing))
        for note in decision.notes:
            self._recorder.record(job, note)
        # The counted Pods may only be deleted now, after the status counts them.
        for pod in decision.release:
            release(self._storage, namespace, pod)
        if decision.remove:
            self._storage.delete("jobs", namespace, name, "Foreground")
        if refusal:
            # Raised only after the Job has its start, so that its deadline counts (syncJob returns manageJob's error
            # last).
            raise refusal
        return decision.wake_at

    def _create_all(self, job: Object, pods: Sequence[Object]) -> tuple[ApiError | None, int]:
        """Create Pods until one is refused; return the refusal and how many Pods are missing."""
        for index, wanted in enumerate(pods):
            try:
                self._create(job, wanted)
            except ApiError as error:
                return error, len(pods) - index
        return None, 0

    def _create(self, job: Object, pod: Object) -> None:
        try:
            name = self._storage.create("pods", pod)["metadata"]["name"]
        except ApiError as error:
            self._recorder.record(job, Note("Warning", "FailedCreate", f"Error creating: {error.message}"))
            raise
        self._recorder.record(job, Note("Normal", "SuccessfulCreate", f"Created pod: {name}"))

    def _delete(self, job: Object, name: str) -> None:
        with suppress(NotFound):
            self._storage.delete("pods", job["metadata"]["namespace"], name)
            self._recorder.record(job, Note("Normal", "SuccessfulDelete", f"Deleted pod: {name}"))


def _without(status: Object, missing: int) -> Object:
    """Subtract the missing Pods from a Job's count, and omit a zero."""
    active = status.get("active", 0) - missing
    rest = {key: value for key, value in status.items() if key != "active"}
    return {**rest, **({"active": active} if active > 0 else {})}


def release_if_abandoned(storage: Storage, namespace: str, name: str) -> None:
    """Release a Pod that no Job will count, because its Job is deleted."""
    stored = storage.find("pods", namespace, name)
    if stored is None:
        return
    owner = controller_of(stored.object)
    job = storage.find("jobs", namespace, owner["name"]) if owner else None
    if owner is None or job is None or job.object["metadata"]["uid"] != owner["uid"]:
        release(storage, namespace, name)


def release(storage: Storage, namespace: str, name: str) -> None:
    """Remove the tracking finalizer from a Pod; a deleted Pod that only waited for this is removed."""
    stored = storage.find("pods", namespace, name)
    if stored is None or TRACKING_FINALIZER not in stored.object["metadata"].get("finalizers", []):
        return
    metadata = stored.object["metadata"]
    left = [one for one in metadata["finalizers"] if one != TRACKING_FINALIZER]
    rest = {key: value for key, value in metadata.items() if key != "finalizers"}
    storage.replace("pods", {**stored.object, "metadata": {**rest, **({"finalizers": left} if left else {})}})


def _controlled(storage: Storage, owner: Stored, resource: str) -> list[Stored]:
    uid = owner.object["metadata"]["uid"]
    held = [stored for kind, stored in storage.dependents(uid) if kind == resource]
    return [stored for stored in held if controlled_by(stored.object, uid)]


def _write_status(storage: Storage, resource: str, obj: Object, status: Object) -> None:
    metadata = {"namespace": obj["metadata"]["namespace"], "name": obj["metadata"]["name"]}
    if status != obj.get("status", {}):
        storage.replace_status(resource, {"metadata": metadata, "status": status})
