"""The lines of a dbt or SQLMesh log that say what went wrong: the failing models and tests, and their messages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CLOCK = re.compile(r"^\d\d:\d\d:\d\d(\.\d+)? {0,2}")
# dbt 1.8 and later: "Failure in model orders (models/orders.sql)"; before: "Database Error in model orders (...)".
_DBT_NODE = re.compile(r"^\s*(?:Failure|\w+ Error) in (?P<what>\w+ [\w.-]+) \(.*\)$")
_DBT_CAUSE = re.compile(r"^\s*\w+ Error in \w+ [\w.-]+ \(.*\)$")
_DBT_NODE_ENDS = re.compile(r"^\s*(compiled code at .*|Done\. PASS=.*)$")
_DBT_STOPPED = "Encountered an error:"
# "**Failed models**" where there is no terminal to draw it on.
_SQLMESH_FAILED = re.compile(r"^\W*Failed models\W*$")
_SQLMESH_NODE = re.compile(r"^\s*\* ?(?P<what>\S.*)$")
_SQLMESH_FENCE = re.compile(r"^\s*```\s*$")
_SQLMESH_POINTER = re.compile(r"^ *\^$")
_SQLMESH_ERROR = re.compile(r"^Error: ")
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"^[\w.]*(Error|Exception|Interrupt|Exit)\b.*")
_TELLING = re.compile(r"\b(\w*(Error|Exception)|Failure|FATAL|fatal|error)\b")

# "Parser Error: syntax error", "ValueError: ...", "Error: ..."; and what dbt puts above the line that says more.
_SAYS_WHAT = re.compile(r"\b(\w*(Error|Exception)|Failure)\b( in |: )")
_HEADING = re.compile(r"^\w+ Error$")

MOST_FAILURES = 20
MOST_LINES = 12
LAST_LINES = 6
MAX_LINE = 300


@dataclass(frozen=True)
class Failure:
    """One thing that failed: `model orders`, `test not_null_orders_id`; and what was said about it."""

    what: str
    message: str


@dataclass(frozen=True)
class Excerpt:
    """What a log says went wrong: by name where it names them, and otherwise the lines that tell most."""

    failures: list[Failure]
    lines: str


def excerpt(log: str) -> Excerpt:
    """Read the end of a log, of whichever tool."""
    lines = [_CLOCK.sub("", _ESCAPES.sub("", line)).rstrip() for line in log.splitlines()]
    failures = list(_dbt_failures(lines)) or list(_sqlmesh_failures(lines))
    told = _dbt_stopped(lines) or _exception(lines) or _errors(lines) or [line for line in lines if line][-LAST_LINES:]
    return Excerpt(failures[:MOST_FAILURES], "" if failures else _text(told))


def telling_line(log: str) -> str | None:
    """Return the one line that says most of what went wrong; of a log that names no error its last, if it has any.

    It names no model where the error speaks for itself, so that what fails for one cause says the same.
    """
    told = excerpt(log)
    if told.failures:
        first = told.failures[0]
        lines = first.message.splitlines()
        said = next((line for line in lines if _SAYS_WHAT.search(line)), ": ".join([first.what, *lines[:1]]))
    else:
        lines = [line.strip() for line in told.lines.splitlines()]
        begins = ": ".join(lines[:2]) if lines and _HEADING.match(lines[0]) else None
        said = begins or next((line for line in reversed(lines) if _SAYS_WHAT.search(line)), lines[-1] if lines else "")
    said = said.strip()
    return (said if len(said) <= MAX_LINE else said[: MAX_LINE - 1] + "…") or None


def _dbt_failures(lines: list[str]) -> Iterator[Failure]:
    at = 0
    while at < len(lines):
        node = _DBT_NODE.match(lines[at])
        at += 1
        if not node:
            continue
        message: list[str] = []
        while at < len(lines) and not _DBT_NODE_ENDS.match(lines[at]):
            if (_DBT_NODE.match(lines[at]) and not _DBT_CAUSE.match(lines[at])) or lines[at] == _DBT_STOPPED:
                break
            message.append(lines[at])
            at += 1
        yield Failure(node["what"], _text([line for line in message if not _DBT_CAUSE.match(line)]))


def _dbt_stopped(lines: list[str]) -> list[str]:
    """Return what dbt says where it could not even begin: a project that does not parse, a profile that is missing."""
    if _DBT_STOPPED not in lines:
        return []
    return lines[lines.index(_DBT_STOPPED) + 1 :]


def _sqlmesh_failures(lines: list[str]) -> Iterator[Failure]:
    begin = next((at for at, line in enumerate(lines) if _SQLMESH_FAILED.match(line)), None)
    if begin is None:
        return
    what, message = "", list[str]()
    for line in lines[begin + 1 :]:
        node = _SQLMESH_NODE.match(line)
        if node or _SQLMESH_ERROR.match(line):
            if what:
                yield Failure(what, _text(_rejoined(message)))
            what, message = (_model_name(node["what"]), []) if node else ("", [])
        elif what and not _SQLMESH_FENCE.match(line):
            message.append(line)
    if what:
        yield Failure(what, _text(_rejoined(message)))


def _rejoined(message: list[str]) -> list[str]:
    """Make whole again the lines that SQLMesh wrapped: they go on without the indentation that all others have.

    What pointed into a line by its place below it points nowhere after that, and is left out.
    """
    lines: list[str] = []
    for line in message:
        if lines and line and not line.startswith(" "):
            lines[-1] += f" {line}"
        elif not _SQLMESH_POINTER.match(line):
            lines.append(line)
    return lines


def _model_name(quoted: str) -> str:
    """Leave off the quotes and the database's name, which tells nobody anything."""
    name = quoted.translate({ord(mark): None for mark in '"`'})
    return f"model {name.partition('.')[2] if name.count('.') > 1 else name}"


def _exception(lines: list[str]) -> list[str]:
    """Return the last traceback's last frame and exception."""
    if _TRACEBACK not in lines:
        return []
    last = len(lines) - lines[::-1].index(_TRACEBACK)
    end = next((at for at in range(last, len(lines)) if _EXCEPTION.match(lines[at])), None)
    return [] if end is None else lines[max(last, end - 2) : end + 1]


def _errors(lines: list[str]) -> list[str]:
    """Return what follows the first line that names an error, from there to the end."""
    first = next((at for at, line in enumerate(lines) if _TELLING.search(line)), None)
    return [] if first is None else lines[first:]


def _text(lines: list[str]) -> str:
    """Join lines without the empty ones around and between them, or what they are indented by; at most so many."""
    kept = [line for line in dedent("\n".join(lines)).splitlines() if line.strip()]
    return "\n".join(kept[:MOST_LINES] + (["…"] if len(kept) > MOST_LINES else []))
