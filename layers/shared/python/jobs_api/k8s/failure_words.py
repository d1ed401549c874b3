"""Words for people about why a run failed: the command's name, a container's own message, and spans of time."""

from collections.abc import Iterator

from jobs_api.k8s.observed import Observed
from jobs_api.model.words import Unbalanced, split

MAX_DETAIL = 500

# The service's own annotation is never longer, but somebody else may have written it.
LONGEST_COMMAND = 4096


def command_name(job: Observed) -> str:
    """Return the program that a Job runs, such as `dbt`."""
    return next(iter(_words((job.command or "")[:LONGEST_COMMAND])), "The command")


def _words(command: str) -> Iterator[str]:
    try:
        yield from split(command)
    except Unbalanced:
        yield from command.split()


def detail_of(reason: str, message: str | None) -> str:
    """Return a reason with its message, shortened."""
    text = f"{reason}: {message}" if message and message != reason else reason
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"


def spoken_span(seconds: int) -> str:
    """Return a span of time in its largest whole unit."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{seconds} seconds"
