"""A text that a look at a log has read and not written as a part: the next pulse's message carries it."""

import binascii
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

# Larger texts are compressed faster: their command may print fast, and wait to be read.
LARGE: Final = 64 * 1024
FAST, BEST = 1, 9
# More than a look leaves unwritten. A message is no place for a text that grows without end as it is read.
MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class CarriedText:
    """A text of a run's log.

    Attributes:
        run_id: the run.
        place: where the text ends in its Pod's log, as `LogPlace.text` writes it.
        read_at: when it was read.
        content: the text, compressed.
    """

    run_id: str
    place: str
    read_at: datetime
    content: bytes

    @classmethod
    def of(cls, run_id: str, place: str, read_at: datetime, text: bytes) -> "CarriedText":
        """Compress a text."""
        content = zlib.compress(text, FAST if len(text) > LARGE else BEST)
        return cls(run_id, place, read_at.astimezone(UTC), content)

    @property
    def text(self) -> bytes:
        """The text."""
        return zlib.decompress(self.content)

    @property
    def size(self) -> int:
        """How many bytes it adds to a message, at most."""
        return len(self.content) * 4 // 3 + 4 + len(self.place) * 2 + len(self.run_id) + 60

    @property
    def as_json(self) -> list[str]:
        """It, as a message has it."""
        return [self.run_id, self.place, self.read_at.isoformat(), b64encode(self.content).decode("ascii")]

    @classmethod
    def of_json(cls, said: Any) -> "CarriedText":
        """Read what `as_json` wrote; raises ValueError or TypeError for anything else."""
        if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
            raise TypeError("a carried text is a list of texts")
        run_id, place, read_at, content = said
        try:
            found = cls(run_id, place, datetime.fromisoformat(read_at).astimezone(UTC), b64decode(content))
            reading = zlib.decompressobj()
            reading.decompress(found.content, MOST_BYTES)
        except (binascii.Error, zlib.error) as error:
            raise ValueError("a carried text is not what was sent") from error
        if not reading.eof:
            raise ValueError("a carried text is cut off, or too long")
        return found
