"""One container from its image to its end, restarts included."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jobs_api.model.resources import parse_quantity
from local.cluster.clock import timestamp
from local.cluster.controllers.recorder import Note
from local.cluster.kubelet.environment import ConfigError, Lookup, Object, command_line, variables
from local.cluster.kubelet.leftovers import note
from local.cluster.kubelet.logs import Log
from local.cluster.kubelet.node import Backoff, Node, once_there_is_room
from local.cluster.kubelet.processes import Command, Exit, Process, StartFailed
from local.cluster.kubelet.pulling import pull
from local.cluster.kubelet.status import Container
from local.cluster.kubelet.volumes import Volumes

_LOG_DRAIN_SECONDS = 2.0
_MESSAGE_LINES, _MESSAGE_BYTES = 80, 2048
_START_FAILED = 128
_NEVER = "1970-01-01T00:00:00Z"


class ContainerRunner:
    """Runs one container of a pod.

    `publish` is called after each change of state, `note` for each Event, and `lookup` finds the Secrets and ConfigMaps
    of the pod's namespace. `volumes` are the pod's.
    """

    def __init__(
        self,
        node: Node,
        pod: Object,
        container: Container,
        folder: Path,
        publish: Callable[[], None],
        note: Callable[[Note], None],
        lookup: Lookup,
        volumes: Volumes,
    ) -> None:
        self.container = container
        self.started = asyncio.Event()
        # Whether the pod ends, so that the container is not restarted.
        self.last = False
        # Why the kubelet ends the container, if the status should say so.
        self.ended_because = ""
        self.log: Log | None = None
        self.previous_log: Log | None = None
        self._node = node
        self._pod = pod
        self._folder = folder
        self._publish = publish
        self._note = note
        self._lookup = lookup
        self._volumes = volumes
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._launching = False

    async def run(self) -> None:
        """Return once the container has ended and will not be restarted."""
        self._task = asyncio.create_task(self._run_with_restarts())
        try:
            await asyncio.wait({self._task})
        finally:
            self._task.cancel()  # this matters only if this call was cancelled
        if not self._task.cancelled():
            self._task.result()

    def stop(self) -> None:
        """Ask the process to end; a container without a process gets none."""
        self._stopping = True
        if self._process:
            self._note(Note("Normal", "Killing", f"Stopping container {self.container.name}"))
            self._process.terminate()
        elif self._task and not self._launching:
            self._task.cancel()

    @property
    def runs(self) -> bool:
        """Return whether its process runs."""
        return self._process is not None

    def rotate_log(self) -> None:
        """Begin another log file if this one is too large and the process runs."""
        if self._process and self.log:
            self.log.rotate_if_large()

    def kill(self) -> None:
        """End the process and its descendants now."""
        if self._process:
            self._process.kill()

    async def _run_with_restarts(self) -> None:
        backoff, first = Backoff(self._node.clock), True
        while True:
            await self._run_once()
            if self._stopping or self.last or not self._restarts():
                return
            if not first:
                await self._crash_loop(backoff)
                if self.last:
                    return
            first = False
            self.container.last_state, self.container.restarts = self.container.state, self.container.restarts + 1
            self._wait_for("ContainerCreating", "")

    def _restarts(self) -> bool:
        if self.container.sidecar:
            return True
        policy = self._pod["spec"].get("restartPolicy", "Always")
        failed = self.container.exit_code != 0
        return policy != "Never" and (failed or (policy == "Always" and not self.container.init))

    async def _crash_loop(self, backoff: Backoff) -> None:
        ended, name = self.container.state, self.container.name
        metadata = self._pod["metadata"]
        where = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        self._note(Note("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {where}"))
        self.container.last_state = ended
        message = f"back-off {backoff.seconds}s restarting failed container={name} pod={where}"
        self._wait_for("CrashLoopBackOff", message)
        await backoff.wait(self._node.clock.now())
        self.container.state = ended

    async def _run_once(self) -> None:
        image = await pull(self._node, self.container.spec, self._wait_for, self._note)
        command = await self._configure(image)
        self.previous_log, path = (
            self.log,
            self._folder / "logs" / f"{self.container.name}-{self.container.restarts}.log",
        )
        self.log = log = await once_there_is_room(lambda: Log(path, self._node.clock))
        try:
            self._process = await self._launch(command, log)
        except StartFailed as failure:
            self._start_failed(str(failure))
            return
        note(self._folder, self._process.pid)
        self._started(self._process)
        ended = await self._process.wait()
        # The last lines may still be in the pipe. A process that escaped its minder may keep the pipe open without end.
        with suppress(TimeoutError):
            await asyncio.wait_for(log.ended.wait(), _LOG_DRAIN_SECONDS)
        self._process = None
        self._ended(ended)

    async def _launch(self, command: Command, log: Log) -> Process:
        """Start the process. Must not be cancelled meanwhile, or the caller would not know whether it runs."""
        self._launching = True
        try:
            process = await self._node.launcher.launch(command, lambda: log)
        finally:
            self._launching = False
        if self._stopping:
            process.kill()
        return process

    async def _configure(self, image: Path) -> Command:
        """Return the command, after a wait for missing Secrets and ConfigMaps."""
        spec = self.container.spec
        self.container.image_id = f"local/{image.name}"
        while True:
            try:
                env = variables(self._pod, spec, image, self._folder, self._lookup)
                break
            except ConfigError as missing:
                self._wait_for("CreateContainerConfigError", str(missing))
                self._note(Note("Warning", "Failed", f"Error: {missing}"))
                await self._node.clock.sleep(2)
        argv = command_line(spec, env)
        if not argv:
            self._wait_for("CreateContainerError", "failed to generate container spec: no command specified")
            self._note(Note("Warning", "Failed", "Error: failed to generate container spec: no command specified"))
            await asyncio.Event().wait()  # a pod's command never changes
        limit = spec.get("resources", {}).get("limits", {}).get("memory")
        memory_bytes = int(parse_quantity(limit)) if limit else None
        command = Command(argv, env, spec.get("workingDir") or str(self._folder / "home"), memory_bytes)
        return self._volumes.mounted(spec, command)

    def _started(self, process: Process) -> None:
        self.container.container_id = f"process://{process.pid}"
        self.container.state = {"running": {"startedAt": timestamp(self._node.clock.now())}}
        self._note(Note("Normal", "Created", f"Created container: {self.container.name}"))
        self._note(Note("Normal", "Started", f"Started container {self.container.name}"))
        self.started.set()
        self._publish()

    def _start_failed(self, message: str) -> None:
        self._note(Note("Warning", "Failed", f"Error: {message}"))
        self._terminated(_START_FAILED, "StartError", _NEVER, message)

    def _ended(self, ended: Exit) -> None:
        reason = "OOMKilled" if ended.oom else "Completed" if ended.code == 0 else "Error"
        self._terminated(ended.code, reason, self.container.state["running"]["startedAt"], self._last_words(ended))

    def _terminated(self, code: int, reason: str, started_at: str, message: str) -> None:
        state = {
            "exitCode": code,
            "reason": reason,
            "startedAt": started_at,
            "finishedAt": timestamp(self._node.clock.now()),
            "containerID": self.container.container_id,
            "message": message,
        }
        self.container.state = {"terminated": {key: value for key, value in state.items() if value != ""}}
        self._publish()

    def _last_words(self, ended: Exit) -> str:
        """Return why the container was ended, or the end of its log if its spec wants that as termination message."""
        if ended.code != 0 and self.ended_because:
            return self.ended_because
        if ended.code == 0 or self.container.spec.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            return ""
        return self.log.tail(_MESSAGE_LINES, _MESSAGE_BYTES) if self.log else ""

    def _wait_for(self, reason: str, message: str) -> None:
        self.container.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self._publish()
