"""A kubelet with one Pod whose log is rotated, and a table of parts: what the tests of collecting are held to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from jobs_api.cluster import Cluster, ObjectNotFound
from jobs_api.collecting.collector import Collector
from jobs_api.collecting.parts import Parts
from jobs_api.errors import ClusterUnavailable
from jobs_api.logs.part_contents import PartContent
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run
from tests.service.test_following_logs import NOON, RUN, SECOND
from tests.unit.k8s.kubelet_log import KubeletLog

RUNNING = RUN.model_copy(update={"start_time": datetime.fromtimestamp(NOON // SECOND, UTC), "log_begins": "pod-a "})


@dataclass
class Table:
    """Parts in memory; `contents` has what would be in S3 or in an item."""

    parts: dict[int, LogPart] = field(default_factory=dict)
    contents: dict[bytes, bytes] = field(default_factory=dict)
    # Called before each write, where a test may let the process die.
    before_write: Callable[[], None] = lambda: None

    def add_log_part(self, _: Run, part: LogPart) -> bool:
        """Add a part."""
        self.before_write()
        if part.offset in self.parts:
            return False
        self.parts[part.offset] = part
        return True

    def last_log_part(self, _: Run, *, before: int | None = None) -> LogPart | None:
        """Return the last part."""
        offsets = [one for one in self.parts if before is None or one <= before]
        return self.parts[max(offsets)] if offsets else None

    def log_parts(self, _: Run, *, begin: int = 0) -> Iterator[LogPart]:
        """Yield the parts in order."""
        yield from (part for offset, part in sorted(self.parts.items()) if offset >= begin)

    def use(self, patch: pytest.MonkeyPatch) -> "Table":
        """Stand in for the table and the bucket."""
        for name in ("add_log_part", "last_log_part", "log_parts"):
            patch.setattr(f"jobs_api.store.log_parts.{name}", getattr(self, name))
        patch.setattr("jobs_api.logs.part_contents.store_content", lambda _run, _at, text: PartContent(content=text))
        patch.setattr("jobs_api.logs.part_contents.read_content", lambda part: part.content)
        return self

    @property
    def text(self) -> bytes:
        """All that was collected."""
        return b"".join(Parts.of(RUNNING).text())


@dataclass
class RotatingKubelet:
    """A cluster with a Pod whose log has several files, of which the last is served.

    `step` is called while a stream waits for more; it prints, rotates or lets time pass, and returns False where
    nothing more will come for long.
    """

    files: list[KubeletLog] = field(default_factory=lambda: [KubeletLog()])
    pod: str | None = "pod-a"
    at: int = NOON
    printed: int = 0
    ended: bool = False
    step: Callable[[], bool] = lambda: False
    # Called before a stream continues with the newest file; without it, a stream reads each file.
    leaves_out: Callable[[], None] | None = None

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.at // SECOND, UTC) + timedelta(microseconds=self.at % SECOND // 1000)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.at += int(seconds * SECOND)

    def print(self, lines: int = 1, *, size: int = 20) -> None:
        """Print lines, each with a number."""
        for _ in range(lines):
            self.at += 1000
            self.files[-1].write(self.at, b"line %08d %s" % (self.printed, b"x" * size))
            self.printed += 1

    def rotate(self) -> None:
        """Begin another file."""
        self.files.append(KubeletLog())

    def replace_pod(self, name: str) -> None:
        """Replace the Pod by another one, with a log of its own."""
        self.pod = name
        self.files = [KubeletLog()]

    def log_begins(self, _: str, pod: str) -> str:
        """Return the first line's time."""
        first = next(iter(self._answer(pod, None)), b"")
        return first.partition(b" ")[0].decode()

    def stamped_log(
        self, _: str, pod: str, *, since: str | None = None, limit_bytes: int | None = None, follow: bool = False
    ) -> Iterator[bytes]:
        """Yield the log."""
        yield from self._answer(pod, since, limit_bytes)
        if not follow:
            return
        files, file = self.files, self.files[-1]
        given = len(file.pieces)
        while True:
            if self.files is not files:
                raise ClusterUnavailable("the node is gone")
            if given < len(file.pieces):
                new = KubeletLog(pieces=file.pieces[given:])
                given = len(file.pieces)
                yield from new.answer(None)
            elif file is not files[-1] and self.leaves_out:
                self.leaves_out()
                file, given = files[-1], 0
            elif file is not files[-1]:
                file, given = files[files.index(file) + 1], 0
            elif self.ended:
                return
            elif not self.step():
                raise ClusterUnavailable("nothing comes")

    def _answer(self, pod: str, since: str | None, limit_bytes: int | None = None) -> Iterator[bytes]:
        if pod != self.pod:
            raise ObjectNotFound(404, "gone")
        yield from self.files[-1].answer(since, limit_bytes)

    def collector(self, run: Run = RUNNING) -> Collector:
        """Return what a new process would collect with."""
        pod = self.pod or "pod-a"
        return Collector(cast("Cluster", self), run, pod, Parts.of(run, self.now), self.now)


def numbers(text: bytes) -> list[int | None]:
    """Return the numbers of the lines that were collected, None for a line that says what may be lost."""
    return [None if line.startswith(b"[jobs-api: ") else int(line.split()[1]) for line in text.splitlines()]
