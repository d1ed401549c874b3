"""S3 with its objects in files: answers requests by their method, path and query.

A write first writes the object's content to a new file and then the file's name to the database, so that an object is
complete or does not exist. An interrupted write leaves a file that no object names; `sweep` removes it.
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from email.utils import formatdate
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from local import private_files
from local.emulator.database import Database
from local.emulator.errors import AwsError, store_trouble
from local.emulator.s3_answers import Answer, kept_headers, listed_object, range_of, xml_answer
from local.emulator.s3_bodies import KEY_BYTES, Asked, pieces_of, write_body

_PAGE = 1000


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
            return xml_answer("ListAllMyBucketsResult", f"<Buckets>{names}</Buckets>")
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
        if len(asked.key.encode()) > KEY_BYTES:
            raise AwsError("KeyTooLongError", "Your key is too long")
        with self._database.reading() as connection:
            found = "SELECT file, etag FROM objects WHERE bucket = ? AND key = ?"
            before = connection.execute(found, (asked.bucket, asked.key)).fetchone()
        if before and asked.headers.get("if-none-match") == "*":
            raise AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        file = self._folder / uuid.uuid4().hex
        try:
            size, etag = write_body(file, asked)
            row = (
                asked.bucket,
                asked.key,
                file.name,
                size,
                etag,
                json.dumps(kept_headers(asked.headers)),
                self._clock(),
            )
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
        first, last = range_of(wanted, size)
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
        document = ET.fromstring(b"".join(pieces_of(asked)))  # noqa: S314 - from a program that has the access key
        keys = [found.text or "" for found in document.iter() if found.tag.rpartition("}")[2] == "Key"]
        if len(keys) > _PAGE:
            raise AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate")
        self._remove(asked.bucket, keys)
        quiet = any(found.tag.rpartition("}")[2] == "Quiet" and found.text == "true" for found in document)
        return xml_answer(
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
        told += [listed_object(quote(key, safe="/") if encoded else key, *about) for key, *about in shown]
        return xml_answer("ListBucketResult", "".join(told))
