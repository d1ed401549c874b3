"""Reads the lines of a run's log that a Slack message quotes, if there is time for it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.errors import NotFound
from jobs_api.logs import archive
from jobs_api.logs.excerpt import Excerpt, excerpt
from jobs_api.model.run import Run

logger = Logger()

NO_EXCERPT: Final = Excerpt([], "")
EXCERPT_SECONDS: Final = 8.0
# One thread for each message that is sent at the same time. Reading a log that takes too long continues, but no message
# waits for it.
_reading: Final = ThreadPoolExecutor(10, thread_name_prefix="excerpt")


def excerpt_in_time(run: Run) -> Excerpt:
    """Read the excerpt of the log, or nothing where that takes too long: no alert should be late."""
    reading = _reading.submit(_excerpt, run)
    try:
        return reading.result(EXCERPT_SECONDS)
    except TimeoutError:
        reading.cancel()
        logger.warning("a log took too long to be read, and is not quoted", run_id=run.id)
        return NO_EXCERPT


def _excerpt(run: Run) -> Excerpt:
    """Read why the log says that the run failed, or its end. Some runs have no log, and old logs expire."""
    if run.log is None or not run.status.ended:
        return NO_EXCERPT
    try:
        return excerpt(archive.read_log_end(run.log))
    except NotFound:
        return NO_EXCERPT
