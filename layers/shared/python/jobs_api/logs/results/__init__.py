"""Reads from a log what each model, test, seed, snapshot and source did: logs of dbt, its Rust engine and SQLMesh.

The log is read once, as it streams by: in linear time, and with memory that does not grow with the log. What is not
surely known is absent, and a form that nobody knows gives no results.
"""

from jobs_api.logs.results.found import MOST_RESULTS
from jobs_api.logs.results.reading import ResultsReader

__all__ = ["MOST_RESULTS", "ResultsReader"]
