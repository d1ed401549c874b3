"""Reads what a log says about a failure, or a success with warnings: logs of dbt, SQLMesh and any other program.

The time is linear in the length of the log, of which at most the last MAX_LOG characters are read.
"""

from jobs_api.logs.excerpt.failures import LAST_LINES, MAX_SAID, MOST_FAILURES, MOST_LINES, Excerpt, Failure
from jobs_api.logs.excerpt.reading import excerpt, remarks, telling_line

__all__ = [
    "LAST_LINES",
    "MAX_SAID",
    "MOST_FAILURES",
    "MOST_LINES",
    "Excerpt",
    "Failure",
    "excerpt",
    "remarks",
    "telling_line",
]
