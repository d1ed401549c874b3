"""The kubelet of the embedded cluster: every pod's commands as real processes on this machine."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from jobs_api.k8s.pod_failures import SERVICE_STOPPED
from local.cluster.clock import Clock
from local.cluster.controllers.recorder import Recorder
from local.cluster.kubelet.images import Images
from local.cluster.kubelet.leftovers import end_leftovers
from local.cluster.kubelet.logs import found, read
from local.cluster.kubelet.node import NODE_NAME, Node
from local.cluster.kubelet.processes import Launcher
from local.cluster.kubelet.status import status_after_crash
from local.cluster.kubelet.worker import PodWorker
from local.cluster.log_options import LogOptions
from local.cluster.service_accounts import TokenIssuer
from local.cluster.storage import Change, Storage, Stored

logger = logging.getLogger(__name__)

_STOP_GRACE_SECONDS = 3.0


class Kubelet:
    """Runs pods.

    `images` has a folder for each image. `home` has the images' environments (`images`) and the files of pods (`pods`);
    a start removes those of deleted pods. `tokens` signs the tokens of pods. `went_down_at` is when the previous
    kubelet was last alive; everything that it ran counts as ended.
    """

    # containerLogMonitorInterval, in the machine's time, because real processes write the logs.
    LOOKS_AT_LOGS_EVERY_SECONDS = 10.0

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        images: Path,
        home: Path,
        tokens: TokenIssuer,
        *,
        went_down_at: datetime | None = None,
    ) -> None:
        self._storage = storage
        self._went_down_at = went_down_at
        self._clock = clock
        self._pods = home.resolve() / "pods"
        self._launcher = Launcher()
        self._images = Images(images, home / "images", self._launcher)
        self._node = Node(clock, self._images, self._launcher, tokens)
        self._recorder = Recorder(storage, "kubelet")
        self._workers: dict[str, PodWorker] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._some_run = asyncio.Event()
        self._stopped = False

    async def run(self) -> None:
        """Run all present and future pods, until cancelled or stopped."""
        await asyncio.to_thread(
            self._clear, {stored.object["metadata"]["uid"] for stored in self._storage.view("pods")}
        )
        self._launcher.open()
        rotating = asyncio.create_task(self._rotate_logs())
        unlisten = self._storage.listen(self._changed)
        try:
            for stored in self._storage.view("pods"):
                self._resume(stored)
            await asyncio.Event().wait()
        finally:
            unlisten()
            rotating.cancel()
            await self.stop(0)

    async def stop(self, grace_seconds: float = _STOP_GRACE_SECONDS) -> None:
        """End every pod that has begun, and kill it after `grace_seconds`; return once all have ended.

        A pod that has not begun stays unchanged, for the next kubelet.
        """
        self._stopped = True
        for uid, task in list(self._running.items()):
            worker = self._workers[uid]
            if worker.has_begun:
                worker.stop(grace_seconds, why=SERVICE_STOPPED)
            else:
                task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._images.close()
        await self._launcher.close()

    def read_log(self, namespace: str, pod: str, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Yield what a container wrote, many lines at a time; with `follow`, until it has ended.

        The log of a container that never ran is empty.
        """
        stored = self._storage.find("pods", namespace, pod)
        worker = self._workers.get(stored.object["metadata"]["uid"]) if stored else None
        if worker:
            log = worker.log(container, previous=options.previous)
        else:
            log = found(self._folder(stored), container, self._clock, previous=options.previous) if stored else None
        return read(log, options)

    async def _rotate_logs(self) -> None:
        while True:
            await self._some_run.wait()
            await asyncio.sleep(self.LOOKS_AT_LOGS_EVERY_SECONDS)
            for uid in list(self._running):
                self._workers[uid].rotate_logs()

    def _clear(self, uids: set[str]) -> None:
        """End processes of an earlier kubelet, and remove the files of deleted pods."""
        if self._pods.exists() and (count := end_leftovers(self._pods.iterdir())):
            logger.warning("%d processes had outlived their pods", count)
        for folder in self._pods.iterdir() if self._pods.exists() else ():
            if folder.name not in uids:
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, stored: Stored) -> Path:
        return self._pods / str(stored.object["metadata"]["uid"])

    def _resume(self, stored: Stored) -> None:
        """Continue a pod that an earlier kubelet may have begun, and whose processes have ended with that kubelet."""
        pod, leaves = stored.object, "deletionTimestamp" in stored.object["metadata"]
        begun_at = self._begun_at(stored)
        if not begun_at and not leaves:
            self._start_worker(stored)
        elif pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}:
            at = min(self._went_down_at or self._clock.now(), self._clock.now())
            status = status_after_crash(pod, at, begun_at, SERVICE_STOPPED)
            self._storage.replace_status("pods", {**pod, "status": status})
        if leaves:
            self._storage.delete("pods", stored.namespace, stored.name, grace_seconds=0)

    def _begun_at(self, stored: Stored) -> datetime | None:
        """Return when a container of the pod last began, None if none did.

        A log is opened before its process starts, so it exists even if the status does not mention the process yet.
        """
        logs = self._folder(stored) / "logs"
        begun = any(logs.glob("*.log"))
        return datetime.fromtimestamp(logs.stat().st_mtime, UTC) if begun else None

    def _changed(self, change: Change) -> None:
        if change.resource != "pods":
            return
        uid = change.stored.object["metadata"]["uid"]
        if change.type == "DELETED":
            self._drop_worker(uid)
        elif "deletionTimestamp" in change.stored.object["metadata"]:
            self._wind_up(uid, change)
        elif uid not in self._workers:
            self._start_worker(change.stored)
        elif _has_another_deadline(change):
            self._workers[uid].read_deadline(change.stored.object)

    def _start_worker(self, stored: Stored) -> None:
        """Start a worker for a pod of this node that has not ended."""
        pod = stored.object
        ended = pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
        if self._stopped or ended or pod["spec"].get("nodeName", NODE_NAME) != NODE_NAME:
            return
        uid = pod["metadata"]["uid"]
        worker = PodWorker(self._storage, self._node, self._recorder, pod, self._pods / uid)
        self._workers[uid] = worker
        task = asyncio.get_running_loop().create_task(worker.run())
        self._running[uid] = task
        self._some_run.set()
        task.add_done_callback(lambda ended: self._ended(uid, ended))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        del self._running[uid]
        if not self._running:
            self._some_run.clear()
        if not task.cancelled() and (error := task.exception()):
            logger.error("pod %s came to an unexpected end", uid, exc_info=error)
        elif self._workers.get(uid) and self._workers[uid].is_end_written:
            # Drop its worker: its log is found in its folder, and there may be thousands of ended pods.
            del self._workers[uid]

    def _wind_up(self, uid: str, change: Change) -> None:
        """End a pod that is being deleted; each further deletion may shorten its grace."""
        metadata = change.stored.object["metadata"]
        grace = metadata.get("deletionGracePeriodSeconds", 0)
        before = change.previous.object["metadata"] if change.previous else {}
        if uid in self._running:
            if before.get("deletionGracePeriodSeconds") != grace:
                self._workers[uid].stop(grace)
        elif grace and uid in self._workers:
            self._storage.delete("pods", metadata["namespace"], metadata["name"], grace_seconds=0)

    def _drop_worker(self, uid: str) -> None:
        loop, worker = asyncio.get_running_loop(), self._workers.pop(uid, None)

        def remove() -> None:
            shutil.rmtree(self._pods / uid, ignore_errors=True)

        if worker and (task := self._running.get(uid)):
            worker.stop(0)
            task.add_done_callback(lambda _: loop.run_in_executor(None, remove))
        else:
            loop.run_in_executor(None, remove)


def _has_another_deadline(change: Change) -> bool:
    before = change.previous.object["spec"] if change.previous else {}
    return bool(change.stored.object["spec"].get("activeDeadlineSeconds") != before.get("activeDeadlineSeconds"))
