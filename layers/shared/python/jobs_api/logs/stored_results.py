"""Reads from a run's artifacts what dbt itself says of each node."""

import os
import threading
import zlib
from collections.abc import Sequence
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.logs.archive import bucket_client
from jobs_api.logs.artifacts import RunKey
from jobs_api.logs.results.dbt_artifacts import RUN_RESULTS, SOURCES, Stored, stored_nodes
from jobs_api.model.artifacts import Artifact
from jobs_api.model.run import Run

# Some 7,000 nodes with their SQL. Of a larger file the results come from the log.
LARGEST_FILE: Final = 20 * 1024 * 1024
# A file of that size takes 100 MB of memory, so the many runs that end in one pass are read one after another.
_ONE_AT_A_TIME: Final = threading.Lock()

logger = Logger()


def stored_by(run: Run, artifacts: Sequence[Artifact]) -> list[Stored]:
    """Return what dbt stored of a run's nodes, nothing of files that are missing, too large or damaged.

    A GetObject for each of two files, if they are among the artifacts.
    """
    names = [name for name in (RUN_RESULTS, SOURCES) if any(one.path == name for one in artifacts)]
    found = (_read(run, name) for name in names)
    return [one for one in found if one]


def _read(run: Run, name: str) -> Stored | None:
    client, key = bucket_client(), RunKey.of(run).key(name)
    with _ONE_AT_A_TIME:
        try:
            body = client.get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key)["Body"]
            content = _decompressed(body.read(LARGEST_FILE))
        except client.exceptions.NoSuchKey:
            return None
        except (zlib.error, ValueError) as error:
            logger.warning("an artifact was not read", run_id=run.id, subject=name, error=str(error))
            return None
        return stored_nodes(content)


def _decompressed(stored: bytes) -> bytes:
    inflating = zlib.decompressobj(zlib.MAX_WBITS + 16)
    content = inflating.decompress(stored, LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE or not inflating.eof:
        raise ValueError(f"it is damaged, or has more than {LARGEST_FILE} bytes")
    return content
