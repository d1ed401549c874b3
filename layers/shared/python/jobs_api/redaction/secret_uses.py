"""Finds secrets by the name before them: a value that is assigned, stated in a sentence, beside or below the name."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from jobs_api.redaction import secret_values as values
from jobs_api.redaction.secret_assigned import CLOSE, NEXT_LINE, NO_VALUE, assigned, is_parsed
from jobs_api.redaction.secret_names import Name, next_name
from jobs_api.redaction.secret_pairs import paired, tagged
from jobs_api.redaction.secret_values import GAP, Span
from jobs_api.redaction.secret_words import is_plain, looks_secret

_FOR: Final = rf"{GAP}++(?:for|of){GAP}++(?:(?:user|account|role|login|database){GAP}++)?[^\s:=]{{1,64}}+"
_IS: Final = re.compile(
    rf"{CLOSE}?(?:{_FOR})?{GAP}++(?:(?:is|was|are|be){GAP}++)?(?:now{GAP}++)?"
    rf"(?:set{GAP}++to|changed{GAP}++to|equals?|equal{GAP}++to|is|was|are)(?![\w-]){GAP}*+[:=]?{GAP}*+",
    re.IGNORECASE,
)
_FOR_WHOM: Final = re.compile(
    rf"{CLOSE}?(?:{_FOR}|{GAP}++(?:provided|given|supplied|received|used|entered)){GAP}*+[:=]{GAP}*+", re.IGNORECASE
)
_BLANK: Final = re.compile(rf"{GAP}*+(?P<cell>[|\u2502]){GAP}*+|{GAP}++(?:\\\r?\n{GAP}*+)?")
_OF_LETTERS: Final = re.compile(r"\w\w")
# `secret "dbt-env" not found`: Kubernetes names the object so, not its content.
_NAMED: Final = re.compile(
    r"[\"'`]\s(?:(?:was|is)\s)?(?:not|does|do|forbidden|already|in|of|on|for|cannot|has|could|exists|from|must)\b"
)
_OBJECTS: Final = re.compile(r"(?:secret|credential)s?|tokens", re.IGNORECASE)
# Most names in ordinary text: the next word is none of those after which a value comes.
_IN_A_SENTENCE: Final = re.compile(
    r" (?!(?:is|was|are|be|now|set|changed|equals?|for|of)(?![a-z]))[a-z]{1,32}+(?=[ \r\n.,]|\Z)"
)
_ALONE: Final = re.compile(r"[\s\"'`>*-]*+\Z")
_ONE_WORD: Final = re.compile(rf"[^\s=:(),]{{4,}}+(?={GAP}*+(?:[\r\n]|\Z))")

type Form = Callable[[str, Name], Span | None]


def find(text: str, low: str) -> Iterator[Span]:
    """Yield the places of values of secret names; `low` is the text in small letters."""
    at = 0
    while name := next_name(text, low, at):
        found = None
        if not _IN_A_SENTENCE.match(text, name.end) or _takes_any_word(text[name.start : name.end]):
            found = next((span for form in _FORMS if (span := form(text, name))), None)
        at = name.end
        if found and found[0] < found[1]:
            yield found
            at = max(at, found[1])


def _after_verb(text: str, name: Name) -> Span | None:
    verb = _IS.match(text, name.end) or _FOR_WHOM.match(text, name.end)
    if not verb or is_parsed(text, name):
        return None
    if quoted := values.quoted(text, verb.end()):
        return quoted[0]
    span = values.word(text, verb.end())
    if span is None or is_plain(text[span[0] : span[1]]) or NO_VALUE.match(text, span[0]):
        return None
    return _without_full_stop(text, span)


def _adjacent(text: str, name: Name) -> Span | None:
    """Only a blank before the value: `--token abc`, `x-api-key abc`, `PASSWORD 'abc'`, `password x7Gh2k`."""
    blank = _BLANK.match(text, name.end)
    word = text[name.start : name.end]
    if not blank or word.lower() in {"pass", "auth", "pin", "otp"} or is_parsed(text, name):
        return None
    at = blank.end()
    is_flag = (word.startswith("-") and len(word) > 2) or word.lower().startswith("identified ")
    if enclosed := values.quoted(text, at) or values.bracketed(text, at, braces=False):
        return enclosed[0] if is_flag or _is_enclosed_secret(text, at, word, enclosed[0]) else None
    if text.startswith("(", at) and text[name.anchor : name.anchor + 5].lower() == "passw":
        at += 1
    span = values.word(text, at)
    said = text[span[0] : min(span[1], span[0] + 4096)] if span else ""
    if span is None or (is_flag and (said.startswith("-") or is_plain(said))):
        return None
    is_header = _takes_any_word(word) and not blank["cell"] and said[0] not in "(|.=<-[{*"
    if is_flag or looks_secret(said) or (is_header and not is_plain(said)):
        return span if is_flag else _without_full_stop(text, span)
    return None


def _is_enclosed_secret(text: str, at: int, word: str, span: Span) -> bool:
    """Return whether a word in quotation marks or angles beside a name is a secret, and no name or punctuation."""
    if text[at] in "<[":
        return text[at] == "<" and not is_plain(text[slice(*span)])
    names_it = _OBJECTS.fullmatch(word) and _NAMED.match(text, span[1])
    is_mark = word.lower() == "token" and not _OF_LETTERS.search(text, *span)
    return not (names_it or is_mark)


def _takes_any_word(word: str) -> bool:
    """Return whether a blank alone separates this name from its value: `--token`, `x-api-key`, `IDENTIFIED BY`."""
    return "-" in word or word.lower().startswith("identified ")


def _on_next_line(text: str, name: Name) -> Span | None:
    """A name alone on its line, and a single word on the next line."""
    below = NEXT_LINE.match(text, name.end)
    if not below or _indent_of_alone(text, name) is None:
        return None
    value = _ONE_WORD.match(text, below.end())
    return value.span() if value and "***" not in value[0] and not is_plain(value[0]) else None


def _indent_of_alone(text: str, name: Name) -> int | None:
    line = text[text.rfind("\n", max(0, name.start - 64), name.start) + 1 : name.start]
    return len(line) if _ALONE.match(line) else None


def _without_full_stop(text: str, span: Span) -> Span:
    return (span[0], span[1] - 1) if text[span[1] - 1] == "." and span[1] - span[0] > 1 else span


_FORMS: Final[tuple[Form, ...]] = (assigned, paired, tagged, _after_verb, _adjacent, _on_next_line)
