"""S3 with its objects in files: answers requests by their method, path and query.

A write first writes the object's content to a new file and then the file's name to the database, so that an object is
complete or does not exist. An interrupted write leaves a file that no object names; `sweep` removes it.
"""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from types import MappingProxyType
from typing import IO, Protocol
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from local import private_files
from local.emulator.database import Database, disk_full
from local.emulator.errors import AwsError, store_trouble

_PIECE = 256 * 1024
_PAGE = 1000
_KEY_BYTES = 1024
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_KEPT_HEADERS = ("content-type", "content-encoding", "content-disposition", "cache-control", "content-language")
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


@dataclass
class Answer:
    """An answer: `content` in memory, or `size` bytes of a file from its current position."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | IO[bytes] = b""
    size: int | None = None


class S3:
    """The buckets of a database, with the files beside it."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        """Start without buckets."""
        self._database = database
        self._clock = clock
        self._folder = private_files.folder(database.folder / "objects")
        self._buckets: dict[str, Mapping[str, float]] = {}

    def install(self, name: str, keep_days: Mapping[str, float] = MappingProxyType({})) -> None:
        """Create a bucket, or keep its objects if it exists; objects whose keys begin so expire after so many days."""
        self._buckets[name] = keep_days

    def __call__(self, asked: Asked) -> Answer:  # noqa: PLR0911 - an answer for each kind
        """Answer a REST request; raises AwsError where S3 would refuse it."""
        if not asked.bucket and asked.method == "GET":
            names = "".join(f"<Bucket><Name>{escape(name)}</Name></Bucket>" for name in sorted(self._buckets))
            return _xml("ListAllMyBucketsResult", f"<Buckets>{names}</Buckets>")
        if asked.bucket not in self._buckets:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
        match asked.method, bool(asked.key):
            case "PUT", True if not {"partNumber", "uploadId"} & asked.query.keys():
                return self._put(asked)
            case (("GET" | "HEAD"), True):
                return self._get(asked)
            case "DELETE", True:
                self._remove(asked.bucket, [asked.key])
                return Answer(204)
            case "POST", False if "delete" in asked.query:
                return self._delete_many(asked)
            case "GET", False:
                return self._list(asked)
            case "HEAD", False:
                return Answer()
        raise AwsError(
            "NotImplemented", f"{asked.method} with {sorted(asked.query)} is not known to the laptop's S3", 501
        )

    def sweep(self, older_than: float = 3600) -> None:
        """Remove expired objects, and files without an object that are older than some seconds."""
        for bucket, rules in self._buckets.items():
            for prefix, days in rules.items():
                with self._database.reading() as connection:
                    old = "SELECT key FROM objects WHERE bucket = ? AND modified_at < ? AND substr(key, 1, ?) = ?"
                    until = self._clock() - days * 86_400
                    found = connection.execute(old, (bucket, until, len(prefix), prefix))
                    keys = [key for (key,) in found]
                self._remove(bucket, keys)
        for entry in os.scandir(self._folder):
            if entry.stat().st_mtime < time.time() - older_than and not self._is_named(entry.name):
                Path(entry.path).unlink(missing_ok=True)

    def _is_named(self, file: str) -> bool:
        with self._database.reading() as connection:
            return connection.execute("SELECT 1 FROM objects WHERE file = ?", (file,)).fetchone() is not None

    def _put(self, asked: Asked) -> Answer:
        if len(asked.key.encode()) > _KEY_BYTES:
            raise AwsError("KeyTooLongError", "Your key is too long")
        with self._database.reading() as connection:
            found = "SELECT file, etag FROM objects WHERE bucket = ? AND key = ?"
            before = connection.execute(found, (asked.bucket, asked.key)).fetchone()
        if before and asked.headers.get("if-none-match") == "*":
            raise AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        file = self._folder / uuid.uuid4().hex
        try:
            size, etag = _write(file, asked)
            row = (asked.bucket, asked.key, file.name, size, etag, json.dumps(_kept(asked.headers)), self._clock())
            with self._database.writing() as connection:
                connection.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        if before:
            (self._folder / before[0]).unlink(missing_ok=True)
        return Answer(headers={"etag": f'"{etag}"'})

    def _get(self, asked: Asked) -> Answer:
        statement = "SELECT file, size, etag, headers, modified_at FROM objects WHERE bucket = ? AND key = ?"
        with self._database.reading() as connection:
            row = connection.execute(statement, (asked.bucket, asked.key)).fetchone()
        if row is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404, Key=asked.key)
        file, size, etag, kept, modified = row
        wished = {
            name.removeprefix("response-"): value for name, value in asked.query.items() if name.startswith("response-")
        }
        headers = {
            **json.loads(kept),
            **wished,
            "etag": f'"{etag}"',
            "last-modified": formatdate(modified, usegmt=True),
            "accept-ranges": "bytes",
        }
        if asked.method == "HEAD":
            return Answer(200, {**headers, "content-length": str(size)}, size=size)
        return self._content(file, size, headers, asked.headers.get("range"))

    def _content(self, name: str, size: int, headers: dict[str, str], wanted: str | None) -> Answer:
        first, last = _range(wanted, size)
        try:
            file = (self._folder / name).open("rb")  # - closed after the answer
        except FileNotFoundError as error:
            reason = f"The file {name} of an object is missing in {self._folder}"
            raise store_trouble("DamagedData", reason, 500) from error
        file.seek(first)
        length = last - first + 1
        headers["content-length"] = str(length)
        if wanted is None:
            return Answer(200, headers, file, length)
        return Answer(206, {**headers, "content-range": f"bytes {first}-{last}/{size}"}, file, length)

    def _delete_many(self, asked: Asked) -> Answer:
        document = ET.fromstring(b"".join(_pieces(asked)))  # noqa: S314 - from a program that has the access key
        keys = [found.text or "" for found in document.iter() if found.tag.rpartition("}")[2] == "Key"]
        if len(keys) > _PAGE:
            raise AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate")
        self._remove(asked.bucket, keys)
        quiet = any(found.tag.rpartition("}")[2] == "Quiet" and found.text == "true" for found in document)
        return _xml(
            "DeleteResult", "" if quiet else "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        )

    def _remove(self, bucket: str, keys: list[str]) -> None:
        files = []
        with self._database.writing() as connection:
            for key in keys:
                gone = "DELETE FROM objects WHERE bucket = ? AND key = ? RETURNING file"
                files += [file for (file,) in connection.execute(gone, (bucket, key)).fetchall()]
        for file in files:
            (self._folder / file).unlink(missing_ok=True)

    def _list(self, asked: Asked) -> Answer:
        query = asked.query
        if query.get("delimiter"):
            raise AwsError("NotImplemented", "Lists with a delimiter are not known to the laptop's S3", 501)
        prefix, limit = query.get("prefix", ""), min(_PAGE, int(query.get("max-keys") or _PAGE))
        after = query.get("continuation-token") or query.get("start-after") or query.get("marker") or ""
        statement = (
            "SELECT key, size, etag, modified_at FROM objects"
            " WHERE bucket = ? AND key > ? AND key >= ? AND substr(key, 1, ?) = ? ORDER BY key LIMIT ?"
        )
        with self._database.reading() as connection:
            values = (asked.bucket, after, prefix, len(prefix), prefix, limit + 1)
            rows = connection.execute(statement, values).fetchall()
        shown, more = rows[:limit], len(rows) > limit
        encoded = query.get("encoding-type") == "url"
        told = [f"<Name>{escape(asked.bucket)}</Name><KeyCount>{len(shown)}</KeyCount><MaxKeys>{limit}</MaxKeys>"]
        told.append("<EncodingType>url</EncodingType>" if encoded else "")
        told.append(f"<IsTruncated>{str(more).lower()}</IsTruncated>")
        if more:
            told.append(f"<NextContinuationToken>{escape(shown[-1][0])}</NextContinuationToken>")
        told += [_listed(quote(key, safe="/") if encoded else key, *about) for key, *about in shown]
        return _xml("ListBucketResult", "".join(told))


def _write(path: Path, asked: Asked) -> tuple[int, str]:
    """Write the content to a new file; returns its size and the ETag. Raises AwsError where the disk is full."""
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "xb", opener=private_files.opener) as file:
            for piece in _pieces(asked):
                size += len(piece)
                digest.update(piece)
                file.write(piece)
    except OSError as error:
        raise disk_full(path.parent, error) from error
    return size, digest.hexdigest()


def _pieces(asked: Asked) -> Iterator[bytes]:
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
        left = size
        while left:
            piece = content.read(min(left, _PIECE))
            if not piece:
                raise AwsError("IncompleteBody", "The content ended in the middle of a chunk")
            left -= len(piece)
            yield piece
        _line(content)


def _line(content: Readable) -> bytes:
    line = bytearray()
    while byte := content.read(1):
        line += byte
        if line.endswith(b"\r\n"):
            break
        if len(line) > _KEY_BYTES:
            raise AwsError("InvalidRequest", "A chunk's first line is too long")
    return bytes(line[:-2])


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    own = [
        each.strip() for each in kept.pop("content-encoding", "").split(",") if each.strip() not in {"", _OWN_ENCODING}
    ]
    if own:
        kept["content-encoding"] = ",".join(own)
    return {**kept, **{name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}}


def _range(wanted: str | None, size: int) -> tuple[int, int]:
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


def _listed(key: str, size: int, etag: str, modified: float) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(modified))
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{at}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def _xml(name: str, content: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} {_NAMESPACE}>{content}</{name}>'
    return Answer(200, {"content-type": "application/xml"}, text.encode())


def refusal(error: AwsError) -> Answer:
    """Return S3's XML answer for an error."""
    more = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.more.items())
    text = f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{more}</Error>"
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Answer(error.status, {"content-type": "application/xml"}, content)
