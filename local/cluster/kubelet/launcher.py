"""Starts the processes of containers, and ends all of them with their pod or with the cluster.

    cluster ──socket──▶ launcher             one; small, so that forking it takes a millisecond
                           └─▶ minder        one for each container; adopts what the command orphans
                                  └─▶ the container's command and all that it starts

A program of its own that needs only the standard library: `python -I -S launcher.py FD`. Every byte that arrives on
the socket FD brings two descriptors, a container's control socket and where its output goes. On the control socket
the minder reads one line of JSON, {"argv", "env", "cwd", "memory_bytes"?}, and then commands, T to ask the command to
end and K to end it and all of its descendants. It writes lines of JSON: {"pid"} or {"failed", "errno"}, and at last
{"exited", "oom"}. Only the cluster holds the other end of each socket. So end-of-file means that the cluster has ended,
even by SIGKILL, and then everything here ends.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_NICENESS = 5
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LINUX = sys.platform == "linux"
_MEMORY_CHECK_SECONDS = 0.1 if _LINUX else 1.0
# How long the launcher kills what it started; a process of another user would never end.
_ENDING_SECONDS = 30.0
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(fd: int) -> None:
    """Fork a minder for every container, until the cluster closes its socket; adopt processes of killed minders."""
    # A user waits for the answer to a request, so it goes before the work of runs.
    os.nice(_NICENESS)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that the kernel reaps ended minders
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with socket.socket(fileno=fd) as cluster:
        while True:
            descriptors = socket.recv_fds(cluster, 1, 2)[1]
            if not descriptors:
                _end_family()
                return
            if os.fork() == 0:
                cluster.close()
                Minder(*descriptors).run()
                os._exit(0)
            for descriptor in descriptors:
                os.close(descriptor)


class Minder:
    """Runs one command and ends all of its descendants."""

    def __init__(self, control: int, output: int) -> None:
        self._control = socket.socket(fileno=control)
        self._output = output
        self._ended: dict[int, int] = {}

    def run(self) -> None:
        """Start the command, wait until it ends, and kill its descendants."""
        os.setsid()
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        child_ended = _child_signal()
        with self._control.makefile("rb") as lines:
            spec = json.loads(lines.readline() or "null")
        if spec is None:
            return
        process = self._start(spec)
        if process is None:
            return
        self._send({"pid": process.pid})
        oom = self._watch(process.pid, child_ended, spec.get("memory_bytes"))
        self._kill_all()
        code = os.waitstatus_to_exitcode(self._ended[process.pid])
        process.returncode = code  # reaped here, so that Popen need not
        self._send({"exited": code, "oom": oom})

    def _start(self, spec: dict[str, Any]) -> "subprocess.Popen[bytes] | None":
        try:
            return subprocess.Popen(
                spec["argv"],
                env=spec["env"],
                cwd=spec["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
                # The kernel kills the command if the minder is killed. preexec_fn is safe here, without other threads.
                preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509
            )
        except (OSError, ValueError) as error:
            in_cwd = getattr(error, "filename", None) == spec["cwd"]
            self._send({"failed": "cwd" if in_cwd else "exec", "errno": getattr(error, "errno", None) or 22})
            return None
        finally:
            os.close(self._output)

    def _watch(self, pid: int, child_ended: int, memory_bytes: int | None) -> bool:
        """Wait until the command has ended; return whether it was killed because it used too much memory."""
        oom, timeout = False, _MEMORY_CHECK_SECONDS if memory_bytes else None
        while pid not in self._ended:
            readable, _, _ = select.select([self._control.fileno(), child_ended], [], [], timeout)
            if child_ended in readable:
                os.read(child_ended, 4096)
            if self._control.fileno() in readable:
                self._carry_out(pid, self._read_commands())
            if memory_bytes and sum(_family(os.getpid()).values()) > memory_bytes:
                oom = True
                self._kill_all()
            self._reap(os.WNOHANG)
        return oom

    def _read_commands(self) -> bytes:
        try:
            return self._control.recv(16)
        except ConnectionError:
            return b""

    def _carry_out(self, pid: int, commands: bytes) -> None:
        if not commands or b"K" in commands:
            self._kill_all()
        elif b"T" in commands:
            # Only the command gets SIGTERM, as in a container, where process 1 passes it on.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _kill_all(self) -> None:
        """Kill every descendant, including those that start meanwhile."""
        while True:
            _kill_family()
            if not self._reap(0):
                return

    def _reap(self, flags: int) -> bool:
        """Reap ended children, including adopted ones; return False if there are no children left."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, flags)
                if pid == 0:
                    return True
                self._ended[pid] = status
                if not flags:
                    return True
        return False

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the cluster has ended
            self._control.sendall(json.dumps(message).encode() + b"\n")


def _child_signal() -> int:
    """Return a descriptor that is readable after a child has ended."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        _LIBC.prctl(option, value, 0, 0, 0)


def _end_family() -> None:
    """Kill all descendants, also those that a look misses: it finds nothing below a process that ends meanwhile."""
    deadline = time.monotonic() + _ENDING_SECONDS
    # Without /proc one look has to do: the ps that lists the descendants is one of them.
    while _kill_family() and _LINUX and time.monotonic() < deadline:
        time.sleep(0.01)


def _kill_family() -> bool:
    """Kill the descendants that are found; return whether there were any."""
    family = _family(os.getpid())
    for pid in family:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return bool(family)


def _family(pid: int) -> dict[int, int]:
    """Return the descendants of a process, each with its resident bytes."""
    found: dict[int, int] = {}
    children = _children_from_proc if _LINUX else _children_from_ps()
    left = [pid]
    while left:
        for child, resident in children(left.pop()):
            if child not in found:
                found[child] = resident
                left.append(child)
    return found


def _children_from_proc(pid: int) -> list[tuple[int, int]]:
    children = []
    # A process may end at any moment, and its files in /proc with it.
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - ten times a second
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                with contextlib.suppress(OSError):
                    resident = Path(f"/proc/{child}/statm").read_text().split()[1]
                    children.append((int(child), int(resident) * _PAGE_BYTES))
    return children


def _children_from_ps() -> Any:
    listing = subprocess.run(["/bin/ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
    table: dict[int, list[tuple[int, int]]] = {}
    for line in listing.stdout.splitlines():
        pid, parent, kibibytes = map(int, line.split())
        table.setdefault(parent, []).append((pid, kibibytes * 1024))
    return lambda pid: table.get(pid, [])


if __name__ == "__main__":
    main(int(sys.argv[1]))
