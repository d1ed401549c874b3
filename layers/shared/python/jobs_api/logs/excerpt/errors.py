"""Reads the error of any other program: its last exception, a line logged as an error, or the end of its output."""

import re
from itertools import islice
from typing import Final, NamedTuple

from jobs_api.logs.excerpt import tracebacks
from jobs_api.logs.excerpt.causes import cause_in
from jobs_api.logs.excerpt.failures import LAST_LINES, MAX_LINE
from jobs_api.logs.records.record import LogRecord

# `2026-11-28 02:00:01,123 - sqlmesh - ERROR - text`, `ERROR: text`, `[error] text`, `FATAL  text`.
_LEVEL: Final = re.compile(r"(?:.{0,120}?[\s\[|(:-])?\[?(?:ERROR|CRITICAL|FATAL|SEVERE)\b[\]):]?(?P<said>[\s:|-].*)$")
# `Error: text`, `error: text`, `psql: error: text`, `Parser Error: text`, `java.lang.RuntimeException: text`.
_ERROR: Final = re.compile(
    r"(?:[\w.-]{1,60}: |[A-Z]\w{1,40} |\[)?(?:[\w.]{0,200}(?:Error|Exception)|error|fatal)\]?: ?(?P<said>.*)$"
)
_TELLING: Final = re.compile(r"\b(?:\w{0,200}(?:Error|Exception)|Failure|FATAL|fatal|ERROR|error|failed|panicked)\b")
# These lines say that there were errors, but not which.
_SUMMARY: Final = re.compile(
    r".{0,200}\b(?:\d+ errors?|transaction is aborted|exit(?:ed|ing)?(?: with)? (?:code|status)|exit status"
    r"|finished with|completed with|plan application failed|command failed|see (?:the )?logs?)\b",
    re.IGNORECASE,
)


class ErrorLines(NamedTuple):
    """The lines to quote, and the most useful one; `vague` if that does not give the reason."""

    lines: list[str]
    said: str
    vague: bool = False


def error_lines(lines: list[str]) -> ErrorLines:
    """Read the lines of any program."""
    return _exception(lines) or _logged(lines) or _first_named_error(lines) or _last(lines)


def logged_as_error(records: list[LogRecord]) -> ErrorLines | None:
    """Return the last record that a program logged in JSON as an error, or None."""
    found = [record for record in records if record.whole and record.level in {"error", "critical", "fatal"}]
    found = [record for record in found if not _SUMMARY.match(record.head)] or found
    return ErrorLines(found[-1].lines, cause_in(found[-1].lines)) if found and not found[-1].blank else None


def _exception(lines: list[str]) -> ErrorLines | None:
    """Return the line above the last traceback, its last frame and its exception."""
    found = tracebacks.exception(lines)
    if found is None:
        return None
    begin, end = found
    message = _without_tail(tracebacks.message_lines(lines, end))
    said = cause_in(message)
    if (origin := tracebacks.cause_of_traceback(lines, begin)) is not None:
        raised_from = cause_in(_without_tail(tracebacks.message_lines(lines, origin)))
        said = said if raised_from in said else f"{said}: {raised_from}"
    above = next((line for line in reversed(lines[max(0, begin - 3) : begin]) if line.strip()), "")
    level = _LEVEL.match(above[:MAX_LINE]) or _ERROR.match(above[:MAX_LINE])
    quoted = [*lines[max(begin + 1, end - 2) : end], *message]
    later = _logged(lines[end + len(message) :])
    if later and not _SUMMARY.match(later.said):
        return ErrorLines([*quoted, *later.lines], said if later.said in said else f"{later.said}")
    if level and (context := level["said"].strip(" -:|]\t")) and context not in said:
        return ErrorLines([above.strip(), *quoted], f"{context}: {said}")
    return ErrorLines(quoted, said)


def _without_tail(message: list[str]) -> list[str]:
    """Drop the lines after an exception's message; the first of them begins with a level or a time."""
    for at, line in enumerate(islice(message, 1, None), start=1):
        if _LEVEL.match(line[:MAX_LINE]) or re.match(
            r"\d{4}-\d\d-\d\d[ T]\d\d:|Error: |During handling|The above exception", line
        ):
            return message[:at]
        if not line.strip() and at + 1 < len(message) and not message[at + 1].strip():
            return message[:at]
    return message


def _logged(lines: list[str]) -> ErrorLines | None:
    """Return the last line that was logged at the level of an error, with the lines that belong to it."""
    summary: ErrorLines | None = None
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at][:MAX_LINE]
        match = _LEVEL.match(line) or _ERROR.match(line)
        if match is None:
            continue
        begins = match["said"].strip(" -:|]\t") if match.re is _LEVEL else line.strip()
        following = lines[at + 1 : at + 8]
        found = ErrorLines([lines[at], *following], cause_in([begins, *following] if begins else following))
        if not _SUMMARY.match(line):
            return found
        summary = summary or found._replace(vague=True)
    return summary


def _first_named_error(lines: list[str]) -> ErrorLines | None:
    """Return the lines from the first one that names an error."""
    for at, line in enumerate(lines):
        if _TELLING.search(line[:MAX_LINE]):
            return ErrorLines(lines[at:], cause_in(lines[at : at + 8]))
    return None


def _last(lines: list[str]) -> ErrorLines:
    last = [line for line in lines if line.strip()][-LAST_LINES:]
    return ErrorLines(last, last[-1].strip() if last else "", vague=True)
