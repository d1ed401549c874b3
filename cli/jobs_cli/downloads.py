"""Stores the files of a run in a folder: nothing outside of it, and no half file under a file's name."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from jobs_cli import VERSION, output
from jobs_cli.answers import Answer
from jobs_cli.client import ANSWER_SECONDS, Api
from jobs_cli.errors import CommandFailed, Unreachable

if TYPE_CHECKING:
    from rich.progress import TaskID

# Each attempt uses a new link, because a link is valid for five minutes.
ATTEMPTS: Final = 3
# Characters that have a special meaning in paths on some system: a drive, a stream, a wildcard, the end of a text.
UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


class Meter(Protocol):
    """Shows how much of a file has arrived."""

    def start(self, path: str, size: int) -> None:
        """Begin a file."""

    def advance(self, size: int) -> None:
        """Say that so many more bytes have arrived."""

    def end(self, path: str, size: int) -> None:
        """Say that a file is stored."""


def place_of(folder: Path, path: str) -> Path:
    """Return where a file of a run is stored.

    Raises:
        CommandFailed: that is outside of the folder, also by a link in it, or is no name of a file on every system.
    """
    parts = PurePosixPath(path).parts
    safe = parts and not path.startswith("/") and not UNSAFE.search(path) and not {".", ".."} & {*path.split("/")}
    place = folder.joinpath(*parts) if safe else folder
    if not safe or not place.parent.resolve().is_relative_to(folder.resolve()) or place.is_symlink():
        raise CommandFailed(f"{output.printable(path)!r} is not stored: it would not be a file within {folder}")
    return place


def download(api: Api, run_id: str, artifact: Answer, place: Path, meter: Meter) -> None:
    """Store one artifact of a run; the file appears once all of it is there.

    Raises:
        Unreachable: it did not arrive whole in several attempts.
        CommandFailed: the folder cannot be written.
    """
    path, size = artifact["path"], artifact["size_bytes"]
    unfinished = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            meter.start(path, size)
            fault = _fetch(api.get("runs", run_id, "artifacts", path)["url"], unfinished, size, meter)
            if fault is None:
                unfinished.replace(place)
                meter.end(path, size)
                return
            if attempt == ATTEMPTS:
                raise Unreachable(f"{path} could not be downloaded: {fault}")
    except OSError as error:
        raise CommandFailed(f"{place} cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def meter() -> Iterator[Meter]:
    """Yield what suits standard error: a bar on a terminal, else a line for each file that is stored."""
    if output.is_terminal(sys.stderr):
        bar = BarMeter()
        with bar.progress:
            yield bar
    else:
        yield LineMeter()


class LineMeter:
    """Writes a line for each file."""

    def start(self, path: str, size: int) -> None:
        """Begin a file; a line is written at its end."""

    def advance(self, size: int) -> None:
        """Say nothing."""

    def end(self, path: str, size: int) -> None:
        """Say that a file is stored."""
        output.note(f"jobs: {output.printable(path)}, {size:,} bytes")


class BarMeter:
    """Draws a bar for each file."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - it takes as long to import as the rest of a command
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn  # noqa: PLC0415

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        self.progress: Progress = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}
        self._task: TaskID | None = None

    def start(self, path: str, size: int) -> None:
        """Draw an empty bar."""
        if path not in self._tasks:
            self._tasks[path] = self.progress.add_task(output.printable(path), total=size)
        self._task = self._tasks[path]
        self.progress.reset(self._task, total=size)

    def advance(self, size: int) -> None:
        """Fill the bar a bit more."""
        if self._task is not None:
            self.progress.advance(self._task, size)

    def end(self, path: str, size: int) -> None:
        """Leave the full bar, also of an empty file."""
        self.progress.update(self._tasks[path], completed=size, total=size)


def _fetch(url: str, file: Path, size: int, meter: Meter) -> str | None:
    """Store what a link leads to; return what went wrong. The token is not sent: the link is enough."""
    import httpx  # noqa: PLC0415 - `jobs-api --help` does without it

    arrived = 0
    try:
        headers = {"User-Agent": f"jobs-cli/{VERSION}"}
        with httpx.stream("GET", url, headers=headers, timeout=ANSWER_SECONDS, follow_redirects=False) as response:
            if response.status_code != 200:
                return f"the store answered {response.status_code}"
            with file.open("wb") as stream:
                for piece in response.iter_bytes():
                    arrived += len(piece)
                    if arrived > size:
                        return f"it has more than its {size:,} bytes"
                    stream.write(piece)
                    meter.advance(len(piece))
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if arrived == size else f"only {arrived:,} of {size:,} bytes came"
