"""The controllers of the embedded cluster: CronJobs start Jobs, Jobs start Pods; ended ones are counted and deleted.

The storage follows owner references itself. Nothing polls: a write or a time that a controller has set wakes the
controller of the object.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from local.cluster.clock import Clock
from local.cluster.controllers.cronjob import next_wake
from local.cluster.controllers.objects import TRACKING_FINALIZER, Object, controller_of
from local.cluster.controllers.queue import Key, WorkQueue
from local.cluster.controllers.reconcilers import CronJobReconciler, JobReconciler, release_if_abandoned
from local.cluster.errors import ApiError
from local.cluster.storage import Change, Storage

logger = logging.getLogger(__name__)

_RETRY = timedelta(seconds=5)


class Controllers:
    """Runs every controller in one task."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._queue = WorkQueue(clock)
        self._cronjobs = CronJobReconciler(storage)
        self._jobs = JobReconciler(storage)
        self._starts = True

    def start_no_more(self) -> None:
        """Start no more Jobs of CronJobs, because the cluster is about to stop."""
        self._starts = False

    async def idle(self) -> None:
        """Return once every change has been handled."""
        while self._queue.is_ready:  # noqa: ASYNC110 - each turn of the loop works on one key
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Work until cancelled, beginning with all existing objects."""
        unlisten = self._storage.listen(self._changed)
        try:
            for resource in ("cronjobs", "jobs", "pods"):
                for stored in self._storage.view(resource):
                    self._queue.add(Key(resource, stored.namespace, stored.name))
            while True:
                key = await self._queue.get()
                self._work_on(key)
                await asyncio.sleep(0)  # a thousand Jobs at once must not hold up the API
        finally:
            unlisten()

    def _work_on(self, key: Key) -> None:
        try:
            self._queue.add_at(key, self._sync(key))
        except ApiError as error:
            logger.warning("cannot reconcile %s %s/%s: %s", *key, error.message)
            self._queue.add_at(key, self._clock.now() + _RETRY)
        except Exception:
            # An error about one object must not stop the others.
            logger.exception("cannot reconcile %s %s/%s", *key)
            self._queue.add_at(key, self._clock.now() + _RETRY)

    def _sync(self, key: Key) -> datetime | None:
        if key.resource == "cronjobs":
            return self._cronjobs.sync(key.namespace, key.name) if self._starts else None
        if key.resource == "jobs":
            return self._jobs.sync(key.namespace, key.name)
        release_if_abandoned(self._storage, key.namespace, key.name)
        return None

    def _changed(self, change: Change) -> None:
        stored = change.stored
        key = Key(change.resource, stored.namespace, stored.name)
        if change.resource == "cronjobs":
            self._cronjob_changed(key, change)
        elif change.resource == "jobs":
            self._queue.add(key)
            self._add_owner("CronJob", "cronjobs", stored.object)
        elif change.resource == "pods":
            self._add_owner("Job", "jobs", stored.object)
            if TRACKING_FINALIZER in stored.object["metadata"].get("finalizers", []):
                self._queue.add(key)

    def _cronjob_changed(self, key: Key, change: Change) -> None:
        if (
            change.previous
            and change.type == "MODIFIED"
            and _schedule_of(change.stored.object) != _schedule_of(change.previous.object)
        ):
            # As in Kubernetes a new schedule counts from now on: slots before now are not missed.
            self._queue.add_at(key, next_wake(change.stored.object, self._clock.now()))
        else:
            self._queue.add(key)

    def _add_owner(self, kind: str, resource: str, obj: Object) -> None:
        owner = controller_of(obj)
        if owner and owner["kind"] == kind:
            self._queue.add(Key(resource, obj["metadata"]["namespace"], owner["name"]))


def _schedule_of(cronjob: Object) -> tuple[str, str | None]:
    return cronjob["spec"]["schedule"], cronjob["spec"].get("timeZone")
