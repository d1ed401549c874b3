"""The end of a log, as much of it as an answer has, in whole characters and lines."""

from collections.abc import Iterable, Iterator
from typing import Final

# How much of a log an answer contains; less if the log grows too much as JSON: see `answer_size`.
INLINE_BYTES: Final = 1024 * 1024
# The end of a character that was cut: up to three bytes 10xxxxxx.
CONTINUATION: Final = bytes(range(0x80, 0xC0))


class LogEnd:
    """Keeps the last bytes of a stream."""

    def __init__(self, limit: int = INLINE_BYTES) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        self._kept += chunk
        # Shortened only sometimes, because that copies the kept bytes.
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def seen(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a stream unchanged, and keep its end."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk

    @property
    def content(self) -> bytes:
        """Return the last bytes, up to the limit."""
        return bytes(self._kept[-self._limit :])

    def last(self, count: int) -> str:
        """Return the last bytes as text, at most `count` and the limit."""
        count = min(count, self._limit)
        return decoded(bytes(self._kept[-count:]), cut=self.size > count)


def decoded(content: bytes, *, cut: bool) -> str:
    """Read a log as text: invalid UTF-8 is replaced; the rest of a character that was cut is omitted."""
    if cut:
        content = content[:3].lstrip(CONTINUATION) + content[3:]
    return content.decode("utf-8", "replace")


def last_lines(text: str, count: int) -> str:
    """Return a text's last lines, as `tail -n` does."""
    lines = text.removesuffix("\n").rsplit("\n", count)[-count:]
    return "\n".join(lines) + ("\n" if text.endswith("\n") else "")
