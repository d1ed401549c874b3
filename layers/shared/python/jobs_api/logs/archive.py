"""Stores the logs of ended runs in S3, compressed; the end of a long log is a second object.

Logs are stored byte for byte, whatever their encoding. Only the modules of this package know S3.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterable
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from jobs_api.aws.clients import ClientError
from jobs_api.errors import NotFound
from jobs_api.logs import gzip_extra
from jobs_api.logs.restart_points import compress
from jobs_api.model.answer_size import end_that_fits
from jobs_api.model.document import Absent, Document
from jobs_api.model.run import Run, StoredLog

if TYPE_CHECKING:
    pass
from jobs_api.logs.log_bucket import TEXT, bucket_client, put_object
from jobs_api.logs.log_end import INLINE_BYTES, LogEnd, decoded

# Compressed bytes that stay in memory before they go to a file.
SPOOLED_BYTES: Final = 1024 * 1024
LINK_SECONDS: Final = 15 * 60
LOST: Final = b"[jobs-api] The pod was gone before its log could be read.\n"
# The object's metadata: the log's size before compression.
SIZE: Final = "size-bytes"
# The name of the log, in the form of `k8s.log_names`, and the points from which it can be read.
BEGINS: Final = "begins"
POINTS: Final = "restart-points"
# The files from which the log was assembled. An object's metadata may have 2 KB, and a Pod's name 63 letters.
FILES: Final = "files"
MOST_FILES_TOLD: Final = 9
ENDS_EARLY: Final = ".cut"


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
