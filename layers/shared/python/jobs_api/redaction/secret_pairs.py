"""Finds the value beside a secret's name: in a pair, a tag, a cell of a table, a field of a form."""

import re
from typing import Final

from jobs_api.redaction import secret_values as values
from jobs_api.redaction.secret_assigned import CLOSE
from jobs_api.redaction.secret_names import Name
from jobs_api.redaction.secret_values import GAP, Span

# Hadoop's configuration and Apple's property lists have their own kinds of pairs.
_CELL: Final = re.compile(
    r"\s{0,8}</(?:td|th|dt|name|key)>\s{0,64}<(?:td|dd|th|value|string)(?:\s[^<>]{0,100}+)?>", re.IGNORECASE
)
# A field of a form: its headers, an empty line, its value.
_FIELD: Final = re.compile(r"\"(?:;[^\r\n]{0,200}+)?\r?\n(?:[\w-]{1,40}: [^\r\n]{0,200}+\r?\n){0,3}+\r?\n(?=[^\r\n])")
# The other half of a pair, also over several lines: {"name": "DB_PASSWORD", "value": "..."}.
_PAIR: Final = re.compile(
    rf"{CLOSE}{{0,2}}+[\s,;&]{{1,64}}+(?:\\*+[\"'])?(?:value|val|content|default)(?:\\*+[\"'])?\s{{0,8}}+[:=]{GAP}*+",
    re.IGNORECASE,
)
_SECOND: Final = re.compile(rf"\\*+[\"']{GAP}*+,{GAP}*+(?=[bu]?\\*+[\"'])")
_NAME_AFTER: Final = re.compile(
    r"(?:\\*+[\"'])?\s{0,8},\s{0,64}\\*+[\"'](?:name|key)\\*+[\"']\s{0,8}:\s{0,8}\\*+[\"']\Z", re.IGNORECASE
)
_VALUE_BEFORE: Final = re.compile(r"[\"']value\\*+[\"']\s{0,8}:\s{0,8}(?:\\*+[\"'])?", re.IGNORECASE)
_TAG: Final = re.compile(r"[\"']?(?:\s[^<>\r\n]{0,200}+)?(?<!/)>|&gt;")
_OPEN_TAG: Final = re.compile(r"<(?![/!?])[^<>]{0,100}+\Z|&lt;(?:[\w-]{1,40}+:)?\Z")
# How much of a text without an end is read.
_LONGEST_PART: Final = 4096


def paired(text: str, name: Name) -> Span | None:
    """`name: PASSWORD, value: ...`, `("password", "...")`."""
    if second := _PAIR.match(text, name.end):
        at = second.end()
        quoted = values.quoted(text, at)
        return quoted[0] if quoted else values.word(text, at)
    if value := _value_before(text, name):
        return value
    if text[name.start - 6 : name.start] == 'name="' and (field := _FIELD.match(text, name.end)):
        return field.end(), values.line_end(text, field.end())
    # ("password", "..."): two in brackets.
    if second := _SECOND.match(text, name.end):
        quoted = values.quoted(text, second.end())
        opened = text[max(0, name.start - 8) : name.start].rstrip("\"'\\bu").rstrip()[-1:]
        if quoted and opened in {"(", "["} and text[quoted[1] : quoted[1] + 1] in {")", "]"}:
            return quoted[0]
    return None


def _value_before(text: str, name: Name) -> Span | None:
    """`{"value": "...", "name": "PASSWORD"}`."""
    floor = max(0, name.start - 120)
    between = _NAME_AFTER.search(text[floor : name.start])
    if not between:
        return None
    end = floor + between.start()
    far = max(0, end - _LONGEST_PART)
    at = max(text.rfind("value", far, end), text.rfind("Value", far, end))
    begins = _VALUE_BEFORE.match(text, at - 1, end) if at > 0 else None
    return (begins.end(), end) if begins else None


def tagged(text: str, name: Name) -> Span | None:
    """`<password>...</password>`, escaped or not."""
    if cell := _CELL.match(text, name.end):
        return _content(text, cell.end(), "<")
    tag = _TAG.match(text, name.end)
    if not tag or not _OPEN_TAG.search(text[max(0, name.start - 110) : name.start]):
        return None
    begin = tag.end()
    if text.startswith("<![CDATA[", begin):
        return _content(text, begin + len("<![CDATA["), "]]>")
    return _content(text, begin, "&lt;" if tag[0] == "&gt;" else "<")


def _content(text: str, begin: int, mark: str) -> Span:
    """Return what precedes a mark, or is on the line, without surrounding blanks."""
    end = text.find(mark, begin, begin + _LONGEST_PART)
    content = text[begin : end if end >= 0 else values.line_end(text, begin)]
    begin += len(content) - len(content.lstrip())
    return begin, begin + len(content.strip())
