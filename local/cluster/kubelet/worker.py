"""Runs one pod until it has ended or is deleted."""

import asyncio
from datetime import timedelta
from pathlib import Path

from local.cluster.controllers.recorder import Note, Recorder
from local.cluster.errors import ApiError
from local.cluster.kubelet.container import ContainerRunner
from local.cluster.kubelet.logs import Log
from local.cluster.kubelet.node import NODE_NAME, ROOM_CHECK_SECONDS, Node, once_there_is_room
from local.cluster.kubelet.status import Container, Object, Verdict, pod_status
from local.cluster.kubelet.volumes import Volumes
from local.cluster.storage import Storage

# The least grace period of a sidecar, even if the other containers used up the pod's.
_LEAST_GRACE_SECONDS = 2.0


class PodWorker:
    """Runs the containers of one pod and writes its status; `folder` is the pod's folder."""

    def __init__(self, storage: Storage, node: Node, recorder: Recorder, pod: Object, folder: Path) -> None:
        self.uid: str = pod["metadata"]["uid"]
        self._storage = storage
        self._node = node
        self._recorder = recorder
        self._pod = pod
        self._namespace: str = pod["metadata"]["namespace"]
        self._name: str = pod["metadata"]["name"]
        self._folder = folder
        self._stopping = False
        self._at_once = False
        self._kill_at: float | None = None
        self._sidecars: dict[ContainerRunner, asyncio.Task[None]] = {}
        self._verdict: Verdict | None = None
        self._deadline: asyncio.Task[None] | None = None
        self._taken_at = node.clock.now()
        self._again: asyncio.TimerHandle | None = None
        self._setting_up: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        spec = pod["spec"]
        made = [Container(one, init=True) for one in spec.get("initContainers", [])]
        made += [Container(one) for one in spec["containers"]]
        if spec.get("initContainers"):
            for container in made:
                container.state = {"waiting": {"reason": "PodInitializing"}}
        self._volumes = Volumes(pod, folder, self._settings, node.tokens, node.clock)
        self._runners = [self._runner(one) for one in made]

    def _runner(self, container: Container) -> ContainerRunner:
        return ContainerRunner(
            self._node, self._pod, container, self._folder, self._publish, self._note, self._settings, self._volumes
        )

    async def run(self) -> None:
        """Return once the pod has ended; if it is being deleted, delete the object too."""
        if not await once_there_is_room(self._bind):
            return
        await once_there_is_room(self._make_folders)
        self._taken_at = self._node.clock.now()
        self._deadline = asyncio.create_task(self._enforce_deadline())
        renewing = asyncio.create_task(self._volumes.renew_tokens())
        try:
            if await self._mounted() and await self._initialized():
                await asyncio.gather(*(self._unless_stopped(runner) for runner in self._of_kind(init=False)))
        finally:
            self._deadline.cancel()
            self._deadline = None
        try:
            await self._end_sidecars()
        finally:
            renewing.cancel()
            await self._volumes.remove()
            for timer in self._timers:
                timer.cancel()
        self._publish()
        await once_there_is_room(self._confirm_deletion)

    async def _mounted(self) -> bool:
        """Set up the volumes before any container; return False if the pod is stopped meanwhile."""
        if not self._pod["spec"].get("volumes"):
            return True
        self._setting_up = asyncio.create_task(self._volumes.set_up(self._mount_failed))
        try:
            await asyncio.wait({self._setting_up})
        finally:
            self._setting_up.cancel()
        return not self._stopping and self._setting_up.exception() is None

    def _mount_failed(self, message: str) -> None:
        self._note(Note("Warning", "FailedMount", message))

    async def _initialized(self) -> bool:
        """Run the init containers in order; after a sidecar has started, the next container starts."""
        for runner in self._of_kind(init=True):
            if runner.container.sidecar and not self._stopping:
                self._sidecars[runner] = asyncio.create_task(runner.run())
                started = asyncio.create_task(runner.started.wait())
                await asyncio.wait({self._sidecars[runner], started}, return_when=asyncio.FIRST_COMPLETED)
                started.cancel()
                if not runner.started.is_set():
                    return False
                continue
            await self._unless_stopped(runner)
            if runner.container.exit_code != 0:
                return False
        return True

    @property
    def is_end_written(self) -> bool:
        """Return whether the pod's status says that it has ended, or the pod is deleted."""
        pod = self._current()
        return pod is None or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}

    @property
    def has_begun(self) -> bool:
        """Return whether a container was started or is being started."""
        return any(runner.log for runner in self._runners)

    def stop(self, grace_seconds: float, why: str = "") -> None:
        """Ask every process to end, and kill it after `grace_seconds`; a second call can only shorten that time.

        The statuses of containers that fail show `why`.

        Sidecars are ended after the other containers have ended. The grace period is in the machine's time, not the
        cluster clock's, because the processes are real.
        """
        loop = asyncio.get_running_loop()
        already, self._stopping = self._stopping, True
        self._kill_at = min(self._kill_at or loop.time() + grace_seconds, loop.time() + grace_seconds)
        self._at_once = self._at_once or grace_seconds == 0
        if not already:
            if self._setting_up:
                self._setting_up.cancel()
            for runner in self._runners:
                runner.last, runner.ended_because = True, why
                # A sidecar that has not started is not started any more.
                if not runner.container.sidecar or not runner.runs:
                    runner.stop()
        self._timers.append(loop.call_later(grace_seconds, self._kill))

    async def _end_sidecars(self) -> None:
        """End the sidecars one by one, the last one first, each with the rest of the pod's grace period.

        https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/kuberuntime/kuberuntime_container.go
        (killContainersWithSyncResult, killContainer)
        """
        loop = asyncio.get_running_loop()
        until = self._kill_at or loop.time() + self._pod["spec"].get("terminationGracePeriodSeconds", 30)
        for runner in self._sidecars:
            runner.last = True
        for runner, task in reversed(self._sidecars.items()):
            runner.stop()
            grace = 0 if self._at_once else max(_LEAST_GRACE_SECONDS, until - loop.time())
            ended, _ = await asyncio.wait({task}, timeout=grace)
            if not ended:
                runner.kill()
            await task

    def log(self, container: str, *, previous: bool = False) -> Log | None:
        """Return a container's log, or the log of its run before the last restart; None if there is none."""
        runner = next((one for one in self._runners if one.container.name == container), None)
        if runner is None:
            return None
        # While a container waits for its restart, the ended run counts as the previous one.
        waits = "waiting" in runner.container.state
        return runner.previous_log if previous and not waits else runner.log

    def rotate_logs(self) -> None:
        """Begin another file for each log that is too large."""
        for runner in self._runners:
            runner.rotate_log()

    def _kill(self) -> None:
        for runner in self._runners:
            if self._at_once or not runner.container.sidecar:
                runner.kill()

    def _of_kind(self, *, init: bool) -> list[ContainerRunner]:
        return [runner for runner in self._runners if runner.container.init == init]

    async def _unless_stopped(self, runner: ContainerRunner) -> None:
        if not self._stopping:
            await runner.run()

    def _bind(self) -> bool:
        """Bind the pod to the node, as a scheduler does, and write its first status; False if it is deleted."""
        pod = self._current()
        if pod is None:
            return False
        self._pod = self._storage.replace("pods", {**pod, "spec": {**pod["spec"], "nodeName": NODE_NAME}})
        message = f"Successfully assigned {self._namespace}/{self._name} to {NODE_NAME}"
        self._note(Note("Normal", "Scheduled", message))
        self._publish()
        return True

    def read_deadline(self, pod: Object) -> None:
        """Take over the pod's deadline, which may be set or lowered while it runs."""
        self._pod = {**self._pod, "spec": {**self._pod["spec"], **_deadline_of(pod)}}
        if self._deadline and not self._verdict:
            self._deadline.cancel()
            self._deadline = asyncio.create_task(self._enforce_deadline())

    async def _enforce_deadline(self) -> None:
        """End the pod at its deadline, counted from when the node took it (pkg/kubelet/active_deadline.go)."""
        seconds = self._pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return
        await self._node.clock.sleep_until(self._taken_at + timedelta(seconds=seconds))
        self._verdict = Verdict("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self._note(Note("Normal", "DeadlineExceeded", self._verdict.message))
        self.stop(self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _current(self) -> Object | None:
        stored = self._storage.find("pods", self._namespace, self._name)
        return stored.object if stored and stored.object["metadata"]["uid"] == self.uid else None

    def _make_folders(self) -> None:
        for part in ("home", "tmp", "logs"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)

    def _publish(self) -> None:
        """Write the status; on a full disk, try again until it succeeds."""
        if self._again:
            self._again.cancel()
        self._again = None
        try:
            self._write_status()
        except ApiError:
            self._again = asyncio.get_running_loop().call_later(ROOM_CHECK_SECONDS, self._publish)

    def _write_status(self) -> None:
        pod = self._current()
        if pod is None:
            return  # deleted by force; the processes are being ended
        containers = [runner.container for runner in self._runners]
        now = self._node.clock.now()
        status = pod_status(pod, containers, now, stopping=self._stopping, verdict=self._verdict)
        self._storage.replace_status("pods", {**pod, "status": status})

    def _confirm_deletion(self) -> None:
        pod = self._current()
        if pod and "deletionTimestamp" in pod["metadata"]:
            self._storage.delete("pods", self._namespace, self._name, grace_seconds=0)

    def _note(self, note: Note) -> None:
        self._recorder.record(self._pod, note)

    def _settings(self, resource: str, name: str) -> Object | None:
        stored = self._storage.find(resource, self._namespace, name)
        return stored.object if stored else None


def _deadline_of(pod: Object) -> Object:
    seconds = pod["spec"].get("activeDeadlineSeconds")
    return {} if seconds is None else {"activeDeadlineSeconds": seconds}
