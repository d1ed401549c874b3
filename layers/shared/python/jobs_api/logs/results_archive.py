"""The results of ended runs in S3, compressed JSON: in the header of the log's object, or in one beside a large log.

So they are removed, and expire, together with the log.
"""

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import Any, Final

from jobs_api.errors import NoResults
from jobs_api.logs import gzip_extra
from jobs_api.logs.archive import results_key
from jobs_api.logs.log_bucket import bucket_client
from jobs_api.model.results import ResultCounts, RunResults
from jobs_api.model.run import Run

# Fewer than the client has connections: the results that are read at once are all in memory.
READERS: Final = 10
# How many results one request reads, which takes a second and fits into every function's memory.
MOST_NODES: Final = 100_000


def packed(results: RunResults) -> bytes:
    """Return results as they are stored."""
    return gzip.compress(results.model_dump_json().encode(), mtime=0)


def read_results(run: Run) -> RunResults:
    """Return a run's results; raises NoResults if there are none, or if they are no longer kept."""
    return RunResults.model_validate_json(_stored(run))


def nodes_of(runs: Iterable[Run]) -> Iterator[tuple[Run, list[dict[str, Any]]]]:
    """Yield each run with its results as they are stored; several are read at a time, no more than are asked for.

    Runs whose results are gone are left out.
    """
    with ThreadPoolExecutor(READERS, thread_name_prefix="results") as pool:
        for some in batched(runs, READERS, strict=False):
            yield from ((run, nodes) for run, nodes in zip(some, pool.map(_nodes, some), strict=True) if nodes)


def within_reason(runs: Sequence[Run]) -> list[Run]:
    """Return the first of these runs, at least one, whose results one request may read: so many nodes in all."""
    nodes, count = 0, 0
    for run in runs:
        nodes += run.results.total if run.results else 0
        if count and nodes > MOST_NODES:
            break
        count += 1
    return list(runs[:count])


def _nodes(run: Run) -> list[dict[str, Any]]:
    try:
        nodes: list[dict[str, Any]] = json.loads(_stored(run))["results"]
    except NoResults:
        return []
    return nodes


def counts_of(run: Run) -> ResultCounts | None:
    """Return the counts of what an interrupted pass stored of a run, None if it stored nothing."""
    try:
        return read_results(run).counts
    except NoResults:
        return None


def _stored(run: Run) -> bytes:
    """Return what is stored of a run; one GetObject, two where an object beside the log has it."""
    # A log that was stored in separately readable pieces carries no results.
    head = _part(run.log.key, gzip_extra.HEAD_BYTES) if run.log and not run.log.tail_key else None
    stored = gzip_extra.carried_by(head or b"") or _part(results_key(run))
    if stored is None:
        raise NoResults("The results of this run are no longer kept, only the run itself")
    return gzip.decompress(stored)


def _part(key: str, count: int | None = None) -> bytes | None:
    """Return the first bytes of an object, or all of it; None if there is none."""
    client = bucket_client()
    where: dict[str, Any] = {"Range": f"bytes=0-{count - 1}"} if count else {}
    try:
        return client.get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, **where)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None
