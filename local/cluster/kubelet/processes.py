"""The cluster's side of containers' processes; launcher.py is the other side."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True)
class Command:
    """A command; `env` is the whole environment, `memory_bytes` the limit for all of its processes together."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Exit:
    """How a process ended; `code` is 128 + n after signal n."""

    code: int
    oom: bool = False


class StartFailed(Exception):
    """The command could not be started; the message is that of a container runtime."""


class Process:
    """A command that was started."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self._reader = reader
        self._writer = writer

    def terminate(self) -> None:
        """Ask the command to end (SIGTERM)."""
        self._send(b"T")

    def kill(self) -> None:
        """End the command and everything that it started (SIGKILL)."""
        self._send(b"K")

    async def wait(self) -> Exit:
        """Return once the command and all of its descendants have ended."""
        try:
            report = json.loads(await self._reader.readline() or "null")
        except ConnectionError:
            report = None
        finally:
            # If the wait is cancelled, closing the socket kills the command, because the minder reads end-of-file.
            self._writer.close()
        if report is None:
            # The minder was killed, and the kernel killed the command; this kills the rest of the command's process
            # group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            return Exit(137)
        code = 128 - report["exited"] if report["exited"] < 0 else report["exited"]
        return Exit(137 if report["oom"] else code, report["oom"])

    def _send(self, command: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(command)


class Launcher:
    """Starts commands through one small process that forks them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Start the launcher before the first command."""
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [sys.executable, "-I", "-S", str(_LAUNCHER), str(theirs.fileno())]
            # A session of its own, so that Ctrl-C in a terminal only reaches the cluster.
            self._process = subprocess.Popen(
                argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True, cwd="/"
            )
        self._socket = ours

    async def close(self) -> None:
        """End the launcher; running commands are ended by their own callers."""
        if self._socket:
            self._socket.close()
        if self._process:
            await asyncio.to_thread(self._process.wait)
        self._socket = self._process = None

    async def launch(self, command: Command, output: Callable[[], asyncio.Protocol]) -> Process:
        """Start a command whose output goes to the protocol `output`; raises StartFailed."""
        ours, theirs = socket.socketpair()
        readable, writable = os.pipe()
        try:
            self._hand_over(theirs.fileno(), writable)
        finally:
            theirs.close()
            os.close(writable)
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            await asyncio.get_running_loop().connect_read_pipe(output, os.fdopen(readable, "rb", 0))
            writer.write(json.dumps(asdict(command)).encode() + b"\n")
            report: dict[str, Any] = json.loads(await reader.readline() or '{"failed": "exec", "errno": 3}')
        except BaseException:
            writer.close()
            raise
        if "pid" in report:
            return Process(report["pid"], reader, writer)
        writer.close()
        raise StartFailed(_start_error(command, report["failed"], os.strerror(report["errno"]).lower()))

    def _hand_over(self, *descriptors: int) -> None:
        with contextlib.suppress(OSError):
            if self._socket:
                socket.send_fds(self._socket, [b"+"], descriptors)
                return
        # Somebody killed the launcher. The commands that it started still run, each with its own minder.
        self.open()
        assert self._socket  # noqa: S101 - open() sets it
        socket.send_fds(self._socket, [b"+"], descriptors)


def _start_error(command: Command, failed_step: str, error: str) -> str:
    """Return why a command did not start, in containerd's and runc's words."""
    if failed_step == "cwd":
        detail = f'chdir to cwd ("{command.cwd}") set in config.json failed: {error}'
    elif error == "no such file or directory" and "/" not in command.argv[0]:
        detail = f'error during container init: exec: "{command.argv[0]}": executable file not found in $PATH'
    elif "/" in command.argv[0]:
        detail = f'error during container init: exec: "{command.argv[0]}": stat {command.argv[0]}: {error}'
    else:
        detail = f'error during container init: exec: "{command.argv[0]}": {error}'
    return (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
        f"runc create failed: unable to start container process: {detail}: unknown"
    )
