"""The tokens of an expression, one after the other."""

import re
from collections.abc import Mapping

from local.emulator.errors import AwsError, invalid

EXPRESSION_BYTES = 4096
_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),.\[\]+-]|[:#][A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*|[0-9]+)")


class Tokens:
    """The tokens of one expression, and how many of them are read; `kind` is the parameter that has the text."""

    def __init__(self, kind: str, text: str, names: Mapping[str, str]) -> None:
        self._kind = kind
        self._names = names
        self._tokens = self._tokenized(text)
        self._at = 0

    def _peek(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        found = self._peek() == token
        self._at += found
        return found

    def _take_word(self, word: str) -> bool:
        found = self._peek().upper() == word
        self._at += found
        return found

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._syntax_error()

    def _expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise self._syntax_error()

    def _syntax_error(self) -> AwsError:
        near = " ".join(self._tokens[max(0, self._at - 1) : self._at + 2])
        token = self._peek() or "<EOF>"
        return invalid(f'Invalid {self._kind}: Syntax error; token: "{token}", near: "{near}"')

    def _tokenized(self, text: str) -> list[str]:
        if not text.strip():
            raise invalid(f"Invalid {self._kind}: The expression can not be empty;")
        if len(text.encode()) > EXPRESSION_BYTES:
            raise invalid(f"Invalid {self._kind}: Expression size has exceeded the maximum allowed size;")
        tokens, at, end = [], 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if not found:
                raise invalid(
                    f'Invalid {self._kind}: Syntax error; token: "{text[at : at + 1]}", near: "{text[at : at + 10]}"'
                )
            tokens.append(found[1])
            at = found.end()
        return tokens
