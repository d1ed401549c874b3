"""Stores the results of ended runs in S3, compressed JSON beside their logs: they are removed and expire together."""

import gzip
import os

from jobs_api.errors import NoResults
from jobs_api.logs.archive import bucket_client, prefix_of, put_object
from jobs_api.model.results import ResultCounts, RunResults
from jobs_api.model.run import Run


def store_results(run: Run, results: RunResults) -> None:
    """Store a run's results; storing them again replaces them."""
    content = results.model_dump_json().encode()
    put_object(key_of(run), gzip.compress(content, mtime=0), len(content))


def read_results(run: Run) -> RunResults:
    """Return a run's results; raises NoResults if there are none, or if they are no longer kept."""
    try:
        stored = bucket_client().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key_of(run))["Body"].read()
    except bucket_client().exceptions.NoSuchKey as error:
        raise NoResults("The results of this run are no longer kept, only the run itself") from error
    return RunResults.model_validate_json(gzip.decompress(stored))


def counts_of(run: Run) -> ResultCounts | None:
    """Return the counts of what an interrupted pass stored of a run, None if it stored nothing."""
    try:
        return read_results(run).counts
    except NoResults:
        return None


def key_of(run: Run) -> str:
    """Return the key of a run's results in the bucket."""
    return f"{prefix_of(run)}.results.gz"
