"""Reads from a run's artifacts what dbt itself says of each node."""

import threading
import zlib
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.logs.artifacts import Bundle, read_file
from jobs_api.logs.results.dbt_artifacts import RUN_RESULTS, SOURCES, Stored, stored_nodes

# Some 7,000 nodes with their SQL. Of a larger file the results come from the log.
LARGEST_FILE: Final = 20 * 1024 * 1024
# A file of that size takes 100 MB of memory, so the many runs that end in one pass are read one after another.
_ONE_AT_A_TIME: Final = threading.Lock()

logger = Logger()


def stored_by(artifacts: Bundle) -> list[Stored]:
    """Return what dbt stored of a run's nodes, nothing of files that are missing, too large or damaged.

    A GetObject for each of two files, if they are among the artifacts.
    """
    found = (_read(artifacts, name) for name in (RUN_RESULTS, SOURCES) if name in artifacts.paths)
    return [one for one in found if one]


def _read(artifacts: Bundle, name: str) -> Stored | None:
    with _ONE_AT_A_TIME:
        try:
            content = _decompressed(read_file(artifacts, name, LARGEST_FILE))
        except (zlib.error, ValueError) as error:
            logger.warning("an artifact was not read", run_id=artifacts.of.run_id, subject=name, error=str(error))
            return None
        return stored_nodes(content)


def _decompressed(stored: bytes) -> bytes:
    inflating = zlib.decompressobj(zlib.MAX_WBITS + 16)
    content = inflating.decompress(stored, LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE or not inflating.eof:
        raise ValueError(f"it is damaged, or has more than {LARGEST_FILE} bytes")
    return content
