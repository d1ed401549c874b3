"""Carries bytes in the header of a gzip stream; programs that decompress the stream skip them.

RFC 1952, section 2.3.1.1: a header may have an extra field of up to 64 KiB, which consists of named subfields. zlib,
browsers and `gzip` skip it. They do not all skip a second member, or bytes after the stream.
"""

import struct
from typing import Final

# The first ten bytes; the fourth says what follows them.
_HEADER: Final = struct.Struct("<4s6s")
_WITHOUT, _WITH = b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x04"
# The length of the field, and then of our subfield: its name and length.
_FIELD: Final = struct.Struct("<H2sH")
_NAME: Final = b"JR"
MOST_CARRIED: Final = 0xFFFF - 4
# The first bytes of an object, which contain everything that its header may carry.
HEAD_BYTES: Final = _HEADER.size + _FIELD.size + MOST_CARRIED


def fits(content: bytes) -> bool:
    """Return whether a header has room for it."""
    return len(content) <= MOST_CARRIED


def carrying(stream: bytes, content: bytes) -> bytes:
    """Return a gzip stream with content in its header; the stream must have the plain header that Python writes."""
    magic, rest = _HEADER.unpack_from(stream)
    if magic != _WITHOUT:
        raise ValueError("the stream's header has fields already")
    field = _FIELD.pack(len(content) + 4, _NAME, len(content))
    return b"".join((_HEADER.pack(_WITH, rest), field, content, stream[_HEADER.size :]))


def carried_by(head: bytes) -> bytes | None:
    """Return what the header of a stream carries, given its first `HEAD_BYTES`; None if that is nothing of ours."""
    begin = _HEADER.size + _FIELD.size
    if len(head) < begin or not head.startswith(_WITH):
        return None
    whole, name, length = _FIELD.unpack_from(head, _HEADER.size)
    if name != _NAME or whole != length + 4 or len(head) < begin + length:
        return None
    return head[begin : begin + length]
