"""Reads a stored log from where its reader has ended."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from jobs_api.aws.clients import ClientError
from jobs_api.errors import NotFound
from jobs_api.logs.archive import BEGINS, FILES, POINTS, SIZE
from jobs_api.logs.log_bucket import bucket_client
from jobs_api.logs.restart_points import RestartPoints, decompressed
from jobs_api.model.run import StoredLog

READ_BYTES: Final = 64 * 1024
GONE: Final = frozenset({"404", "NoSuchKey"})


def stored_file(log: StoredLog) -> "StoredFile":
    """Return a stored log to be read; raises NotFound if it was removed. One HeadObject."""
    try:
        told = bucket_client().head_object(Bucket=os.environ["LOGS_BUCKET"], Key=log.key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        raise NotFound("The log of this run is no longer kept, only the run itself") from error
    metadata = told["Metadata"]
    size = int(metadata.get(SIZE) or log.size_bytes)
    files = {str(name): int(start) for name, start in json.loads(metadata.get(FILES) or "[]")}
    return StoredFile(log.key, metadata.get(BEGINS), size, RestartPoints.read(metadata.get(POINTS)), files)


@dataclass(frozen=True)
class StoredFile:
    """A stored log: its key, which log it is (None where an earlier release stored it), and its size uncompressed.

    One that was collected while its run went on has the files that it was put together from, with where each begins.
    """

    key: str
    begins: str | None
    size: int
    points: RestartPoints
    files: Mapping[str, int] = field(default_factory=dict)

    def read(self, offset: int, limit: int) -> bytes:
        """Return a part; raises NotFound if it was removed. One GetObject, which reads some MiB at most."""
        begin, at = self.points.before(offset)
        found = bytearray()
        for text in self._from(begin, at):
            found += text[max(0, offset - begin) :]
            begin += len(text)
            if len(found) >= limit:
                break
        return bytes(found[:limit])

    def _from(self, begin: int, at: int) -> Iterator[bytes]:
        where: dict[str, Any] = {"Range": f"bytes={at}-"} if at else {}
        try:
            body = bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=self.key, **where)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            raise NotFound("The log of this run is no longer kept, only the run itself") from error
        with closing(body):
            yield from decompressed(body.iter_chunks(READ_BYTES), from_start=begin == 0)
