"""Reads the log of dbt's Rust engine: dbt Fusion, dbt 2. Its form is from public issues; nobody here could run it.

Failed [  1.00s] model main.orders (table)
error: dbt1308: Failed to resolve function TO_EUR
  --> models/orders.sql:3:10
"""

import re
from typing import Final

from jobs_api.logs.excerpt.causes import cause_in
from jobs_api.logs.excerpt.failures import MAX_LINE, MAX_SAID, MOST_FAILURES, Failure, cut_at_word, joined, squeezed

_FAILED: Final = re.compile(r"\s*Failed \[[^\]]{0,20}\] (?P<node>[a-z_ ]{2,30}? [^\s(]{1,500})(?: \(.{0,100}\))?$")
_BANNER: Final = re.compile(r" {0,4}(?:dbt-fusion |dbt-core 2\.|dbt 2\.|Running with dbt-(?:fusion|core)=)")
_ERROR: Final = re.compile(r"\s*\[?error\]?:? (?P<said>\[?(?:\w{1,80} \()?dbt\d{3,5}\)?\]?:.*)$", re.IGNORECASE)
_PLACE: Final = re.compile(r"\s*(?:-->|\(in) (?P<place>\S{1,500}:\d+:\d+)")
_BREAKS: Final = re.compile(
    r"\s*(?:={4,}|\[?(?:error|warning|suggestion)\]?:? |\d{1,3}: \S{1,300}$"
    r"|[A-Z][a-z]+ \[[^\]]{0,20}\]|Finished |\d{1,6} errors?\b)"
)
MOST_OF_AN_ERROR: Final = 12
MOST_ERRORS: Final = 200


def recognizes(lines: list[str]) -> bool:
    """Return whether this engine wrote a log."""
    return any(_ERROR.match(line[:MAX_LINE]) or _BANNER.match(line) for line in lines)


def is_engines(lines: list[str]) -> bool:
    """Return whether this engine says that it wrote a log, also in its JSON format."""
    return any(_BANNER.match(line) for line in lines)


def failures(lines: list[str]) -> list[Failure]:
    """Return the nodes that failed, each with the error that names the node or its file."""
    faults = errors(lines)
    names = list(dict.fromkeys(squeezed(found["node"]) for line in lines if (found := _FAILED.match(line[:MAX_LINE]))))
    alone = len(names) == len(faults) == 1
    shown = [_with_error(node, faults[:MOST_ERRORS], alone=alone) for node in names[:MOST_FAILURES]]
    return [*shown, *(Failure(node, "") for node in names[MOST_FAILURES:])]


def errors(lines: list[str]) -> list[list[str]]:
    """Return each error once, with the lines that belong to it."""
    found, current = list[list[str]](), None
    for line in lines:
        match = _ERROR.match(line[:MAX_LINE])
        if match:
            current = [match["said"]]
            found.append(current)
        elif current is not None and (not line.strip() or _BREAKS.match(line) or len(current) > MOST_OF_AN_ERROR):
            current = None
        elif current is not None:
            current.append(line)
    return [list(error) for error in dict.fromkeys(tuple(error) for error in found)]


def text_of_error(error: list[str]) -> str:
    """Return an error with the lines that belong to it."""
    return joined(error)


def without_level(lines: list[str]) -> list[str]:
    """Return an error, with whatever belongs to it, without the word that says that it is one."""
    match = _ERROR.match(lines[0][:MAX_LINE]) if lines else None
    return [match["said"], *lines[1:]] if match else lines


def reason_of(error: list[str]) -> str:
    """Return an error in one line: its message and its file."""
    place = next((found["place"] for line in error[1:] if (found := _PLACE.match(line))), "")
    cause = cause_in([line for line in error if not _PLACE.match(line)])
    return f"{cut_at_word(cause, MAX_SAID - 100)} ({cut_at_word(place, 98)})" if place else cause


def _with_error(node: str, faults: list[list[str]], *, alone: bool) -> Failure:
    name = node.rpartition(" ")[2].rpartition(".")[2]
    whole = re.compile(rf"(?<![\w]){re.escape(name)}(?![\w])")
    for error in faults:
        if alone or any(whole.search(line[:MAX_LINE]) for line in error):
            return Failure(node, joined(error), reason_of(error))
    return Failure(node, "")
