"""Finds the line of a message that says why something failed, and which failures have the same cause."""

import hashlib
import re
from collections.abc import Iterable
from itertools import zip_longest
from typing import Final

from jobs_api.logs.excerpt import tracebacks
from jobs_api.logs.excerpt.failures import MAX_SAID, Failure, cut_at_word, squeezed

MOST_OF_A_LINE: Final = 1000
# Positions in the statement, and its callers. Postgres: LINE 3: with a caret below, CONTEXT:, DETAIL:, HINT:;
# BigQuery: Location:, Job ID:; DuckDB: Candidate bindings:; dbt: "> in macro ...", "compiled code at ...".
_WHERE: Final = re.compile(
    r"(?:[\s^~|\u2500-\u257f_=.-]+$|LINE \d+:|line \d+(?:$|[,:])|File \"|in \"<unicode string>\""
    r"|(?-i:CONTEXT|DETAIL|HINT|QUERY|LOCATION|STATEMENT):(?: |$)"
    r"|(?:Location|Job ID|Query ID|Request ID|Original Line): "
    r"|> (?:in|called by) |compiled code at |Candidate bindings: |Did you mean )",
    re.IGNORECASE,
)
# Lines whose next line says more: "Database Error", "...: SQL compilation error:", "error line 3 at position 7",
# "google.api_core.exceptions.NotFound: 404", ClickHouse's "Code: 47."; pydantic's "1 validation error for Config", and
# also the next line, which names the field.
_OPENS: Final = re.compile(
    r"(?:^|[\s:])(?:[A-Z]\w{1,40} Error(?: in .{1,600}\))?|[\w.]{0,200}(?:Error|Exception)|SQL compilation error"
    r"|SQL execution error|error line \d+ at position \d+|on Line: \d+|(?:response|error) code \d{1,5}\)?|\d{3}"
    r"|Code: \d{1,5}\.|\d{1,6} validation errors? for \S{1,200}(?: [\w.-]{1,200})?)$|:$"
    r"|^Error: Failed to (?:(?!: ).){1,900}$"
)
# PySpark writes this line, and then the error of the Java side, after a colon.
_CALLING: Final = re.compile(r"(?:.{0,200}: )?An error occurred while calling \S{1,200}\.$")
# SQLMesh writes this line, then the statement that it could not read, and then the reason.
_ABOVE: Final = re.compile(r"(?:.{0,500}: )?(?:Failed|Could not|Cannot) .{1,200} for$")
# A heading by itself; an error within another error has several.
HEADING: Final = re.compile(r"[A-Z]\w{1,40} Error$", re.IGNORECASE)
# redshift_connector writes an error so: {'S': 'ERROR', 'C': '42703', 'M': 'column "x" ...', 'F': ...}.
_FIELDS: Final = re.compile(r"\{'S': '.{0,500}?'M': (?P<quote>['\"])(?P<said>.{1,900}?)(?P=quote)(?:, '[A-Z]'|\})")
# Redshift writes one so: `error:  ...`, `code:    15007`, `context:   ...`.
_CONTEXT: Final = re.compile(r"\s*context: {2,}(?P<said>\S.*)$")
_CLASS: Final = re.compile(r"(?:[A-Za-z_][\w.]{0,200}(?:Error|Exception):?|\S{1,200} failed, error:)$")
_SAYS_MORE: Final = re.compile(r"[A-Z]\w{1,40}(?: \w{1,40}){0,3} (?:Error|Exception): ")
_EXCEPTION: Final = re.compile(r"[A-Za-z_][\w.]{0,200}(?:Error|Exception|Interrupt|Exit|Iteration)(?::|$)")
# These lines say that something failed, but not why: the name of the node is then part of the cause.
_WITHOUT_REASON: Final = re.compile(
    r"got \d+ results?|(?:assertionerror: )?data mismatch|actual differs from expected|its data is older|$"
    r"|.{0,200}(?:audit error|contract that failed)",
    re.IGNORECASE,
)
_CONTRACT: Final = "This model has an enforced contract that failed."
_MISMATCH: Final = "Data mismatch"
# Before SQLMesh 0.200: a table as pandas prints it.
_EXP_ACT: Final = "Data mismatch (exp: expected, act: actual)"
_DIFFERS: Final = "actual differs from expected:"


def cause_in(lines: Iterable[str]) -> str:
    """Return the most useful line of a message: the first one that is neither a heading nor a position."""
    lines = [cut_at_word(line, MOST_OF_A_LINE) for line in lines if line.strip()]
    said = _of_table(lines) or _of_python(lines) or _first(lines)
    return cut_at_word(squeezed(said), MAX_SAID)


def key(causes: Iterable[str], own: Iterable[str] = ()) -> str:
    """Return a text that is equal for equal causes, whatever run, number or time they name.

    Args:
        causes: one line each.
        own: names that only this run has, such as that of its Pod.
    """
    names = [name.lower() for name in own if name]
    normalized = sorted({_without_the_passing(cause, names) for cause in causes if cause})
    return hashlib.sha256("\n".join(normalized).encode()).hexdigest()[:16] if normalized else ""


def key_of_failure(failure: Failure) -> str:
    """Return the part of a failure that counts for `key`: its node's name only where the message has no reason."""
    return f"{failure.node}: {failure.cause}" if _WITHOUT_REASON.match(failure.cause) else failure.cause


def _first(lines: list[str]) -> str:
    # ClickHouse writes this before the lines of its own stack.
    said = [line.strip().removesuffix(" Stack trace:") for line in lines]
    telling = [line for line in said if not _WHERE.match(line)]
    telling = telling or [line.strip() for line in lines]
    cause = telling[0] if telling else ""
    context = next((found for line in telling[1:8] if (found := _CONTEXT.match(line))), None)
    if context:
        return f"{cause}: {context['said']}"
    has_more = False
    for following in telling[1:6]:
        if _CALLING.match(cause) or (HEADING.match(following) and HEADING.match(cause)):
            cause = following.removeprefix(": ")
        elif HEADING.match(following):
            has_more = True
        elif _CLASS.match(cause) and _SAYS_MORE.match(following):
            cause = following
        elif has_more or HEADING.match(cause) or _OPENS.search(cause):
            cause, has_more = f"{cause} {following}" if cause.endswith((":", ".")) else f"{cause}: {following}", False
        else:
            break
    if _ABOVE.match(cause):
        cause = f"{cause} {next((line for line in reversed(telling) if not line.startswith('at ')), '')}"
    return fields["said"] if (fields := _FIELDS.search(cause)) else cause


def _of_python(lines: list[str]) -> str:
    """Return the exception of a message that is a traceback, or SQLMesh's form of one, which has no heading."""
    found = tracebacks.exception(lines)
    if found:
        return _first(tracebacks.message_lines(lines, found[1]))
    if lines and re.match(r"\s*File ['\"].{1,500}line \d+, in ", lines[0]):
        at = next((at for at in range(len(lines) - 1, 0, -1) if _EXCEPTION.match(lines[at].strip())), None)
        return _first(lines[at:]) if at else lines[-1]
    return ""


def _of_table(lines: list[str]) -> str:
    """Return the important part of a table: the columns of a contract, or the cells of a unit test."""
    for at, line in enumerate(lines):
        if line.strip() == _CONTRACT:
            rows = [[cell.strip() for cell in row.split("|")] for row in lines[at:] if row.lstrip().startswith("| ")]
            columns = [f"{row[1]} ({row[4]})" for row in rows[2:] if len(row) > 4]
            return f"{_CONTRACT[:-1]}: {', '.join(columns)}" if columns else line
        if line.strip() == _MISMATCH and (cells := _mismatched(lines[at + 1 :])):
            return f"{_MISMATCH}: {'; '.join(cells[:5])}"
        if line.strip().endswith(_EXP_ACT):
            return f"{line.strip()}: {'; '.join(squeezed(row) for row in lines[at + 1 : at + 5])}"
        if line.strip() == _DIFFERS:
            return f"{_DIFFERS} {'; '.join(_changed(lines[at + 1 :])[:5])}".rstrip()
    return ""


def _mismatched(table: list[str]) -> list[str]:
    """Return the cells that differ in SQLMesh's table of a unit test: `amount: expected 3, actual 2`."""
    heads, differences = list[str](), list[str]()
    for line in table[:200]:
        cells = [cell.strip() for cell in line.strip().strip("┃│").split("┃" if "┃" in line else "│")]
        if line.lstrip().startswith("┃"):
            heads = [f"{head} {cell}".strip() for head, cell in zip_longest(heads, cells, fillvalue="")]
        elif line.lstrip().startswith("│") and len(cells) == len(heads):
            row = dict(zip(heads, cells, strict=True))
            names = [head.removesuffix(": Expected") for head in heads if head.endswith(": Expected")]
            differences += [
                f"{name}: expected {row[f'{name}: Expected']}, actual {row.get(f'{name}: Actual')}" for name in names
            ]
    return differences


def _changed(table: list[str]) -> list[str]:
    """Return the cells that differ, `total 11.0→10.0` (actual→expected), and the rows that only one side has.

    dbt's tables are daff's: https://paulfitz.github.io/daff-doc/spec.html.
    """
    names, differences = list[str](), list[str]()
    for row in table[:200]:
        mark, *cells = [cell.strip() for cell in row.split(",")]
        if mark == "@@":
            names = cells
        elif mark.endswith("→"):
            differences += [f"{name} {cell}" for name, cell in zip(names, cells, strict=False) if "→" in cell]
        elif mark in {"+++", "---"}:
            side = "missing" if mark == "+++" else "unexpected"
            differences.append(f"{side} row {', '.join(cells)}")
    return differences


_PASSING: Final = re.compile(
    # A number that is part of a name or a code stays: HTTP 403, error 1045, exit code 137.
    r"(?P<kept>\b(?:code|status|error|errno|https?|sqlstate|ora)\W{1,3}\d{1,5}\b)"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:z\b|[+-]\d\d:?\d\d\b)?"
    r"|\d\d:\d\d:\d\d(?:\.\d+)?"
    r"|0x[0-9a-f]+"
    # Ids: letters and digits alternate twice. A name with a number is a name: orders_2024, stg_v2, raw2orders.
    r"|(?<![a-z0-9])(?=[a-z]*+\d++[a-z]++\d)[a-z0-9]{6,}"
    r"|[0-9a-f]{16,}"
    r"|\d{6,}"
    r"|(?<![a-z0-9_])\d+(?![a-z0-9_])"
)


def _without_the_passing(cause: str, names: list[str]) -> str:
    said = cut_at_word(cause, MOST_OF_A_LINE).lower()
    for name in names:
        said = said.replace(name, "")
    return " ".join(_PASSING.sub(lambda found: found["kept"] or "#", said).split())
