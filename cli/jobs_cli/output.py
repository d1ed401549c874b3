"""The output of commands: JSON for programs, aligned lines for people, with colours only on a terminal."""

import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

COLOURS: Final = {
    "success": "32", "ran": "32", "synced": "32", "True": "32",
    "running": "36", "pending": "36", "upcoming": "36",
    "failed": "31", "error": "31", "missed": "31",
    "cancelled": "33", "warn": "33", "paused": "33", "skipped": "33", "skipped_by_clock": "33", "disabled": "33",
}  # fmt: skip
BOLD: Final = "1"
# Characters that steer a terminal, and the colours of a log, which do nothing else.
STEERING: Final = re.compile("(\x1b\\[[0-9;:]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
RESET: Final = "\x1b[0m"


def show_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    say(json_text(value, indent=2))


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON in which each character that steers a terminal is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}" if len(found[0]) == 1 else found[0], text)


def say(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print lines for people on standard error, where they do not disturb a program that reads the output."""
    sys.stderr.write("\n".join(map(printable, text.split("\n"))) + "\n")


def is_terminal(stream: TextIO) -> bool:
    """Return whether a person sees the stream at once; on CI, even where it looks so, lines must be plain."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def show_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print aligned columns; without rows nothing, so that a pipe is empty."""
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        return
    widths = [max(_width(cell) for cell in column) for column in zip(header, *lines, strict=True)]
    say(coloured("  ".join(_padded(cell, width) for cell, width in zip(header, widths, strict=True)).rstrip(), BOLD))
    for line in lines:
        cells = [
            coloured(_padded(cell, width), COLOURS.get(cell, "")) for cell, width in zip(line, widths, strict=True)
        ]
        say("  ".join(cells).rstrip())


def show_fields(fields: Mapping[str, Any]) -> None:
    """Print an object, a line a field; objects and lists in it as JSON."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, bool)) else str(value)
        lines = [printable(line) for line in text.splitlines()] or [""]
        say(f"{name:<{width}}  {coloured(lines[0], COLOURS.get(lines[0], ''))}")
        for line in lines[1:]:
            say(f"{'':<{width}}  {line}")


def printable(text: str) -> str:
    """Return text without characters that steer a terminal: what somebody wrote must not move the cursor."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def log_for_terminal(text: str) -> str:
    """Return a log as a terminal may get it: its colours stay, and nothing else in it can steer the terminal."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = STEERING.sub(lambda found: found[1] or "", lines)
    return shown + RESET if "\x1b" in shown else shown


def duration(seconds: float | None) -> str:
    """Return seconds as people read them: `0:42`, `1:02:03`."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(timestamp: str | None) -> str:
    """Return a time of the API (RFC 3339, UTC) as a table shows it."""
    return (timestamp or "").replace("T", " ").removesuffix("Z")


def _cell(value: Any) -> str:
    return "" if value is None else printable(str(value))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def coloured(text: str, code: str) -> str:
    """Return text in a colour of COLOURS where a terminal shows it."""
    if not code or os.environ.get("NO_COLOR") or not is_terminal(sys.stdout):
        return text
    return f"\x1b[{code}m{text}\x1b[0m"
