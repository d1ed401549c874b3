"""A log as container runtimes write it and a kubelet gives it: what the tests of reading it on are held to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

PIECE = 16 * 1024


@dataclass
class KubeletLog:
    """The current file: pieces with nanoseconds since 1970, whether a line ends, and what was written."""

    pieces: list[tuple[int, bool, bytes]] = field(default_factory=list)
    text: bytes = b""
    zone: str = "Z"

    def write(self, at: int, content: bytes, *, ends: bool = True) -> None:
        """Write a line, or a part of one, at a time; a runtime cuts long ones."""
        self.text += content + (b"\n" if ends else b"")
        while len(content) > PIECE:
            self.pieces.append((at, False, content[:PIECE]))
            content = content[PIECE:]
        self.pieces.append((at, ends, content))

    def rotate(self) -> None:
        """Begin another file."""
        self.pieces, self.text = [], b""

    def answer(self, since: str | None, limit_bytes: int | None = None, chunk: int = 1000) -> Iterator[bytes]:
        """Yield the lines with their times, as ReadLogs does; a part that continues a line has none."""
        first = int(datetime.fromisoformat(since).timestamp()) * 10**9 if since else 0
        given, begins = bytearray(), True
        for at, ends, content in self.pieces:
            if at >= first:
                given += (self._stamp(at) if begins else b"") + content + (b"\n" if ends else b"")
            begins = ends
        out = bytes(given[:limit_bytes])
        yield from (out[i : i + chunk] for i in range(0, len(out), chunk))

    def _stamp(self, at: int) -> bytes:
        return f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{at % 10**9:09}{self.zone} ".encode()
