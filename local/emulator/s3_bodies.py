"""How the body of an upload is read: whole, in the chunks of AWS's own encoding, and onto the disk."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local import private_files
from local.emulator.database import disk_full
from local.emulator.errors import AwsError

KEY_BYTES = 1024
_PIECE = 256 * 1024
_OWN_ENCODING = "aws-chunked"


class Readable(Protocol):
    """The content of a request."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, and no bytes at the end."""


@dataclass
class Asked:
    """A request; header names are in lower case."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: Readable


def write_body(path: Path, asked: Asked) -> tuple[int, str]:
    """Write the content to a new file; returns its size and the ETag. Raises AwsError where the disk is full."""
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "xb", opener=private_files.opener) as file:
            for piece in pieces_of(asked):
                size += len(piece)
                digest.update(piece)
                file.write(piece)
    except OSError as error:
        raise disk_full(path.parent, error) from error
    return size, digest.hexdigest()


def pieces_of(asked: Asked) -> Iterator[bytes]:
    """Yield the body of a request."""
    chunked = _OWN_ENCODING in asked.headers.get("content-encoding", "") or asked.headers.get(
        "x-amz-content-sha256", ""
    ).startswith("STREAMING-")
    if chunked:
        yield from _chunks(asked.content)
        return
    while piece := asked.content.read(_PIECE):
        yield piece


def _chunks(content: Readable) -> Iterator[bytes]:
    """Read content that is sent in chunks, with a size before each and a checksum at the end.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    while True:
        size = int(_line(content).partition(b";")[0], 16)
        if not size:
            while _line(content):
                pass
            return
        remaining = size
        while remaining:
            piece = content.read(min(remaining, _PIECE))
            if not piece:
                raise AwsError("IncompleteBody", "The content ended in the middle of a chunk")
            remaining -= len(piece)
            yield piece
        _line(content)


def _line(content: Readable) -> bytes:
    line = bytearray()
    while byte := content.read(1):
        line += byte
        if line.endswith(b"\r\n"):
            break
        if len(line) > KEY_BYTES:
            raise AwsError("InvalidRequest", "A chunk's first line is too long")
    return bytes(line[:-2])
