"""Reads the log of a running command on from where its last part ends, and writes what is new as parts.

A read takes what is there, and may be done twice, or by two processes at once. `following` reads for a while longer.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from jobs_api.clock import Clock
from jobs_api.cluster import Cluster
from jobs_api.collecting import rules
from jobs_api.collecting.parts import Parts, missing_at_first, missing_between
from jobs_api.collecting.rules import Growth
from jobs_api.k8s.log_names import has_begun, log_name, pod_name_of
from jobs_api.k8s.log_place import LogPlace, OtherLog
from jobs_api.k8s.stamped_log import Reading, after_window
from jobs_api.model.run import Run

# A piece is cut by size before it is parsed, so reading needs no limit of its own.
NO_LIMIT: Final = 1 << 62
# By then, another process that follows the same log has written the lines that it read.
OTHERS_WRITE_WITHIN: Final = timedelta(seconds=8)
POLLED_EVERY: Final = timedelta(seconds=0.5)


@dataclass(frozen=True)
class LogRead:
    """The result of a read: how the log grows, what is new but not written, up to where, and whether that is all."""

    growth: Growth
    unwritten: bytes
    place: LogPlace
    is_all: bool = True
    is_followed: bool = False
    """Whether this process follows the log from now on; its part says so."""

    @property
    def may_lose_lines(self) -> bool:
        """Whether lines may be lost unless the log is followed or read to its end now."""
        return not self.is_all or rules.is_near_rotation(self.growth)


def no_earlier_text(_: str) -> bool:
    """Return False: no text of an earlier file was written."""
    return False


def no_place() -> bool:
    """Return False: there is no place for one more log that is followed."""
    return False


def _up_to(limit: int | None, chunks: Iterator[bytes]) -> tuple[list[bytes], bool]:
    """Return the first chunks, up to a limit of bytes, and whether they end below it; without a limit none."""
    taken, size = list[bytes](), 0
    while limit is not None and size < limit:
        chunk = next(chunks, None)
        if chunk is None:
            return taken, True
        taken.append(chunk)
        size += len(chunk)
    return taken, limit is None


@dataclass
class Collector:
    """Reads the log of a run's Pod; `clock` gives aware times."""

    cluster: Cluster
    run: Run
    pod_name: str
    parts: Parts
    clock: Clock
    write_earlier: Callable[[str], bool] = no_earlier_text
    """Writes, as a part, the carried text of another file than this one; returns whether there was any."""
    reading: Reading = field(init=False)
    """What takes the log apart that is read now."""
    _wrote_earlier: bool = field(default=False, init=False)

    def read(
        self,
        last_growth: Growth | None = None,
        *,
        everything: bool = False,
        begin_following: Callable[[], bool] = no_place,
    ) -> LogRead:
        """Read what is new; write it if it is due, or with `everything` in any case.

        Args:
            last_growth: what the read before found, if that is known; its `within` is the time since then.
            everything: whether to read up to the end of the log, however much that is.
            begin_following: called where the log is to be followed; returns whether it is from then on. It is called
                before anything is written: a file that is rotated away before the stream begins takes its rest with it.

        Raises what the cluster and the tables raise, and NotStamped where the kubelet sends something else than a log.
        """
        pending, written_bytes, last = bytearray(), 0, self.parts.last
        limit = None if everything else rules.MOST_READ_AT_ONCE
        until, followed = self.clock() + rules.FOLLOWED_FOR, False
        with closing(self.stream(follow=False, limit=limit)) as chunks:
            first, is_all = _up_to(limit, chunks)
            each = chain(first, chunks)
            begin = next(each, b"")
            self.reading.take(begin)
            # A follower would write this file, and nothing of an earlier one can be put before that.
            self._write_earlier()
            if not is_all:
                followed = begin_following()
            for chunk in chain([b""], each):
                self.reading.take(chunk)
                pending += self.cut()
                if len(pending) >= rules.MOST_PART_BYTES:
                    written_bytes += len(pending)
                    self._write(pending)
        growth = self._growth(bytes(pending), written_bytes, last_growth)
        near_rotation = not is_all or rules.is_near_rotation(growth)
        if near_rotation and is_all:
            followed = begin_following()
        # The lines after a message about lost lines are written together with it.
        if everything or near_rotation or self.parts.last is not last or self._is_due(len(pending)):
            self._write(pending, until if followed else None)
        return LogRead(growth, bytes(pending), self.reading.place, is_all, followed)

    def begins(self) -> str:
        """Return the time of the first line of the Pod's current file, "" where it has no line."""
        return self.cluster.log_begins(self.run.namespace, self.pod_name)

    def _is_due(self, count: int) -> bool:
        now, last = self.clock(), self.parts.last
        since_start = now - (self.run.start_time or self.run.created_at)
        return rules.is_written(count, since_start, now - last.written_at if last else None)

    def _growth(self, pending: bytes, written_bytes: int, last_growth: Growth | None) -> Growth:
        """Return how the log grows: since the last read, else since the last part, else since the run's start."""
        last = self.parts.last
        same = last is not None and self.parts.place.log == self.reading.place.log
        file_bytes = (last.file_bytes if last and same else 0) + rules.on_disk(pending)
        if last_growth and file_bytes >= last_growth.file_bytes:
            return Growth(file_bytes, file_bytes - last_growth.file_bytes, last_growth.within)
        since = last.written_at if last else self.run.start_time or self.run.created_at
        return Growth(file_bytes, rules.on_disk(pending) + written_bytes, self.clock() - since)

    def _write(self, pending: bytearray, followed_until: datetime | None = None) -> None:
        if pending:
            self.parts.add(bytes(pending), self.reading.place, followed_until)
            pending.clear()

    def stream(self, *, follow: bool, limit: int | None = None) -> Generator[bytes]:
        """Yield the log from where the parts end, with the lines' times; begin a `reading` for it.

        A limit only saves the kubelet what nobody reads; it is in bytes with times.
        """
        place = self.parts.place
        is_same_pod = pod_name_of(place.log) == self.pod_name
        if is_same_pod and place.since and (not follow or log_name(self.pod_name, self.begins()) == place.log):
            self.reading = Reading(place, NO_LIMIT)
            try:
                bound = limit and limit + place.window.size
                yield from after_window(place, self._chunks(follow=follow, since=place.since, limit_bytes=bound))
            except OtherLog:
                pass
            else:
                return
        self.reading = Reading(LogPlace(), NO_LIMIT, pod_name=self.pod_name, wanted=place)
        yield from self._chunks(follow=follow, limit_bytes=None if place.offset else limit)

    def _chunks(self, **how: Any) -> Iterator[bytes]:
        return self.cluster.stamped_log(self.run.namespace, self.pod_name, **how)

    def cut(self) -> bytes:
        """Return what was read since the last cut, once the parts say what may be missing before its file."""
        self._write_earlier()
        if self.is_in_new_file() and (gap := self._missing()):
            self.parts.add_gap(self.reading.place, gap)
        return self.reading.cut().content

    def _write_earlier(self) -> None:
        if self.is_in_new_file() and self.write_earlier(self.reading.place.log):
            self._wrote_earlier = True
            self.parts.read_again()

    def is_in_new_file(self) -> bool:
        """Return whether what is read is of a file of which there is no part yet."""
        log, last = self.reading.place.log, self.parts.last
        return bool(log) and (last is None or last.start_of(log) is None)

    def wait_for_followers(self, sleep: Callable[[float], None]) -> None:
        """Wait until other processes have written what they read of a file that the kubelet has rotated."""
        waited = timedelta()
        while waited < OTHERS_WRITE_WITHIN and self.parts.is_followed() and self.is_another_file():
            sleep(POLLED_EVERY.total_seconds())
            waited += POLLED_EVERY
            self.parts.read_again()

    def is_another_file(self) -> bool:
        """Return whether the kubelet's current file is another than that of the last part."""
        return log_name(self.pod_name, self.begins()) != self.parts.place.log

    def _missing(self) -> str | None:
        """Say what may be missing before a file whose reading has begun; None where nothing is."""
        log, before, first = self.reading.place.log, self.parts.place, self.run.log_begins
        if self.reading.elsewhere or (self._wrote_earlier and before.log):
            return missing_between(before, log)
        if not before.log and first and has_begun(first) and first != log:
            return missing_at_first(first, log)
        return None
