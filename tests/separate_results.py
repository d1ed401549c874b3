"""Results in an object of their own, as runs have them whose log's object does not carry them."""

from jobs_api.logs.archive import results_key
from jobs_api.logs.log_bucket import put_object
from jobs_api.logs.results_archive import packed
from jobs_api.model.results import RunResults
from jobs_api.model.run import Run


def store_results(run: Run, results: RunResults) -> None:
    """Store the results of a run; storing them again replaces them."""
    put_object(results_key(run), packed(results))
