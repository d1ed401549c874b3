"""A part of a run's log that was collected while the run went on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

# How many of a log's files are known by name, where a follower may have stopped.
MOST_FILES: Final = 64


@dataclass(frozen=True)
class LogPart:
    """A part, and what is known of the log with it: the last part says where to read on.

    Attributes:
        offset: how many bytes the parts before it have.
        size: its own bytes.
        place: where the reading of the Pod's log ended with it, as `LogPlace.text` writes it.
        files: the files of the kubelet that the parts come from, and at which offset each begins; the newest ones.
        file_bytes: how large the file of `place` is on the node up to there, about.
        gaps: how many parts, with this one, say that something before them may be lost.
        followed_until: until when its writer follows the log, because the kubelet may begin another file soon; None if
            nobody does.
        written_at: when it was collected.
        content: it, compressed; None where it is the object `key`.
        key: where it is in the bucket.
    """

    offset: int
    size: int
    place: str
    files: tuple[tuple[str, int], ...]
    file_bytes: int
    gaps: int
    written_at: datetime
    followed_until: datetime | None = None
    content: bytes | None = None
    key: str | None = None

    @property
    def end(self) -> int:
        """Where the next part begins."""
        return self.offset + self.size

    def start_of(self, log: str) -> int | None:
        """Return the offset at which a file of the kubelet begins; None where it is not known."""
        return dict(self.files).get(log)
