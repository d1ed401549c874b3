"""Splits a command into words exactly as a POSIX shell does, and expands nothing.

The rules are those of the Shell Command Language (quoting, token recognition):
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html. A test compares this with a real `sh`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

# ASCII that means nothing to a shell, and spaces: most commands are no more than that, and are split in one call.
_PLAIN: Final = re.compile(r"[ !%*+,\-./0-9:=?@A-Z\[\]^_a-z{}]*")

# The characters after a `$` that a shell expands. Shells differ about `$'`, `$"` and `$[`, which some expand.
_EXPANDS: Final = r"(?:\\\n)*[A-Za-z0-9_@*#?$!({\[-]"
_PIECE: Final = re.compile(
    rf"""
    (?P<continuation>\\\n)
    | (?P<blank>[ \t]+)
    | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\]|\\.)*)"
    | \\(?P<escaped>.)
    | (?P<operator>&&|\|\||;;|>>|<<|[;&|<>()\n\r])
    | (?P<expansion>`|\$(?={_EXPANDS}|(?:\\\n)*['"]))
    | (?P<comment>\#[^\n]*)
    | (?P<text>[^\s\\'"`$;&|<>()\#]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_DOUBLE_QUOTES: Final = re.compile(rf"\\.|(?P<expansion>`|\$(?={_EXPANDS}))", re.DOTALL)
# Before any other character a backslash in double quotes is a backslash.
_ESCAPE: Final = re.compile(r"\\(?:\n|([$`\"\\]))")
_NAMED: Final = re.compile(r"`|\$(?:[A-Za-z_]\w*|\d|.)", re.DOTALL)


class Unbalanced(ValueError):
    """A quote that is never closed, or a backslash at the very end."""


@dataclass
class Line:
    """A command as a shell reads it: `words`, the first `operator` outside quotes, the first expansion.

    Operators, line breaks at either end left aside, belong to no word; what would be expanded stays in its word as it
    is written.
    """

    words: list[str] = field(default_factory=list)
    operator: str | None = None
    expansion: str | None = None


def split(command: str) -> list[str]:
    """Return a command's words; raises Unbalanced. What a shell would have acted on stands in them as it is written."""
    return command.split() if _PLAIN.fullmatch(command) else read(command).words


def read(command: str) -> Line:
    """Read a command as a shell would; raises Unbalanced."""
    line, word, after_break = Line(), list[str](), False
    for piece in _pieces(command, line):
        if isinstance(piece, str):
            if after_break and not line.operator:
                line.operator = "\n"
            word.append(piece)
            continue
        if word:
            line.words.append("".join(word))
            word.clear()
        after_break = after_break or bool(piece.breaks and line.words)
    if word:
        line.words.append("".join(word))
    return line


@dataclass(frozen=True, slots=True)
class _Gap:
    """A gap between words; `breaks` where it is the end of a line."""

    breaks: bool = False


def _pieces(command: str, line: Line) -> Iterator[str | _Gap]:
    """Yield the pieces of words and the gaps between them; note in `line` what only a shell would act on."""
    at, in_word = 0, False
    while at < len(command):
        found = _PIECE.match(command, at)
        if found is None or found.group() in {"'", '"', "\\"}:
            raise Unbalanced(command[at])
        kind, at = found.lastgroup, found.end()
        if kind == "continuation":
            continue
        if kind == "comment" and in_word:
            # It begins a comment only where a word would begin.
            kind, at = "text", found.start() + 1
        if kind in {"blank", "comment", "operator"}:
            yield _gap(found, line)
            in_word = False
            continue
        _note_expansion(kind, found, line, in_word=in_word)
        in_word = True
        yield _text(kind, command[found.start() : at], found)


def _gap(found: re.Match[str], line: Line) -> _Gap:
    operator = found["operator"]
    if operator and operator != "\n" and not line.operator:
        line.operator = operator
    return _Gap(breaks=operator == "\n")


def _text(kind: str | None, written: str, found: re.Match[str]) -> str:
    """Return what a piece adds to its word."""
    if kind == "double":
        return _ESCAPE.sub(lambda escape: escape[1] or "", found["double"])
    return str(found[kind]) if kind in {"single", "escaped"} else written


def _note_expansion(kind: str | None, found: re.Match[str], line: Line, *, in_word: bool) -> None:
    """Keep the first thing that a shell would put something else for."""
    if line.expansion:
        return
    if kind == "expansion":
        line.expansion = _expansion_shown(found.string, found.start())
    elif kind == "double":
        inside = next((one for one in _IN_DOUBLE_QUOTES.finditer(found["double"]) if one["expansion"]), None)
        line.expansion = inside and _expansion_shown(found["double"], inside.start())
    elif kind == "text" and not in_word and found.group().startswith("~"):
        line.expansion = "~"


def _expansion_shown(text: str, at: int) -> str:
    """Return what is expanded as a message shows it: `$NAME`, `${`, `$(` or a backtick."""
    found = _NAMED.match(text[at : at + 200].replace("\\\n", ""))
    return found.group() if found else text[at]
