"""Decides when a log is read, written and followed. Facts in, decisions out.

A kubelet checks every 10 seconds whether the file of a log has more than 10 MiB; then it begins another file, and
serves only that one. So nothing can be lost while the file is smaller than that. Where it may become larger before the
next read, the log is followed instead: a stream has the last line of a file and then the first one of the next (since
Kubernetes 1.29, and where the kubelet has sent a file to its end before it begins another).
https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# containerLogMaxSize, unless a cluster's operators have set it.
ROTATED_AT: Final = 10 * 1024 * 1024
# The bytes that a container runtime writes before each line: its time, the stream, and whether the line ends.
LINE_OVERHEAD: Final = 46
# A run that ends within this time is stored once, at its end: most runs are short, and each part costs a write.
FIRST_AFTER: Final = timedelta(seconds=60)
# After that, new lines are written this often.
WRITTEN_EVERY: Final = timedelta(seconds=30)
# New text of this size is written at once.
PART_BYTES: Final = 256 * 1024
# The greatest size of a part, apart from a few lines.
MOST_PART_BYTES: Final = 2 * 1024 * 1024
# How much of one run's log a pass reads; the rest is read by following, so that the pass is not delayed.
MOST_READ_AT_ONCE: Final = 4 * 1024 * 1024
# The longest time until the next reading: two pulses, of which one is lost, and a pass.
NEXT_LOOK_WITHIN: Final = timedelta(seconds=15)
# A log that grows slowly is read this often. While its run is young it is read in each pass: most runs are short, and
# many begin to print fast after a silent start.
SLOW_EVERY: Final = timedelta(seconds=15)
YOUNG: Final = timedelta(seconds=30)
# For how long a process follows a log, and how long before its end the next one begins. Without a next one it continues
# for as long again.
FOLLOWED_FOR, HANDED_OVER_WITHIN = timedelta(seconds=30), timedelta(seconds=7)
# While a log is followed: how often what was read is written, and how often the kubelet is asked for another file.
FOLLOWED_WRITTEN_EVERY: Final = timedelta(seconds=5)
ASKED_EVERY: Final = timedelta(seconds=2)


@dataclass(frozen=True)
class Growth:
    """How a log grows.

    Attributes:
        file_bytes: the size of its current file on the node.
        grown: by how much it has grown since the last read.
        within: since when that was.
    """

    file_bytes: int
    grown: int
    within: timedelta

    def after(self, time: timedelta) -> float:
        """Return how large the file will be, if the log grows as fast as it did."""
        return self.file_bytes + self.grown * (time / max(self.within, timedelta(seconds=1)))


def is_near_rotation(growth: Growth) -> bool:
    """Return whether the kubelet may begin another file before the next read."""
    return growth.after(NEXT_LOOK_WITHIN) >= ROTATED_AT


def next_read(growth: Growth, age: timedelta) -> timedelta:
    """Return how long the next read of the log of a run of this age may wait; zero where the next pass is to read."""
    is_slow = growth.after(SLOW_EVERY + NEXT_LOOK_WITHIN) < ROTATED_AT / 2
    return SLOW_EVERY if is_slow and age >= YOUNG else timedelta()


def is_written(new_bytes: int, since_start: timedelta, since_part: timedelta | None) -> bool:
    """Return whether the bytes that a read has found are written as a part.

    Args:
        new_bytes: how many bytes are not written yet.
        since_start: the time since the run's start.
        since_part: the time since the last part was written; None without one.
    """
    due = since_start >= FIRST_AFTER if since_part is None else since_part >= WRITTEN_EVERY
    return new_bytes >= PART_BYTES or (new_bytes > 0 and due)


def on_disk(text: bytes) -> int:
    """Return how much a text adds to a file on the node, about."""
    return len(text) + text.count(b"\n") * LINE_OVERHEAD
