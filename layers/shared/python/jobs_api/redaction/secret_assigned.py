"""Finds the value that is assigned to a secret's name: `password=...`, `"token": "..."`, with any sign."""

import re
from typing import Final

from jobs_api.redaction import secret_values as values
from jobs_api.redaction.secret_names import Name
from jobs_api.redaction.secret_values import GAP, Span
from jobs_api.redaction.secret_words import looks_secret

# The text between a name and its `=`: the quotation mark or bracket that ends its quotation or index.
CLOSE: Final = r"(?:\\*+[\"'`]|%2[27]|&(?:quot|apos|\#0{0,4}3[49]);|\\+u002[27]|[\])}\u201d\u2019\xbb*])"
# Tags for the look of a text, and for cells of a table.
_LOOK: Final = r"(?:</?(?:b|i|br|em|strong|span|code|p|div|td|dd|th|dt)(?:\s[^<>]{0,100}+)?\s?/?>)"
_SEPARATOR: Final = re.compile(
    # `password (again):`, `passwords[0] =`.
    rf"(?:{CLOSE}|{_LOOK}){{0,4}}+(?:{GAP}?\([^()\r\n]{{1,60}}+\)|{GAP}?\[[^\[\]\r\n]{{1,60}}+\])?"
    rf"(?:{GAP}|\.|%(?:25){{0,3}}20)*+(?:\r?\n{GAP}*+)?"
    r"(?P<sign>={1,4}>|-{1,4}>|~>|<-(?!-)|:=|!=|<>|[?+]=|\|\|=|={1,3}|:(?![:/]/?)"
    r"|[\uff1a\uff1d\u2192]|&\#0{0,4}61;|\\u003[ADad]|\\x3[ADad]"
    rf"|%(?:25){{0,3}}3[ADad])(?:[*_]{{1,2}}(?=\s))?{_LOOK}{{0,4}}+{GAP}*+{_LOOK}{{0,4}}+"
    # An anchor or a tag of YAML.
    rf"(?:[&!][\w!:/.-]{{0,64}}+{GAP}++(?=\S)){{0,2}}+"
)
_ENCODED_BLANKS: Final = re.compile(r"(?:%(?:25){0,3}20)*+")
# A call or a tuple: of one, or of a user and a password.
_CALL: Final = re.compile(rf"\({GAP}*+(?:[bu]?[\"'][^\"'\r\n]{{0,200}}+[\"']{GAP}*+,{GAP}*+)?(?=[bu]?[\"'])")
# The end of a line of a shell that continues on the next line.
_CONTINUED: Final = re.compile(r"\\\r?\n")
NEXT_LINE: Final = re.compile(rf"\r?\n(?P<indent>{GAP}*+)(?:-{GAP}++)?(?![\r\n])")
# Text that is not a value, to the end of the line or of its sentence: `token: required`, `password=None`,
# `secret: text`.
NO_VALUE: Final = re.compile(
    r"(?:(?:field|is|value)\s)?(?:required|missing|invalid|expired|revoked|rejected|incorrect|wrong|empty|unset|undefined"
    r"|not\s(?:found|set|provided|given|valid|allowed|null)|none|null|nil|true|false|yes|no|[\w.]{1,64}\(\)|str|string|text|int|integer|bool"
    r"|boolean|varchar)(?![^\s.,;:!)\]}\"'])(?=[\s.,;:!)\]}\"']{0,4}(?:[\r\n]|\Z)|[.,;)\]}])",
    re.IGNORECASE,
)
# `could not load credentials: the file is empty`.
_SAID: Final = re.compile(
    r"(?:an?|the|its?|who|which|that|this|there|must|cannot|could|should|is|was|has|not|you|your|they|if|when|because"
    r"|expected|unable|failed)\s(?=[a-z]{2,32}+(?![^\s.,;]))|(?:access|permission)\s(?:is\s|was\s)?denied",
    re.IGNORECASE,
)
# dbt's counts of passed tests: `PASS=14`, `"pass": 14`.
_PASSED: Final = re.compile(r"\d{1,4}(?!\w)")
# `max_tokens: 4096`, `token_count=12`: how many there are.
_COUNTED: Final = re.compile(r"(?:\w{0,60}_)?tokens|tokens?_count", re.IGNORECASE)
_FEW: Final = re.compile(r"\d{1,7}(?![\w.-])")
# `volume "creds" : secret "creds" not found`: the next word is another name.
_ANOTHER: Final = re.compile(r"(?:secret|credential)s?\s[\"']")
# `model user_tokens: Catalog Error: ...`, as an alert says what failed and why: the value would be a sentence.
_NODE: Final = re.compile(r"(?<!\w)(?:model|snapshot|audit|unit_test|analysis|function|(?P<named>source|test|seed)) \Z")
_SENTENCE: Final = re.compile(r": (?P<word>\S{1,200}+) \S")
_MAPPING: Final = re.compile(r"[ \t]*+(?:-[ \t]++)?[\"']?[\w.-]{1,64}+[\"']?:(?:\s|\Z)")
# credentials=(aws_key_id='...' aws_secret_key='...'): the names inside are found themselves.
_NESTED: Final = re.compile(r"\(\s{0,8}[\w.-]{1,64}\s{0,8}=")
_COMMENT: Final = re.compile(r"[ \t]#")
# `expected token 'end of print statement'`: the tokens of a parser are not secret.
_PARSED: Final = re.compile(
    r"(?:expected|expecting|unexpected|unrecognized|extraneous|mismatched|next|previous|current|last|first|found|near|at|start"
    r"|end|any|syntax)\s\Z",
    re.IGNORECASE,
)
# `TokenError: ...` is the beginning of a message.
_CLASSES: Final = ("Error", "Exception", "Warning", "Failure", "Fault", "Manager", "Source", "NotFound", "Expired")


def assigned(text: str, name: Name) -> Span | None:
    """`password=...`, `"password": ...`, the value on the next line too."""
    sign = _SEPARATOR.match(text, name.end) or _CALL.match(text, name.end)
    # `scheme://token:...@host` is an address; `secret_places` reads addresses.
    is_user = text.startswith("://", name.start - 3)
    if not sign or is_user or is_parsed(text, name) or text[name.start : name.end].endswith(_CLASSES):
        return None
    at = sign.end()
    if _is_count(text, name, at) or _is_node(text, name) or _ANOTHER.match(text, at) or _is_sentence(text, name, at):
        return None
    if pair := _CALL.match(text, at):
        at = pair.end()
    if _CONTINUED.match(text, at):
        return _on_next_line(text, at + 1)
    value = (sign.groupdict().get("sign") or "(").strip()
    if value.startswith("%"):
        blanks = _ENCODED_BLANKS.match(text, at)
        at = blanks.end() if blanks else at
        quoted = values.quoted(text, at)
        return quoted[0] if quoted else values.word(text, at, encoded=True)
    if text[at : at + 1] in {"\r", "\n"}:
        return _on_next_line(text, at)
    return _value(text, at, name, value)


def _is_count(text: str, name: Name, at: int) -> bool:
    """Return whether this is dbt's count of passed tests, or a number of tokens."""
    word = text[name.start : name.end][:64]
    if word.lower() == "pass":
        return _PASSED.match(text, at) is not None
    return _COUNTED.fullmatch(word) is not None and _FEW.match(text, at) is not None


def _is_sentence(text: str, name: Name, at: int) -> bool:
    """Return whether a sentence follows the colon; at the beginning of a line it may be a key of YAML."""
    return text[at - 2 : at] == ": " and _indent(text, name) is None and _SAID.match(text, at) is not None


def _is_node(text: str, name: Name) -> bool:
    """Return whether this is the name of something that failed, before a sentence that says why."""
    kind = _NODE.search(text[max(0, name.start - 16) : name.start])
    sentence = _SENTENCE.match(text, name.end)
    if not kind or not sentence or looks_secret(sentence["word"]):
        return False
    # `test password: ...` is not how dbt names a test.
    return not kind["named"] or bool(re.search(r"[._]", text[name.start : name.end]))


def _value(text: str, at: int, name: Name, sign: str) -> Span | None:
    """Return the place of the value that begins here: quoted, in brackets, a block or line of YAML, or a word."""
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
    """Return YAML's plain scalar, which may contain blanks."""
    line = text[at : values.line_end(text, at)]
    comment = _COMMENT.search(line)
    return at, at + len((line[: comment.start()] if comment else line).rstrip())


def _indent(text: str, name: Name) -> int | None:
    """Return the indentation of a name at the beginning of its line, None for any other."""
    floor = max(0, name.start - 200)
    before = text[text.rfind("\n", floor, name.start) + 1 if "\n" in text[floor : name.start] else floor : name.start]
    if floor and len(before) == name.start - floor:
        return None
    margin = before.rstrip("\"'")
    return len(margin) if not margin.strip(" \t-") else None


def _in_mapping(text: str, name: Name, at: int) -> bool:
    """Return whether the line before or after is also one of a YAML mapping."""
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


def is_parsed(text: str, name: Name) -> bool:
    """Return whether a parser names one of its own tokens."""
    is_token = text[name.start : name.end].lower() in {"token", "tokens"}
    return is_token and bool(_PARSED.search(text[max(0, name.start - 16) : name.start]))
