"""Reads a Pod's log on from where the last reading ended, byte for byte. Bytes in, bytes and the next place out.

A kubelet gives no offsets. It gives the lines of its current file that are not before a whole second (`sinceTime`; the
API server drops the fraction), each with its time. As a file only grows, so does such an answer. So a place is a second
and how much of the answer since then was taken, with a checksum. Where the checksum does not match, another file was
begun, or a long line has parts of two seconds; then the whole file says which.
https://github.com/kubernetes/kubernetes/blob/v1.34.0/staging/src/k8s.io/cri-client/pkg/logs/logs.go (ReadLogs, write)
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final
from zlib import crc32

from jobs_api.k8s.log_names import log_name
from jobs_api.k8s.log_place import LogPlace, NotStamped, OtherLog, Piece, TakenSince
from jobs_api.k8s.stamped_lines import LEAST_BYTES, SECOND_BYTES, taken_apart

# Longer than a time with nanoseconds and an offset.
STAMP_BYTES: Final = 48
LONGEST_CHARACTER: Final = 4


def read_on(place: LogPlace, chunks: Iterable[bytes], limit: int) -> Piece:
    """Return what follows a place with a window, at most `limit` bytes, and never a part of a character.

    Args:
        place: where to begin.
        chunks: the kubelet's answer with times since `place.since`.
        limit: at least the bytes of a character.

    Raises:
        OtherLog: it does not continue there; read the whole file.
        NotStamped: it is no log.
    """
    reading = Reading(place, limit)
    for chunk in after_window(place, chunks):
        if reading.take(chunk):
            break
    return reading.piece()


def after_window(place: LogPlace, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what follows a place with a window, of the kubelet's answer with times since `place.since`.

    Raises OtherLog, before the first chunk, where the answer does not continue there.
    """
    remaining, crc = place.window.size, 0
    for chunk in chunks:
        head, rest = chunk[:remaining], chunk[remaining:]
        crc, remaining = crc32(head, crc), remaining - len(head)
        if remaining == 0 and crc != place.window.crc:
            raise OtherLog
        if rest:
            yield rest
    if remaining:
        raise OtherLog


def read_whole(place: LogPlace, pod_name: str, chunks: Iterable[bytes], limit: int) -> Piece:
    """Return what follows a place in a whole file; all of it where the file is another than that of the place.

    Raises NotStamped where it is no log.
    """
    reading = Reading(LogPlace(), limit, pod_name=pod_name, wanted=place)
    for chunk in chunks:
        if reading.take(chunk):
            break
    found = reading.piece()
    if not found.place.log:
        # Nothing can be read yet, or nothing is left to read.
        return Piece(b"", place)
    return found


def incomplete(content: bytes) -> int:
    """Return how many bytes at the end are the beginning of a character of UTF-8 whose rest is missing."""
    for back in range(1, min(LONGEST_CHARACTER, len(content) + 1)):
        byte = content[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4 if byte < 0xF8 else 1
            return back if back < length else 0
        if byte < 0x80:
            return 0
    return 0


class Reading:
    """Takes lines with their times apart, as they arrive, and keeps the place.

    It reads on from a place; or, of a Pod with this name, a whole file, from which it leaves out what is before the
    place that is `wanted`, where that is a place in the same file.
    """

    def __init__(self, place: LogPlace, limit: int, *, pod_name: str = "", wanted: LogPlace | None = None) -> None:
        self._log, self._offset, self._inside = place.log, place.offset, place.inside
        self._window, self._later, self._newest = place.window, place.later, place.newest
        # Whether the line that is read belongs to the windows.
        self._counts, self._counts_later = True, place.later is not None
        self._limit, self._pod_name, self._wanted = limit, pod_name, wanted
        self._drop = 0
        self.elsewhere = False
        self._unread = b""
        self._content = bytearray()
        self._seconds: dict[bytes, int] = {}

    def piece(self) -> Piece:
        """Return what was read, and the place after it."""
        return Piece(bytes(self._content), self.place, self.elsewhere)

    @property
    def place(self) -> LogPlace:
        """The place after what was read."""
        return LogPlace(self._log, self._offset, self._window, self._later, self._newest, self._inside)

    @property
    def length(self) -> int:
        """How many bytes were read since the last cut."""
        return len(self._content)

    def cut(self) -> Piece:
        """Return what was read since the last cut, and the place after it; what is read next is the next piece."""
        piece = self.piece()
        self._content.clear()
        return piece

    def take(self, chunk: bytes) -> bool:
        """Take the next bytes; return whether the limit is reached."""
        data, at, tried = self._unread + chunk, 0, False
        while at < len(data):
            if not self._inside and not tried:
                at, tried = self._take_at_once(data, at), True
                continue
            if not self._inside:
                begin = self._stamp(data, at)
                if begin is None:
                    break
                at = begin
                continue
            room = self._drop + self._limit - len(self._content)
            if room <= 0:
                return True
            newline = data.find(b"\n", at)
            end = min(newline + 1 or len(data), at + room)
            part = data[at : end - incomplete(data[at:end])]
            self._text(part)
            at += len(part)
            if at < end:
                # The rest of a character did not arrive yet, or there is no room for it.
                if end - at + len(part) >= room:
                    return True
                break
        self._unread = data[at:]
        return len(self._content) >= self._limit

    def _take_at_once(self, data: bytes, at: int) -> int:
        """Take whole lines where they are many, and there is room for them; return where the rest begins."""
        end = data.rfind(b"\n") + 1
        if not LEAST_BYTES <= end - at <= self._limit - len(self._content):
            return at
        lines = taken_apart(data[at:end])
        if lines is None:
            return at
        if not self._log:
            self._begin(lines.stamp.decode("ascii"))
        for second, part in lines.seconds:
            self._move(self._second_of(second + lines.stamp[SECOND_BYTES:]))
            self._count(part)
        self._offset += len(lines.text)
        self._content += lines.text[self._drop :]
        self._drop -= min(self._drop, len(lines.text))
        return end

    def _text(self, part: bytes) -> None:
        if not part:
            return
        self._count(part)
        self._offset += len(part)
        self._inside = not part.endswith(b"\n")
        self._content += part[self._drop :]
        self._drop -= min(self._drop, len(part))

    def _stamp(self, data: bytes, at: int) -> int | None:
        """Read the time before a line; return where its text begins, None where that did not arrive yet."""
        blank = data.find(b" ", at, at + STAMP_BYTES)
        if blank < 0:
            if len(data) - at >= STAMP_BYTES:
                raise NotStamped
            return None
        stamp = data[at:blank]
        second = self._second_of(stamp)
        if not self._log:
            self._begin(stamp.decode("ascii"))
        self._move(second)
        self._count(data[at : blank + 1])
        self._inside = True
        return blank + 1

    def _begin(self, stamp: str) -> None:
        """Find out from the first line's time whether this is the file that was read before."""
        self._log = log_name(self._pod_name, stamp)
        if self._wanted and self._wanted.log == self._log:
            self._drop = self._wanted.offset
        elif self._wanted and self._wanted.log:
            self.elsewhere = True

    def _second_of(self, stamp: bytes) -> int:
        key = stamp[:19] + stamp[29:]
        if key not in self._seconds:
            try:
                self._seconds[key] = int(datetime.fromisoformat(stamp.decode("ascii")).timestamp())
            except ValueError as error:
                raise NotStamped from error
        return self._seconds[key]

    def _move(self, second: int) -> None:
        """Decide to which windows a line of this second belongs."""
        if not self._window.size:
            self._window = TakenSince(second - 1)
        elif second > self._newest:
            self._window, self._later = self._later or self._window, TakenSince(second)
        elif self._later and second < self._later.since:
            # Out of order: the lines since that second are not only the last ones.
            self._later = None
        self._newest = max(self._newest, second)
        self._counts = second >= self._window.since
        self._counts_later = self._later is not None and second >= self._later.since

    def _count(self, data: bytes | memoryview) -> None:
        if self._counts:
            self._window = self._window.with_bytes(data)
        if self._counts_later and self._later:
            self._later = self._later.with_bytes(data)
