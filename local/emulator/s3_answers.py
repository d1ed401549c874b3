"""The answers of S3: headers that are kept with an object, ranges, lists and errors in XML."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO
from xml.sax.saxutils import escape

from local.emulator.errors import AwsError
from local.emulator.s3_bodies import _OWN_ENCODING

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_KEPT_HEADERS = ("content-type", "content-encoding", "content-disposition", "cache-control", "content-language")


@dataclass
class Answer:
    """An answer: `content` in memory, or `size` bytes of a file from its current position."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | IO[bytes] = b""
    size: int | None = None


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an upload that its answers have too."""
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    own = [
        each.strip() for each in kept.pop("content-encoding", "").split(",") if each.strip() not in {"", _OWN_ENCODING}
    ]
    if own:
        kept["content-encoding"] = ",".join(own)
    return {**kept, **{name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}}


def range_of(wanted: str | None, size: int) -> tuple[int, int]:
    """Return the first and the last byte of an answer, as `bytes=0-99`, `bytes=100-` or `bytes=-100` says."""
    if wanted is None:
        return 0, size - 1
    first, dash, last = wanted.removeprefix("bytes=").partition("-")
    refused = AwsError("InvalidRange", "The requested range is not satisfiable", 416)
    if not dash or not (first or last) or not (first + last).isdecimal():
        raise refused
    begin, end = (int(first), min(int(last or size - 1), size - 1)) if first else (max(0, size - int(last)), size - 1)
    if begin > end:
        raise refused
    return begin, end


def listed_object(key: str, size: int, etag: str, modified: float) -> str:
    """Return an object as a list has it."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(modified))
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{at}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def xml_answer(name: str, content: str) -> Answer:
    """Return a document of this name."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} {_NAMESPACE}>{content}</{name}>'
    return Answer(200, {"content-type": "application/xml"}, text.encode())


def refusal(error: AwsError) -> Answer:
    """Return S3's XML answer for an error."""
    more = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.more.items())
    text = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{more}</Error>"
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Answer(error.status, {"content-type": "application/xml"}, content)
