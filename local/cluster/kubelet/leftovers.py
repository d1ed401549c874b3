"""Processes of pods that have outlived their cluster, found and ended by the next one.

The minders end with the cluster, and their containers with them (launcher.py). What is left is what somebody took the
minders from, as `killall -9 python` does. A process is ours where it was noted when it was started, by its id and its
start, since ids are used again; or where its environment names the pod's folder as HOME, and it has no terminal: a
person who tries a job's environment in a shell has one. A descendant of ours is ours.
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
    """Write down that a pod has started a process, for a cluster that comes later."""
    # Where a full disk does not take it, the environment tells.
    with suppress(OSError):
        if started := start_of(pid):
            with (folder / _NOTES).open("a") as notes:
                notes.write(f"{pid} {started}\n")


def end_leftovers(folders: Iterable[Path]) -> int:
    """Kill what still runs of the pods with these folders, return once it is gone; how many processes that were."""
    homes = {str(folder / "home"): folder for folder in folders}
    noted = {pid for folder in homes.values() for pid in _noted(folder)}
    ours = {pid for pid in _processes() if pid in noted or _environment_is_of(pid, homes)}
    for pid in list(ours):
        ours |= _descendants(pid)
    ours.discard(os.getpid())
    for pid in ours:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(_lives(pid) for pid in ours) and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(ours)


def start_of(pid: int) -> str | None:
    """Return what tells a process from an earlier or later one with its id, None where it has ended.

    On Linux the start in clock ticks and which boot they count from; elsewhere the start as ps shows it.
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


def _noted(folder: Path) -> Iterator[int]:
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


def _lives(pid: int) -> bool:
    """Tell whether a process goes on; one that has ended and waits for its parent to notice does not."""
    try:
        if _LINUX:
            return _stat(pid)[0] != "Z"
        os.kill(pid, 0)
    except OSError:
        return False
    return True
