"""The collected parts of a run's log, each after the one before, with the place where to read on.

A part is written where the last one ends, once. A process that dies before that has written nothing; of two processes
that read the same log, one writes a part, and the other one writes what follows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from jobs_api.clock import Clock, utc_now
from jobs_api.collecting.rules import on_disk
from jobs_api.errors import JobsApiError, NotFound
from jobs_api.k8s.log_names import begins_at, is_older, pod_name_of
from jobs_api.k8s.log_place import LogPlace
from jobs_api.k8s.stamped_log import incomplete
from jobs_api.logs import part_contents
from jobs_api.model.log_part import MOST_FILES, LogPart
from jobs_api.model.run import Run
from jobs_api.store import log_parts

# At most one or two other processes write parts of the same run at the same time.
ATTEMPTS: Final = 5
# How often a search goes back to an earlier part: a thousand files are 10 GiB.
MOST_STEPS: Final = 16
# A process that follows a log and has written no part for this long has nothing to write, or has died.
NOT_FOLLOWED_AFTER: Final = timedelta(seconds=12)


@dataclass
class Parts:
    """The parts of a run's log, and their last one."""

    run: Run
    last: LogPart | None
    clock: Clock = utc_now

    @classmethod
    def of(cls, run: Run, clock: Clock = utc_now) -> "Parts":
        """Return what was collected of a run. One Query."""
        return cls(run, log_parts.last_log_part(run), clock)

    @property
    def place(self) -> LogPlace:
        """Where to read on in the Pod's log."""
        return LogPlace.read(self.last.place) if self.last else LogPlace()

    def start_of(self, log: str) -> int | None:
        """Return the offset at which a file of the kubelet begins; None where no part is known to be of it."""
        return self.last.start_of(log) if self.last else None

    def find_start(self, log: str) -> int | None:
        """Return the offset at which a file of the kubelet begins, however many files ago; None where no part is of it.

        A part names only the newest files, so this reads an earlier part for each 64 files. One Query each.
        """
        part = self.last
        for _ in range(MOST_STEPS):
            if part is None or (start := part.start_of(log)) is not None:
                return start if part else None
            if len(part.files) < MOST_FILES:
                return None
            oldest, begin = part.files[0]
            if begin == 0 or begins_at(oldest) < begins_at(log):
                return None
            part = log_parts.last_log_part(self.run, before=begin - 1)
        return None

    def read_again(self) -> None:
        """Read the last part again. One Query."""
        self.last = log_parts.last_log_part(self.run)

    def is_followed(self) -> bool:
        """Return whether another process may be following the log, and have read more than it has written."""
        return (
            self.last is not None
            and self.last.followed_until is not None
            and self.clock() < self.last.followed_until
            and self.clock() - self.last.written_at < NOT_FOLLOWED_AFTER
        )

    def add(self, text: bytes, place: LogPlace, followed_until: datetime | None) -> None:
        """Add what was read up to a place, without what another process has added of it.

        Nothing, where the text begins another file than the last part's, and another process has meanwhile added a part
        of a third one: the message about the lines between them is not written yet. The next read takes the text again.
        """
        begin, known = place.offset - len(text), self.place.log
        for _ in range(ATTEMPTS):
            if self.place.log not in {known, place.log}:
                return
            own = self._unwritten(text, begin, place)
            if not own or self._write(own, place, followed_until):
                return
        raise self._overtaken()

    def add_late(self, text: bytes, place: LogPlace) -> None:
        """Add a text that was read some time ago; nothing where a part of a newer file was written meanwhile."""
        if self.last and self.start_of(place.log) is None:
            if begins_at(place.log) < begins_at(self.place.log):
                return
            if place.offset == len(text):
                self.add_gap(place, missing_between(self.place, place.log))
        self.add(text, place, None)

    def add_gap(self, place: LogPlace, gap: str) -> None:
        """Add a line that something may be lost before a file; nothing where another process has got to that file."""
        begin, message = LogPlace(log=place.log), f"[jobs-api: {gap}]\n".encode()
        for _ in range(ATTEMPTS):
            if self.start_of(place.log) is not None or is_older(place.log, self.place.log):
                return
            until = self.last.followed_until if self.last else None
            line = b"\n" * self.place.inside + message
            if self._write(line, begin, until, gap=True):
                return
        raise self._overtaken()

    def _overtaken(self) -> JobsApiError:
        """Return the error where other processes wrote first in every try; what was not written is read again."""
        return JobsApiError(f"Others write the log of run {self.run.id} at the same time")

    def _unwritten(self, text: bytes, begin: int, place: LogPlace) -> bytes:
        """Return what of a text follows the last part; nothing where they are in a later file, or not at it yet."""
        if self.last is None:
            return text
        there = self.place
        if there.log == place.log:
            return text[max(0, there.offset - begin) :]
        is_next = self.last.start_of(place.log) is None and not is_older(place.log, there.log) and begin == 0
        return text if is_next else b""

    def _write(self, text: bytes, place: LogPlace, followed_until: datetime | None, *, gap: bool = False) -> bool:
        """Add a part after the last one; where another process was first, read its part."""
        before = self.last
        offset = before.end if before else 0
        files = before.files if before else ()
        same = bool(files) and files[-1][0] == place.log
        if not same:
            files = (*files, (place.log, offset + len(text) * gap))[-MOST_FILES:]
        content = part_contents.store_content(self.run, offset, text)
        part = LogPart(
            offset=offset,
            size=len(text),
            place=place.text(),
            files=files,
            file_bytes=(before.file_bytes if before and same else 0) + on_disk(text) * (not gap),
            gaps=(before.gaps if before else 0) + gap,
            followed_until=followed_until,
            written_at=self.clock(),
            content=content.content,
            key=content.key,
        )
        if log_parts.add_log_part(self.run, part):
            self.last = part
            return True
        self.last = log_parts.last_log_part(self.run)
        return False

    def text(self) -> Iterator[bytes]:
        """Yield all that was collected, part by part, and a line where a part is not there any more."""
        at = 0
        for part in log_parts.log_parts(self.run):
            if part.offset > at:
                yield _line_for_lost_part(part.offset - at)
            yield _content(part)
            at = part.end

    def after(self, place: LogPlace, limit: int) -> tuple[bytes, LogPlace] | None:
        """Return what was collected after a place, at most `limit` bytes, and the place after that.

        None where the place is in no file of which a part was collected.
        """
        last = self.last
        start = self.find_start(place.log) if place.log else 0
        if last is None or start is None:
            return None
        offset, found = start + place.offset, bytearray()
        first = log_parts.last_log_part(self.run, before=offset) if offset < last.end else None
        for part in log_parts.log_parts(self.run, begin=first.offset) if first else ():
            found += _content(part)[max(0, offset - part.offset) :]
            if len(found) >= limit:
                break
        text = bytes(found[:limit])
        if offset + len(text) < last.end:
            text = text[: len(text) - incomplete(text)]
        return text, _place_at(last, offset + len(text))


def missing_between(before: LogPlace, log: str) -> str:
    """Say what may be missing between a place and the beginning of another file."""
    upto = f"{datetime.fromtimestamp(before.newest, UTC):%H:%M:%S}"
    return f"some output between {upto} and {begins_at(log)[11:19]} may be lost: {_why_lost(before.log, log)}"


def missing_at_first(first: str, log: str) -> str:
    """Say what may be missing before a file of which a part is written first.

    Args:
        first: the file that a pass found first.
        log: the file.
    """
    return f"some output before {begins_at(log)[11:19]} may be lost: {_why_lost(first, log)}"


def _why_lost(before: str, log: str) -> str:
    """Say why lines between two files may be lost."""
    pod, newer = pod_name_of(before), pod_name_of(log)
    return "the kubelet had rotated it away" if pod == newer else f"pod {pod} was replaced by {newer}"


def _place_at(last: LogPart, offset: int) -> LogPlace:
    """Return the place at an offset of what was collected; at its end, that where to read on.

    Before the end it names no file: of a log with many, only the newest ones are known by name once it is stored.
    """
    return LogPlace.read(last.place) if offset == last.end else LogPlace(offset=offset)


def _content(part: LogPart) -> bytes:
    try:
        return part_contents.read_content(part)
    except NotFound:
        return _line_for_lost_part(part.size)


def _line_for_lost_part(size: int) -> bytes:
    """Return a line in place of a part that is gone, as large as the part, so that places stay what they are."""
    line = f"[jobs-api: {size} bytes that were collected are no longer kept]".encode()
    return line[: size - 1].ljust(size - 1) + b"\n"
