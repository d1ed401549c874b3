"""Compresses a log so that it can be read from the middle: at some points its stream needs nothing that stands before.

The stream stays one gzip member, because browsers read no second one.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final, Self

FIRST_INTERVAL: Final = 1024 * 1024
# The points are kept in the object's metadata, which may have 2 KB. With more, the interval doubles.
MOST_POINTS: Final = 64


@dataclass
class RestartPoints:
    """Where decompression may begin: after each `interval` bytes of the log, at these bytes of the object."""

    interval: int
    at: list[int] = field(default_factory=list)

    def text(self) -> str:
        """Return the points as a text, which `read` reads."""
        return f"{self.interval}:{','.join(map(str, self.at))}"

    @classmethod
    def read(cls, text: str | None) -> Self:
        """Read what `text` wrote; a log from before this release has none."""
        interval, _, at = (text or "").partition(":")
        return cls(int(interval), [int(one) for one in at.split(",")]) if at else cls(FIRST_INTERVAL)

    def before(self, offset: int) -> tuple[int, int]:
        """Return the last point that is not after an offset of the log: as bytes of the log, and of the object."""
        index = min(offset // self.interval, len(self.at))
        return (index * self.interval, self.at[index - 1]) if index else (0, 0)

    def add(self, at: int) -> None:
        """Add the next one."""
        self.at.append(at)
        if len(self.at) > MOST_POINTS:
            self.at = self.at[1::2]
            self.interval *= 2


def compress(chunks: Iterable[bytes], file: IO[bytes]) -> RestartPoints:
    """Write a log's gzip to a file; the same log is the same file, whatever its chunks."""
    points, size = RestartPoints(FIRST_INTERVAL), 0
    # No time in the header, so that the same log is the same object.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as zipped:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                part = view[: points.interval - size % points.interval]
                zipped.write(part)
                view, size = view[len(part) :], size + len(part)
                if size % points.interval == 0:
                    zipped.flush(zlib.Z_FULL_FLUSH)
                    points.add(file.tell())
    return points


def decompressed(chunks: Iterable[bytes], *, from_start: bool) -> Iterator[bytes]:
    """Yield the log from the start of an object, or from one of its points, at most a MiB at a time."""
    inflating = zlib.decompressobj(zlib.MAX_WBITS + 16 if from_start else -zlib.MAX_WBITS)
    for chunk in chunks:
        data = chunk
        while data and not inflating.eof:
            if text := inflating.decompress(data, FIRST_INTERVAL):
                yield text
            data = inflating.unconsumed_tail
