"""Finds the value that is assigned to a secret's name: `password=...`, `"token": "..."`, `<password>...`, a pair."""

import re
from typing import Final

from jobs_api.redaction import secret_values as values
from jobs_api.redaction.secret_names import Name
from jobs_api.redaction.secret_values import GAP, Span

# What may stand between a name and its `=`: the mark or bracket that its quotation or index ends with.
CLOSE: Final = r"(?:\\*+[\"'`]|%2[27]|&(?:quot|apos|\#0{0,4}3[49]);|\\+u002[27]|[\])}\u201d\u2019\xbb*])"
# Tags that only say how a text looks, and cells of a table.
_LOOK: Final = r"(?:</?(?:b|i|br|em|strong|span|code|p|div|td|dd|th|dt)(?:\s[^<>]{0,100}+)?\s?/?>)"
_SEPARATOR: Final = re.compile(
    rf"(?:{CLOSE}|{_LOOK}){{0,4}}+(?:{GAP}|\.)*+(?:\r?\n{GAP}*+)?"
    r"(?P<sign>={1,4}>|-{1,4}>|:=|!=|<>|={1,3}|:(?![:/]/?)|[\uff1a\uff1d\u2192]|&\#0{0,4}61;|\\u003[ADad]|\\x3[ADad]"
    rf"|%(?:25){{0,3}}3[ADad])(?:[*_]{{1,2}}(?=\s))?{_LOOK}{{0,4}}+{GAP}*+{_LOOK}{{0,4}}+"
    # An anchor or a tag of YAML.
    rf"(?:[&!][\w!:/.-]{{0,64}}+{GAP}++(?=\S)){{0,2}}+"
)
_CELL: Final = re.compile(r"\s{0,8}</(?:td|th|dt)>\s{0,64}<(?:td|dd|th)(?:\s[^<>]{0,100}+)?>")
# A field of a form: its headers, an empty line, its value.
_FIELD: Final = re.compile(r"\"(?:;[^\r\n]{0,200}+)?\r?\n(?:[\w-]{1,40}: [^\r\n]{0,200}+\r?\n){0,3}+\r?\n(?=[^\r\n])")
_ENCODED_BLANKS: Final = re.compile(r"(?:%(?:25){0,3}20)*+")
_CALL: Final = re.compile(rf"\({GAP}*+(?=[\"'])")
NEXT_LINE: Final = re.compile(rf"\r?\n(?P<indent>{GAP}*+)(?:-{GAP}++)?(?![\r\n])")
# The other half of a pair: {"name": "DB_PASSWORD", "value": "..."}, over several lines too.
_PAIR: Final = re.compile(
    rf"{CLOSE}{{0,2}}+[\s,;&]{{1,64}}+(?:\\*+[\"'])?(?:value|val|content|default)(?:\\*+[\"'])?\s{{0,8}}+[:=]{GAP}*+",
    re.IGNORECASE,
)
_SECOND: Final = re.compile(rf"\\*+[\"']{GAP}*+,{GAP}*+(?=[bu]?\\*+[\"'])")
_TAG: Final = re.compile(r"[\"']?(?:\s[^<>\r\n]{0,200}+)?(?<!/)>|&gt;")
_OPEN_TAG: Final = re.compile(r"<(?![/!?])[^<>]{0,100}+\Z|&lt;(?:[\w-]{1,40}+:)?\Z")
# What is no value, to the end of the line or of its sentence: `token: required`, `password=None`, `secret: text`.
NO_VALUE: Final = re.compile(
    r"(?:(?:field|is|value)\s)?(?:required|missing|invalid|expired|revoked|rejected|incorrect|wrong|empty|unset|undefined"
    r"|not\s(?:found|set|provided|given|valid|allowed|null)|none|null|nil|true|false|str|string|text|int|integer|bool"
    r"|boolean|varchar)(?![^\s.,;:!)\]}\"'])(?=[\s.,;:!)\]}\"']{0,4}(?:[\r\n]|\Z)|[.,;)\]}])",
    re.IGNORECASE,
)
# dbt counts what passed: `PASS=14`, `"pass": 14`.
_PASSED: Final = re.compile(r"\d{1,9}(?!\w)")
_MAPPING: Final = re.compile(r"[ \t]*+(?:-[ \t]++)?[\"']?[\w.-]{1,64}+[\"']?:(?:\s|\Z)")
# credentials=(aws_key_id='...' aws_secret_key='...'): the names inside are secret enough.
_NESTED: Final = re.compile(r"\(\s{0,8}[\w.-]{1,64}\s{0,8}=")
_COMMENT: Final = re.compile(r"[ \t]#")
# `expected token 'end of print statement'`: a parser's tokens are no secrets.
_PARSED: Final = re.compile(
    r"(?:expected|unexpected|unrecognized|extraneous|mismatched|next|previous|current|last|first|found|near|at|start"
    r"|end|any|syntax)\s\Z",
    re.IGNORECASE,
)
# `TokenError: ...` begins a message.
_CLASSES: Final = ("Error", "Exception", "Warning", "Failure", "Fault", "Manager", "Source")
# Of a text that goes on without its end no more than this is looked at.
_LONGEST_PART: Final = 4096


def assigned(text: str, name: Name) -> Span | None:
    """`password=...`, `"password": ...`, the value on the next line too."""
    sign = _SEPARATOR.match(text, name.end) or _CALL.match(text, name.end)
    # `scheme://token:...@host` is an address, which is read as one.
    is_user = text.startswith("://", name.start - 3)
    if not sign or is_user or is_parsed(text, name) or text[name.start : name.end].endswith(_CLASSES):
        return None
    at = sign.end()
    if text[name.start : name.end].lower() == "pass" and _PASSED.match(text, at):
        return None
    said = (sign.groupdict().get("sign") or "(").strip()
    if said.startswith("%"):
        blanks = _ENCODED_BLANKS.match(text, at)
        at = blanks.end() if blanks else at
        quoted = values.quoted(text, at)
        return quoted[0] if quoted else values.word(text, at, encoded=True)
    if text[at : at + 1] in {"\r", "\n"}:
        return _on_next_line(text, at)
    return _value(text, at, name, said)


def _value(text: str, at: int, name: Name, sign: str) -> Span | None:
    """Return where the value stands that begins here: quoted, in brackets, a block or line of YAML, or a word."""
    if (
        NO_VALUE.match(text, at)
        or _NESTED.match(text, at)
        or (text.startswith("{", at) and not text.startswith("{{", at) and sign.endswith(":"))
    ):
        return None
    enclosed = values.quoted(text, at) or values.templated(text, at) or values.bracketed(text, at, braces=sign != ":")
    if enclosed:
        return enclosed[0]
    indent = _indent(text, name)
    if indent is not None and (block := values.block(text, at, indent)):
        return block
    if indent is not None and sign.endswith(":") and _in_mapping(text, name, at):
        return _scalar(text, at)
    span = values.word(text, at)
    return values.connection_word(text, span) if span and sign.endswith("=") else span


def _scalar(text: str, at: int) -> Span:
    """Return YAML's plain scalar, which may hold blanks."""
    line = text[at : values.line_end(text, at)]
    comment = _COMMENT.search(line)
    return at, at + len((line[: comment.start()] if comment else line).rstrip())


def _indent(text: str, name: Name) -> int | None:
    """Return how deep a name is indented that begins its line, None for one that does not."""
    floor = max(0, name.start - 200)
    before = text[text.rfind("\n", floor, name.start) + 1 if "\n" in text[floor : name.start] else floor : name.start]
    if floor and len(before) == name.start - floor:
        return None
    margin = before.rstrip("\"'")
    return len(margin) if not margin.strip(" \t-") else None


def _in_mapping(text: str, name: Name, at: int) -> bool:
    """Tell whether the line before or after is one of a mapping in YAML too."""
    after = values.line_end(text, at) + 1
    line = text.rfind("\n", max(0, name.start - 200), name.start) + 1
    before = text.rfind("\n", max(0, line - 201), max(0, line - 1)) + 1
    return bool(_MAPPING.match(text, after) or (line and _MAPPING.match(text, before)))


def _on_next_line(text: str, at: int) -> Span | None:
    below = NEXT_LINE.match(text, at)
    if not below or _MAPPING.match(text, at + len(below[0]) - len(below[0].lstrip())):
        return None
    at = below.end()
    if quoted := values.quoted(text, at):
        return quoted[0]
    return None if text[at : at + 1] in {"{", "[", "#"} else values.word(text, at)


def paired(text: str, name: Name) -> Span | None:
    """`name: PASSWORD, value: ...`, `("password", "...")`."""
    if second := _PAIR.match(text, name.end):
        at = second.end()
        quoted = values.quoted(text, at)
        return quoted[0] if quoted else values.word(text, at)
    if text[name.start - 6 : name.start] == 'name="' and (field := _FIELD.match(text, name.end)):
        return field.end(), values.line_end(text, field.end())
    # ("password", "..."): two in brackets.
    if second := _SECOND.match(text, name.end):
        quoted = values.quoted(text, second.end())
        opened = text[max(0, name.start - 8) : name.start].rstrip("\"'\\bu").rstrip()[-1:]
        if quoted and opened in {"(", "["} and text[quoted[1] : quoted[1] + 1] in {")", "]"}:
            return quoted[0]
    return None


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
    """Return what stands before a mark, or on the line, without the blanks around it."""
    end = text.find(mark, begin, begin + _LONGEST_PART)
    content = text[begin : end if end >= 0 else values.line_end(text, begin)]
    begin += len(content) - len(content.lstrip())
    return begin, begin + len(content.strip())


def is_parsed(text: str, name: Name) -> bool:
    """Tell whether a parser speaks of a token of its own."""
    is_token = text[name.start : name.end].lower() in {"token", "tokens"}
    return is_token and bool(_PARSED.search(text[max(0, name.start - 16) : name.start]))
