"""Stores the results of ended runs in S3, compressed JSON beside their logs: they are removed and expire together."""

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import Any, Final

from jobs_api.errors import NoResults
from jobs_api.logs.archive import bucket_client, prefix_of, put_object
from jobs_api.model.results import ResultCounts, RunResults
from jobs_api.model.run import Run

# As many as the client has connections.
READERS: Final = 10
# How many results one request reads: a second's work, and memory that every function has.
MOST_NODES: Final = 100_000


def store_results(run: Run, results: RunResults) -> None:
    """Store a run's results; storing them again replaces them."""
    content = results.model_dump_json().encode()
    put_object(results_key(run), gzip.compress(content, mtime=0), len(content))


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
    try:
        stored = bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=results_key(run))["Body"].read()
    except bucket_client().exceptions.NoSuchKey as error:
        raise NoResults("The results of this run are no longer kept, only the run itself") from error
    return gzip.decompress(stored)


def results_key(run: Run) -> str:
    """Return the key of a run's results in the bucket."""
    return f"{prefix_of(run)}.results.gz"
