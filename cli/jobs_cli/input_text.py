"""Reads the files that are named on the command line, and standard input."""

import codecs
import sys
from pathlib import Path

from jobs_cli.errors import CommandFailed

STANDARD_INPUT = "-"


def text_of(file: str) -> str:
    """Return the text of a file, `-` for standard input.

    It is UTF-8 in every locale, or UTF-16 with a byte order mark, which Windows PowerShell writes.

    Raises:
        CommandFailed: it cannot be read, or is in another encoding; with the line.
    """
    name = name_of(file)
    try:
        content = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{name} cannot be read: {error}") from error
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CommandFailed(f"{name}:{line}: this is not UTF-8; save the file in this encoding") from error


def name_of(file: str) -> str:
    """Return what messages call a file."""
    return "standard input" if file == STANDARD_INPUT else file
