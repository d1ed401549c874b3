"""What a log says went wrong, or what is remarkable about a run that went well: dbt's, SQLMesh's, any other text.

Everything here is linear in the length of the log, of which the last MAX_LOG characters are read.
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
