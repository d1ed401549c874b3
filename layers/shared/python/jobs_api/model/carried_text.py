"""A text of a log that was read and is not yet written as a part: the message of the next pulse carries it."""

import binascii
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

# SQS takes 1 MiB, and before August 2025 took 256 KiB; some of it is for the rest of the message and its spare.
# Each 64 KiB are paid for as a request, a hundredth of what the parts of the runs would cost whose text it has.
# https://aws.amazon.com/sqs/pricing/
MOST_CARRIED_BYTES: Final = 224 * 1024
# Larger texts are compressed faster: their command may print fast, and wait to be read.
LARGE: Final = 64 * 1024
FAST, BEST = 1, 9
# More than a look leaves unwritten. A message is no place for a text that grows without end as it is read.
LONGEST_TEXT: Final = 1024 * 1024


def compressed_log(text: bytes) -> bytes:
    """Compress a text of a log; a large one faster and a quarter less."""
    return zlib.compress(text, FAST if len(text) > LARGE else BEST)


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
        return cls(run_id, place, read_at.astimezone(UTC), compressed_log(text))

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
        """The text as a JSON object of a message."""
        return [self.run_id, self.place, self.read_at.isoformat(), b64encode(self.content).decode("ascii")]

    @classmethod
    def of_json(cls, document: Any) -> "CarriedText":
        """Read what `as_json` wrote; raises ValueError or TypeError for anything else."""
        if not isinstance(document, list) or not all(isinstance(one, str) for one in document):
            raise TypeError("a carried text is a list of texts")
        run_id, place, read_at, content = document
        try:
            found = cls(run_id, place, datetime.fromisoformat(read_at).astimezone(UTC), b64decode(content))
            reading = zlib.decompressobj()
            reading.decompress(found.content, LONGEST_TEXT)
        except (binascii.Error, zlib.error) as error:
            raise ValueError("a carried text is not what was sent") from error
        if not reading.eof:
            raise ValueError("a carried text is cut off, or too long")
        return found
