"""The content of a part of a log: compressed, in the part's own item while it is small, and in S3 otherwise.

A write of an item costs by its size, and one of an object by the request: $0.625 and $5 for a million, so eight KiB.
The objects stay until they expire, a little longer than a run can be open: another pass may be reading them.
"""

import os
import zlib
from dataclasses import dataclass
from typing import Final

from jobs_api.aws.clients import ClientError
from jobs_api.errors import NotFound
from jobs_api.logs.log_bucket import TEXT, bucket_client
from jobs_api.logs.stored_pieces import GONE
from jobs_api.model.carried_text import compressed_log
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run

PREFIX: Final = "parts"
IN_ITEM_BYTES: Final = 8 * 1024


@dataclass(frozen=True)
class PartContent:
    """A part's content, or the key of the object that has it."""

    content: bytes | None = None
    key: str | None = None


def store_content(run: Run, offset: int, text: bytes) -> PartContent:
    """Store the text of a part, unless its item may contain it. One PutObject at most.

    The key has the text's checksum: of two writers at an offset, neither replaces what the other has stored.
    """
    content = compressed_log(text)
    if len(content) <= IN_ITEM_BYTES:
        return PartContent(content=content)
    owner = f"{PREFIX}/{run.organization_id}/{run.project_id}/{run.id}"
    key = f"{owner}/{offset:015}-{len(text)}-{zlib.crc32(text):08x}"
    bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, Body=content, ContentType=TEXT)
    return PartContent(key=key)


def read_content(part: LogPart) -> bytes:
    """Return the text of a part; raises NotFound where its object was removed. One GetObject at most."""
    if part.key is None:
        return zlib.decompress(part.content or b"")
    try:
        stored = bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=part.key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        raise NotFound("This part of the log is no longer kept") from error
    return zlib.decompress(stored)
