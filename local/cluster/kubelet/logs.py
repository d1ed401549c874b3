"""The log of a container: a file of timestamped lines in the format of Kubernetes' container runtimes (CRI).

    2026-04-28T02:00:01.123456000Z stdout F the line

F is a full line, P a part that continues in the next line. Both streams share a pipe, which keeps their order, so a
line does not say from which stream it came. A file over 10 MiB is renamed and another begun, as a kubelet does; only
the newest file is read.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from local.cluster.clock import Clock
from local.cluster.log_options import LogOptions
from local.private_files import opener

_LONGEST_LINE = 16 * 1024
_BLOCK = 256 * 1024
# containerLogMaxSize and containerLogMaxFiles, including the newest file.
_MAX_BYTES = 10 * 1024 * 1024
_MAX_FILES = 5


class Log(asyncio.Protocol):
    """Writes what a process prints, and wakes the followers of the log."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.ended = asyncio.Event()
        self._clock = clock
        self._file = open(path, "ab", buffering=0, opener=opener)  # noqa: SIM115 - Path.open has no opener
        self._unfinished = b""
        self._followers: set[asyncio.Event] = set()

    def data_received(self, data: bytes) -> None:
        """Write the complete lines."""
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        prefix = _stamp(self._clock.now())
        out = [piece for line in lines for piece in _pieces(prefix, line, ends=True)]
        while len(self._unfinished) >= _LONGEST_LINE:
            out.append(prefix + b"P " + self._unfinished[:_LONGEST_LINE] + b"\n")
            self._unfinished = self._unfinished[_LONGEST_LINE:]
        self._write(out)

    def connection_lost(self, exc: Exception | None) -> None:
        """Write the last line if it has no newline, and end the followers."""
        del exc  # a pipe's end is its end
        if self._unfinished:
            self._write(list(_pieces(_stamp(self._clock.now()), self._unfinished, ends=False)))
        self._file.close()
        self.ended.set()
        self._wake()

    def rotate_if_large(self) -> None:
        """Rename a file that is too large to one with the time, and begin another; keep only the newest files.

        https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/logs/container_log_manager.go
        """
        if self._file.closed or self._file.tell() <= _MAX_BYTES:
            return
        self.path.rename(self.path.with_name(f"{self.path.name}.{self._clock.now():%Y%m%d-%H%M%S.%f}"))
        self._file.close()
        self._file = open(self.path, "ab", buffering=0, opener=opener)  # noqa: SIM115 - Path.open has no opener
        for old in sorted(self.path.parent.glob(f"{self.path.name}.*"))[: 1 - _MAX_FILES]:
            old.unlink()
        self._wake()

    async def grown(self, follower: asyncio.Event) -> None:
        """Return once there is more to read, or the log has ended."""
        self._followers.add(follower)
        try:
            await follower.wait()
            follower.clear()
        finally:
            self._followers.discard(follower)

    def tail(self, lines: int, limit_bytes: int) -> str:
        """Return the last lines, up to so many bytes."""
        with self.path.open("rb") as file:
            file.seek(_start_of_tail(file, lines))
            text = b"".join(_Rendering(LogOptions()).of(file.read().split(b"\n")[:-1]))
        return text[-limit_bytes:].decode(errors="replace")

    def _write(self, lines: list[bytes]) -> None:
        if lines:
            self._append(b"".join(lines))
            self._wake()

    def _append(self, text: bytes) -> None:
        """Write complete lines; lines that do not fit on a full disk are lost, as with container runtimes."""
        end = self._file.tell()
        try:
            whole = self._file.write(text) == len(text)
        except OSError:
            whole = False
        if not whole:
            self._file.truncate(end)
            self._file.seek(end)

    def _wake(self) -> None:
        for follower in self._followers:
            follower.set()


def found(folder: Path, container: str, clock: Clock, *, previous: bool = False) -> Log | None:
    """Return the log of a container's last run in a pod's folder, or of the run before; None without one."""
    attempts = ((path, path.stem.rpartition("-")) for path in folder.glob("logs/*.log"))
    mine = ((int(attempt), path) for path, (name, _, attempt) in attempts if name == container)
    paths = [path for _, path in sorted(mine)][: -1 if previous else None]
    if not paths:
        return None
    log = Log(paths[-1], clock)
    log.connection_lost(None)
    return log


async def read(log: Log | None, how: LogOptions) -> AsyncIterator[bytes]:
    """Yield the log, many lines at a time; with `follow`, until its process has ended. No log, no lines."""
    if log is None:
        return
    remaining = how.limit_bytes
    async for text in _texts(log, how):
        chunk = text if remaining is None else text[:remaining]
        if chunk:
            yield chunk
        if remaining is not None:
            remaining -= len(chunk)
            if remaining <= 0:
                return


async def _texts(log: Log, how: LogOptions) -> AsyncIterator[bytes]:
    rendering = _Rendering(how)
    follower, tail = asyncio.Event(), how.tail
    while True:
        with log.path.open("rb") as file:
            file.seek(_start_of_tail(file, tail))
            unfinished = b""
            while True:
                # Both are read before the file, or the last lines could be missed.
                ended, is_rotated = log.ended.is_set(), not _is_at(file, log.path)
                while block := file.read(_BLOCK):
                    *lines, unfinished = (unfinished + block).split(b"\n")
                    yield b"".join(rendering.of(lines))
                if is_rotated and how.follow:
                    break
                if ended or not how.follow:
                    return
                await log.grown(follower)
        tail = None  # a follower reads all of the next file


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Return whether an open file has this name, so was not renamed."""
    return os.path.samestat(os.fstat(file.fileno()), path.stat())


class _Rendering:
    """Turns lines of the file into the lines that a reader requested."""

    def __init__(self, how: LogOptions) -> None:
        self._timestamps = how.timestamps
        self._since = _stamp(how.since)[:30] if how.since else b""
        self._at_line_start = True

    def of(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            at, _, flag, text = line.split(b" ", 3)
            starts, self._at_line_start = self._at_line_start, flag == b"F"
            # A kubelet leaves out parts of lines too, and gives the rest of such a line no time.
            if at < self._since:
                continue
            if self._timestamps and starts:
                yield at + b" "
            yield text + b"\n" if self._at_line_start else text


def _start_of_tail(file: BinaryIO, lines: int | None) -> int:
    """Return where the last `lines` lines begin, without reading the file before them."""
    if lines is None:
        return 0
    position, newlines = file.seek(0, 2), 0
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        end = len(block)
        while (end := block.rfind(b"\n", 0, end)) >= 0:
            newlines += 1
            if newlines > lines:  # the newline before the first line wanted; every line in the file has its own
                return position + end + 1
    return 0


def _pieces(prefix: bytes, line: bytes, *, ends: bool) -> Iterator[bytes]:
    """Split a line into pieces of the length that container runtimes write."""
    while len(line) > _LONGEST_LINE:
        yield prefix + b"P " + line[:_LONGEST_LINE] + b"\n"
        line = line[_LONGEST_LINE:]
    yield prefix + (b"F " if ends else b"P ") + line + b"\n"


def _stamp(at: datetime) -> bytes:
    """Write a time with nine digits of nanoseconds, as Go does; all have the same length, so that they sort as text."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z stdout ".encode()
