"""Finds the exception at the end of a Python traceback."""

from itertools import islice
from typing import Final

TRACEBACK: Final = "Traceback (most recent call last):"
# The text before each line of an exception group.
_INDENT: Final = " \t|+-"
# An exception's own message may have several lines.
MOST_MESSAGE_LINES: Final = 12


CAUSED: Final = "The above exception was the direct cause of the following exception:"


def exception(lines: list[str], before: int | None = None) -> tuple[int, int] | None:
    """Return where the last traceback begins, and where its exception is; None where there is none.

    Args:
        lines: the lines of a log.
        before: the line by which the traceback has ended.
    """
    until = len(lines) if before is None else before
    at = next((at for at in range(until - 1, -1, -1) if lines[at].endswith(TRACEBACK)), None)
    if at is None:
        return None
    depth = _depth(lines[at])
    for end in range(at + 1, until):
        if lines[end].strip() and _depth(lines[end]) <= depth:
            return at, end
    return None


def message_lines(lines: list[str], end: int) -> list[str]:
    """Return an exception with the lines of its message."""
    depth = _depth(lines[end])
    found = [lines[end][depth:]]
    found += [line[depth:] for line in islice(lines, end + 1, end + MOST_MESSAGE_LINES)]
    return found


def cause_of_traceback(lines: list[str], begin: int) -> int | None:
    """Return where the exception is that caused the traceback at `begin`; None where it names none."""
    above = next((at for at in range(begin - 1, max(-1, begin - 4), -1) if lines[at].strip(_INDENT)), None)
    if above is None or not lines[above].endswith(CAUSED):
        return None
    found = exception(lines, above)
    return found[1] if found else None


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(_INDENT))
