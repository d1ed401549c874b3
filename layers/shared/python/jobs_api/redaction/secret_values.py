"""Where the value after a secret's name ends: quoted, in brackets, a word, a line, a block of YAML."""

import re
from functools import cache
from typing import Final

type Span = tuple[int, int]

# A blank on the same line: any of Unicode's, characters without width, colours of a terminal, HTML's.
GAP: Final = r"(?:[^\S\r\n]|[\u200b-\u200d\u2060\ufeff\xad]|\x1b\[[0-9;]{0,16}m|&nbsp;)"
_OPENS: Final = re.compile(
    r"(?:[bBrRuUfFnNeE]{1,2}(?=[\"']))?"
    r"(?P<mark>\"{3}|'{3}|\\*+[\"'`]|%2[27]|&(?:quot|apos|\#0{0,4}3[49]);|\\+u002[27]|[\u201c\u201d\u2018\u2019\xab])"
)
# The text before a closing quote; a backslash keeps the next character from closing it.
_QUOTED: Final = {mark: re.compile(rf"(?:[^{mark}\\\r\n]|\\[^\r\n])*+") for mark in "\"'`"}
_CLOSING: Final = {"\u201c": "\u201d", "\u2018": "\u2019", "\xab": "\xbb"}
# The end of a word without quotation marks. `,` `)` `"` and the like end it only before a blank, the end, more of the
# same or the next `name=`: elsewhere they may be part of the password.
_STOP: Final = re.compile(
    r"\s|[,;&](?=\Z|[\s,;&\"'`)}\]]|\\[\"']|[\w.%-]{1,64}[\"']?(?:=|:(?!/)))"
    r"|[)}\]>\"'`](?=\Z|[\s,;:.!?)}\]>\"'`<])|\\+[\"'`]|<(?=/?[a-zA-Z][\w:-]{0,32}\s?/?>)"
)
_ENCODED: Final = re.compile(r"(?:[^\s%&\"'<>]|%(?!(?:25)*(?:2[267CcBb]|3[Bb]|7[Dd]|0[AaDd])))++")
_TO_SEMICOLON: Final = re.compile(r"[^;=\r\n\"'<>]{0,200}+(?=;)")
_LIST: Final = re.compile(r"\[[^\]\r\n]*+")
_ANGLES: Final = re.compile(r"<[^<>\s/!][^<>\r\n]{0,256}+(?=>)")
_BRACES: Final = re.compile(r"\{(?:[^}\r\n]|\}\})++")
_BLOCK: Final = re.compile(rf"[|>][-+0-9]{{0,2}}{GAP}*+(?:#[^\r\n]*+)?\r?\n")
# How much is read of a text over several lines to find its end.
_LONGEST_TEXT: Final = 4096
_LINE: Final = re.compile(r"[^\r\n]*+")
_INDENT: Final = re.compile(r"[ \t]*+")


def quoted(text: str, at: int) -> tuple[Span, int] | None:
    """Return the text between the quotation marks that open here, and where it ends; None where none open.

    Without a closing mark on the line, it is the rest of the line.
    """
    opens = _OPENS.match(text, at)
    if not opens:
        return None
    mark, begin = opens["mark"], opens.end()
    end = _closed(text, begin, mark)
    if end is None:
        end = line_end(text, begin)
        return (begin, end), end
    return (begin, end), end + len(mark)


def closing(text: str, at: int, mark: str) -> int:
    """Return where a text ends that this mark opened: before the closing mark, or at the end of the line."""
    end = _closed_on_line(text, at, mark)
    return line_end(text, at) if end is None else end


def bracketed(text: str, at: int, *, braces: bool) -> tuple[Span, int] | None:
    """Return the text in a list's brackets, or with `braces` in ODBC's; None where none open."""
    found = (_BRACES.match(text, at) if braces else None) or _LIST.match(text, at) or _ANGLES.match(text, at)
    return ((at + 1, found.end()), found.end() + 1) if found else None


def templated(text: str, at: int) -> tuple[Span, int] | None:
    """Return an expression of Jinja with its braces; None where none begins."""
    end = text.find("}}", at, at + 512) if text.startswith("{{", at) else -1
    return ((at, end + 2), end + 2) if end >= 0 else None


def word(text: str, at: int, *, encoded: bool = False) -> Span | None:
    """Return the word here without quotation marks; `encoded` where its URL has `%26` for `&`."""
    if encoded:
        found = _ENCODED.match(text, at)
        return (at, found.end()) if found else None
    stop = _STOP.search(text, at)
    end = stop.start() if stop else len(text)
    return (at, end) if end > at else None


def connection_word(text: str, span: Span) -> Span:
    """Return a word of a connection string, which ends at its semicolon and may contain blanks."""
    more = _TO_SEMICOLON.match(text, span[1])
    return (span[0], more.end()) if more else span


def block(text: str, at: int, indent: int) -> Span | None:
    """Return the lines below `|` or `>` that are indented deeper than their key's line; None without any."""
    opens = _BLOCK.match(text, at)
    if not opens:
        return None
    begin = end = opens.end()
    while end < len(text):
        margin = _INDENT.match(text, end)
        inner = margin.end() if margin else end
        last = line_end(text, inner)
        if text[inner:last].strip() and inner - end <= indent:
            break
        end = min(last + 1, len(text))
    content = text[begin:end]
    begin += len(content) - len(content.lstrip())
    end -= len(content) - len(content.rstrip())
    return (begin, end) if begin < end else None


def line_end(text: str, at: int, limit: int | None = None) -> int:
    """Return where a line ends, or the limit."""
    found = _LINE.match(text, at, len(text) if limit is None else limit)
    return found.end() if found else at


def _closed(text: str, begin: int, mark: str) -> int | None:
    """Return the place of the mark that closes what this one opened; None where the line has none."""
    if len(mark) == 1 and mark in _QUOTED:
        return _closed_on_line(text, begin, mark)
    if mark[-1] in _QUOTED and mark[0] == "\\":
        return _closed_escaped(text, begin, mark)
    closing = _CLOSING.get(mark, mark)
    if mark in {'"""', "'''"}:
        end = text.find(closing, begin, begin + _LONGEST_TEXT)
        return end if end >= 0 else None
    found = _or_line_end(closing).search(text, begin)
    return found.start() if found and found[0] == closing else None


def _closed_on_line(text: str, begin: int, mark: str) -> int | None:
    end = begin
    while found := _QUOTED[mark].match(text, end):
        end = found.end()
        if text[end : end + 1] != mark:
            return None
        # In SQL, two quotation marks stand for one within a text.
        if mark != "'" or end == begin or text[end + 1 : end + 2] != mark:
            return end
        end += 2
    return None


def _closed_escaped(text: str, begin: int, mark: str) -> int | None:
    r"""Return where a text ends in a text that was quoted itself: `\"...\"`; marks with more backslashes are inside."""
    for found in _or_line_end(mark[-1]).finditer(text, begin):
        at = found.start()
        if found[0] != mark[-1]:
            break
        before = text[max(begin, at - 32) : at]
        slashes = len(before) - len(before.rstrip("\\"))
        if slashes < len(mark):
            return at - slashes
    return None


@cache
def _or_line_end(mark: str) -> re.Pattern[str]:
    """Return an expression that finds a mark or the end of the line, whichever comes first; it reads no further."""
    return re.compile(rf"{re.escape(mark)}|[\r\n]")
