"""Where the logs of ended runs are kept: S3, compressed, and the end of a long one once more by itself.

Bytes are kept as they were written, whatever their encoding. The only module that knows S3.
"""

import gzip
import os
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final

from jobs_api.aws.clients import ClientError, client
from jobs_api.errors import JobsApiError, NotFound
from jobs_api.model.answer_size import end_that_fits
from jobs_api.model.document import Absent, Document
from jobs_api.model.run import Run, StoredLog

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What an answer holds of a log, or less of one that grows too much as JSON: see `answer_size`.
INLINE_BYTES: Final = 1024 * 1024
# Compressed bytes that stay in memory before they go to a file.
SPOOLED_BYTES: Final = 1024 * 1024
LINK_SECONDS: Final = 15 * 60
# What may be left of a character that was cut: up to three bytes 10xxxxxx.
CONTINUATION: Final = bytes(range(0x80, 0xC0))
LOST: Final = b"[jobs-api] The pod was gone before its log could be read.\n"
TEXT: Final = "text/plain; charset=utf-8"
# What an object says of itself: the log's size before compression.
SIZE: Final = "size-bytes"


class PurgeRefused(JobsApiError):
    """S3 removed not all that it was asked to."""


class RunLogs(Document):
    """The stored log of a run that has ended. Of a `truncated` one `logs` is the end, and `download_url` gives it all.

    That is one over 1 MiB, and a shorter one of mostly control bytes, each of which takes seven bytes of an answer. One
    of which a part was never to be had is `truncated` too: `message` says why, or why there is none at all.
    """

    run_id: str
    job_name: str
    logs: str
    size_bytes: int
    truncated: bool
    download_url: Absent[str] = None
    message: Absent[str] = None


class LogEnd:
    """Keeps the last bytes of what passes through it."""

    def __init__(self, limit: int = INLINE_BYTES) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        self._kept += chunk
        # Cut only now and then: each cut copies what is kept.
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    @property
    def content(self) -> bytes:
        """Return the last bytes, up to the limit."""
        return bytes(self._kept[-self._limit :])

    def last(self, count: int) -> str:
        """Return the last bytes as text, at most `count` and the limit."""
        count = min(count, self._limit)
        return decoded(bytes(self._kept[-count:]), cut=self.size > count)


def decoded(content: bytes, *, cut: bool) -> str:
    """Read a log as text: what is not UTF-8 is replaced; after a cut the rest of a character is left out."""
    if cut:
        content = content[:3].lstrip(CONTINUATION) + content[3:]
    return content.decode("utf-8", "replace")


def store_log(run: Run, chunks: Iterable[bytes]) -> tuple[StoredLog, LogEnd]:
    """Store a run's log, never holding all of it in memory; return where it is, and its end.

    Storing it again replaces it. Raises what S3 raises, and what `chunks` does.
    """
    end = LogEnd()
    with SpooledTemporaryFile(SPOOLED_BYTES) as file:
        _compress(chunks, end, file)
        stored = _stored(run, end.size)
        # The log itself comes last: where that is, its end is too.
        if stored.tail_key:
            _put_object(stored.tail_key, gzip.compress(end.content, mtime=0), len(end.content))
        _put_object(stored.key, file, end.size)
    return stored, end


def what_is_left(run: Run) -> StoredLog:
    """Return the log of a run whose pod is gone: what a pass stored before it was cut off, else a line that it is lost.

    The line has a key of its own: of two passes at once, one may have read the log just before it went.
    """
    if found := find(run):
        return found
    key = f"{_prefix(run)}.lost.gz"
    _put_object(key, gzip.compress(LOST, mtime=0), len(LOST))
    return StoredLog(key=key, size_bytes=len(LOST))


def read_log_end(log: StoredLog) -> str:
    """Return a stored log's last MiB, which is mostly all of it; raises NotFound where it was removed."""
    bucket, key = os.environ["LOGS_BUCKET"], log.tail_key or log.key
    try:
        stored = _client().get_object(Bucket=bucket, Key=key)["Body"].read()
    except _client().exceptions.NoSuchKey as error:
        raise NotFound("The log of this run is no longer kept, only the run itself") from error
    return decoded(gzip.decompress(stored), cut=log.size_bytes > INLINE_BYTES)


def link(log: StoredLog, file_name: str) -> str:
    """Return a link to all of a log that opens in a browser, without a token, for a quarter of an hour."""
    return _client().generate_presigned_url(
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
    """Remove every log of an organization; return how many objects that were. Operators do this, no function may."""
    purged = 0
    bucket = os.environ["LOGS_BUCKET"]
    pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"logs/{organization_id}/")
    for page in pages:
        keys = [found["Key"] for found in page.get("Contents", [])]
        if not keys:
            continue
        answer = _client().delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        if answer.get("Errors"):
            raise PurgeRefused(f"S3 left {len(answer['Errors'])} of {len(keys)} logs: {answer['Errors'][0]}")
        purged += len(keys)
    return purged


def of_run(run: Run) -> RunLogs:
    """Return the logs of a run that has ended; one that never started has none."""
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


def _prefix(run: Run) -> str:
    return f"logs/{run.organization_id}/{run.project_id}/{run.id}"


def _stored(run: Run, size_bytes: int) -> StoredLog:
    """Return where a run's log is, given its size; one that an answer cannot hold has its end beside it."""
    tail_key = f"{_prefix(run)}.tail.gz" if size_bytes > INLINE_BYTES else None
    return StoredLog(key=f"{_prefix(run)}.log.gz", size_bytes=size_bytes, tail_key=tail_key)


def find(run: Run) -> StoredLog | None:
    """Return where a run's log is, by asking the bucket; None where it was never stored."""
    try:
        told = _client().head_object(Bucket=os.environ["LOGS_BUCKET"], Key=f"{_prefix(run)}.log.gz")
    except ClientError as error:
        # An answer to HEAD has no body to give the error its name.
        if error.response["Error"]["Code"] != "404":
            raise
        return None
    size = told["Metadata"].get(SIZE)
    return _stored(run, int(size)) if size else None


def _compress(chunks: Iterable[bytes], end: LogEnd, file: IO[bytes]) -> None:
    # Without a time in it, the same log is the same object.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as zipped:
        for chunk in chunks:
            zipped.write(chunk)
            end.add(chunk)
    file.seek(0)


def _put_object(key: str, content: Any, size_bytes: int) -> None:
    _client().put_object(
        Bucket=os.environ["LOGS_BUCKET"],
        Key=key,
        Body=content,
        ContentType=TEXT,
        ContentEncoding="gzip",
        Metadata={SIZE: str(size_bytes)},
    )


def _client() -> "S3Client":
    return client("s3")
