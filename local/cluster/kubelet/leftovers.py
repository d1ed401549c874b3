"""Finds and ends processes of pods that still run after their cluster has ended.

The minders end with the cluster, and their containers with them (launcher.py). Processes remain if somebody killed
their minders, as `killall -9 python` does. A process belongs to a pod if its id and start time were recorded at its
start (ids are reused). It also does if its HOME is the pod's folder and it has no terminal; a person who tries a job's
environment in a shell has a terminal. So do the descendants of such processes.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_LINUX = sys.platform == "linux"
_PATIENCE_SECONDS = 5.0
_NOTES = "processes"


def note(folder: Path, pid: int) -> None:
    """Record that a pod has started a process, for the next cluster."""
    # If the disk is full, the process can still be found by its environment.
    with suppress(OSError):
        if started := start_of(pid):
            with (folder / _NOTES).open("a") as notes:
                notes.write(f"{pid} {started}\n")


def end_leftovers(folders: Iterable[Path]) -> int:
    """Kill all processes of the pods with these folders, wait until they have ended, and return how many there were."""
    homes = {str(folder / "home"): folder for folder in folders}
    noted = {pid for folder in homes.values() for pid in _recorded_pids(folder)}
    ours = {pid for pid in _processes() if pid in noted or _environment_is_of(pid, homes)}
    for pid in list(ours):
        ours |= _descendants(pid)
    ours.discard(os.getpid())
    for pid in ours:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(_is_alive(pid) for pid in ours) and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(ours)


def start_of(pid: int) -> str | None:
    """Return what distinguishes a process from others with the same id, None if it has ended.

    On Linux: the start in clock ticks since boot, and the boot's id. Elsewhere: the start as ps shows it.
    """
    with suppress(OSError, subprocess.CalledProcessError):
        if _LINUX:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            return f"{_stat(pid)[19]} {boot}"
        listed = subprocess.run(
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=True
        )
        return " ".join(listed.stdout.split()) or None
    return None


def _recorded_pids(folder: Path) -> Iterator[int]:
    with suppress(OSError, ValueError):
        for line in (folder / _NOTES).read_text().splitlines():
            pid, _, started = line.partition(" ")
            if started and start_of(int(pid)) == started:
                yield int(pid)


def _environment_is_of(pid: int, homes: dict[str, Path]) -> bool:
    if not _LINUX:
        return False
    with suppress(OSError):
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        home = next((os.fsdecode(entry[5:]) for entry in entries if entry.startswith(b"HOME=")), "")
        return home in homes and _stat(pid)[4] == "0"
    return False


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the third on; the second, a name, may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _processes() -> list[int]:
    if _LINUX:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    listed = subprocess.run(["/bin/ps", "-axo", "pid="], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


def _descendants(pid: int) -> set[int]:
    listed = subprocess.run(["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    parents = {int(child): int(parent) for child, parent in rows}
    found, grown = {pid}, {pid}
    while grown := {child for child, parent in parents.items() if parent in grown} - found:
        found |= grown
    return found


def _is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        if _LINUX:
            return _stat(pid)[0] != "Z"
        os.kill(pid, 0)
    except OSError:
        return False
    return True
