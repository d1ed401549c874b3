"""Stores the logs of ended runs in S3, compressed; the end of a long log is a second object.

Logs are stored byte for byte, whatever their encoding. Only the modules of this package know S3.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from tempfile import SpooledTemporaryFile
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jobs_api.aws.clients import ClientError, client
from jobs_api.errors import JobsApiError, NotFound
from jobs_api.logs import gzip_extra
from jobs_api.logs.restart_points import compress
from jobs_api.model.answer_size import end_that_fits
from jobs_api.model.document import Absent, Document
from jobs_api.model.run import Run, StoredLog

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# How much of a log an answer contains; less if the log grows too much as JSON: see `answer_size`.
INLINE_BYTES: Final = 1024 * 1024
# Compressed bytes that stay in memory before they go to a file.
SPOOLED_BYTES: Final = 1024 * 1024
LINK_SECONDS: Final = 15 * 60
# The end of a character that was cut: up to three bytes 10xxxxxx.
CONTINUATION: Final = bytes(range(0x80, 0xC0))
LOST: Final = b"[jobs-api] The pod was gone before its log could be read.\n"
TEXT: Final = "text/plain; charset=utf-8"
# The object's metadata: the log's size before compression.
SIZE: Final = "size-bytes"
# The name of the log, in the form of `pod_logs.noted`, and the points from which it can be read.
BEGINS: Final = "begins"
POINTS: Final = "restart-points"
# The files from which the log was assembled. An object's metadata may have 2 KB, and a Pod's name 63 letters.
FILES: Final = "files"
MOST_FILES_TOLD: Final = 9
ENDS_EARLY: Final = ".cut"


class PurgeRefused(JobsApiError):
    """S3 did not remove all objects."""


class RunLogs(Document):
    """The stored log of an ended run. If it is `truncated`, `logs` is its end, and `download_url` leads to all of it.

    A log over 1 MiB is truncated, and a shorter one of mostly control characters, which take seven bytes each in an
    answer. So is a log of which a part was lost: `message` says why, or why there is no log at all.
    """

    run_id: str
    job_name: str
    logs: str
    size_bytes: int
    truncated: bool
    download_url: Absent[str] = None
    message: Absent[str] = None


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


def store_log(
    run: Run,
    chunks: Iterable[bytes],
    results: Callable[[], bytes | None] = lambda: None,
    *,
    begins: str | None = None,
    files: Iterable[tuple[str, int]] = (),
    cut_off: bool = False,
) -> tuple[StoredLog, LogEnd]:
    """Store a run's log as a stream, so that memory stays small; return where it is, and its end.

    Storing it again replaces it. Raises what S3 raises, and what `chunks` does.

    Args:
        run: the run.
        chunks: the log.
        results: what the log says of each node, gzipped, or None; called after the last chunk. The log's own object
            carries it where it can, so that most runs cost one PUT; otherwise an object that is stored before the log.
        begins: which log it is: the Pod's name and the time of the first line, so that its followers find their place.
        files: the same of each file of the kubelet that it was put together from, and at which byte each begins.
        cut_off: whether its Pod was gone before its end could be read. Such a log has a key of its own, because of two
            passes at once, one may have read the whole log just before.
    """
    end = LogEnd()
    with SpooledTemporaryFile(SPOOLED_BYTES) as file:
        points = compress(end.seen(chunks), file)
        file.seek(0)
        stored, more = _stored(run, end.size, ENDS_EARLY if cut_off else ""), results()
        content: Any = file
        # Bytes in front would move the points from which the log can be read.
        if more and gzip_extra.fits(more) and not points.at:
            content = gzip_extra.carrying(file.read(), more)
        elif more:
            put_object(results_key(run), more)
        # The log itself is written last: if it exists, so do its end and its results.
        if stored.tail_key:
            put_object(stored.tail_key, gzip.compress(end.content, mtime=0), {SIZE: str(len(end.content))})
        told = (
            {SIZE: str(end.size)}
            | ({BEGINS: begins} if begins else {})
            | ({POINTS: points.text()} if points.at else {})
            | _files(files)
        )
        put_object(stored.key, content, told)
    return stored, end


def results_key(run: Run) -> str:
    """Return the key of the object that has the results of a run whose log's object does not carry them."""
    return f"{prefix_of(run)}.results.gz"


def what_is_left(run: Run) -> StoredLog:
    """Return the log of a run whose Pod is gone: the one that an interrupted pass stored, else a line that it is lost.

    The line has another key, because of two passes at once, one may have read the log just before the Pod was deleted.
    """
    if found := find(run):
        return found
    key = key_of_lost(run)
    put_object(key, gzip.compress(LOST, mtime=0), {SIZE: str(len(LOST))})
    return StoredLog(key=key, size_bytes=len(LOST))


def key_of_lost(run: Run) -> str:
    """Return the key of the line that a run's log is lost."""
    return f"{prefix_of(run)}.lost.gz"


def read_log_end(log: StoredLog) -> str:
    """Return a stored log's last MiB, which is usually all of it; raises NotFound if it was removed."""
    bucket, key = os.environ["LOGS_BUCKET"], log.tail_key or log.key
    try:
        stored = bucket_client().get_object(Bucket=bucket, Key=key)["Body"].read()
    except bucket_client().exceptions.NoSuchKey as error:
        raise NotFound("The log of this run is no longer kept, only the run itself") from error
    return decoded(gzip.decompress(stored), cut=log.size_bytes > INLINE_BYTES)


def link(log: StoredLog, file_name: str) -> str:
    """Return a link to a whole log, valid for a quarter of an hour, which a browser opens without a token."""
    return bucket_client().generate_presigned_url(
        "get_object",
        Params={
            "Bucket": os.environ["LOGS_BUCKET"],
            "Key": log.key,
            "ResponseContentType": TEXT,
            "ResponseContentEncoding": "gzip",
            "ResponseContentDisposition": f'inline; filename="{file_name}"',
        },
        ExpiresIn=LINK_SECONDS,
    )


def purge(organization_id: str) -> int:
    """Remove every log and artifact of an organization; return how many. Only operators do this; functions may not."""
    purged = 0
    bucket = os.environ["LOGS_BUCKET"]
    list_objects = bucket_client().get_paginator("list_objects_v2")
    prefixes = (f"{kind}/{organization_id}/" for kind in ("logs", "parts", "artifacts", "downloads"))
    for page in chain.from_iterable(list_objects.paginate(Bucket=bucket, Prefix=prefix) for prefix in prefixes):
        keys = [found["Key"] for found in page.get("Contents", [])]
        if not keys:
            continue
        answer = bucket_client().delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        if answer.get("Errors"):
            raise PurgeRefused(f"S3 left {len(answer['Errors'])} of {len(keys)} objects: {answer['Errors'][0]}")
        purged += len(keys)
    return purged


def of_run(run: Run) -> RunLogs:
    """Return the logs of an ended run; a run that never started has none."""
    if run.log is None:
        return RunLogs(
            run_id=run.id, job_name=run.job_name, logs="", size_bytes=0, truncated=False, message=run.log_note
        )
    end = read_log_end(run.log)
    inline = end_that_fits(end)
    longer = run.log.size_bytes > INLINE_BYTES or len(inline) < len(end)
    return RunLogs(
        run_id=run.id,
        job_name=run.job_name,
        logs=inline,
        size_bytes=run.log.size_bytes,
        truncated=longer or run.log_note is not None,
        download_url=link(run.log, f"{run.job_name}.log") if longer else None,
        message=run.log_note,
    )


def last_lines(text: str, count: int) -> str:
    """Return a text's last lines, as `tail -n` does."""
    lines = text.removesuffix("\n").rsplit("\n", count)[-count:]
    return "\n".join(lines) + ("\n" if text.endswith("\n") else "")


def prefix_of(run: Run) -> str:
    """Return how the keys of all objects of a run begin."""
    return f"logs/{run.organization_id}/{run.project_id}/{run.id}"


def _stored(run: Run, size_bytes: int, kind: str = "") -> StoredLog:
    """Return where a run's log is, given its size; a log that is too large for an answer has a second object."""
    tail_key = f"{prefix_of(run)}{kind}.tail.gz" if size_bytes > INLINE_BYTES else None
    return StoredLog(key=f"{prefix_of(run)}{kind}.log.gz", size_bytes=size_bytes, tail_key=tail_key)


def _files(files: Iterable[tuple[str, int]]) -> dict[str, str]:
    """Return the metadata of the files that a log was put together from, the newest of them where there are many."""
    text = json.dumps(list(files)[-MOST_FILES_TOLD:], separators=(",", ":"))
    return {FILES: text} if text != "[]" else {}


def find(run: Run) -> StoredLog | None:
    """Look in the bucket for a run's log; return where it is, None if it was never stored."""
    try:
        told = bucket_client().head_object(Bucket=os.environ["LOGS_BUCKET"], Key=f"{prefix_of(run)}.log.gz")
    except ClientError as error:
        # The answer to HEAD has no body that would name the error.
        if error.response["Error"]["Code"] != "404":
            raise
        return None
    size = told["Metadata"].get(SIZE)
    return _stored(run, int(size)) if size else None


def put_object(key: str, content: Any, metadata: Mapping[str, str] = MappingProxyType({})) -> None:
    """Store compressed text."""
    bucket_client().put_object(
        Bucket=os.environ["LOGS_BUCKET"],
        Key=key,
        Body=content,
        ContentType=TEXT,
        ContentEncoding="gzip",
        Metadata=dict(metadata),
    )


def bucket_client() -> "S3Client":
    """Return the client of S3."""
    return client("s3")
