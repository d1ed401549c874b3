"""Masks what looks like a secret in text that leaves for other people's screens: better one word too many."""

import re
from collections.abc import Iterable, Mapping

MASK = "***"

_NAME = r"[\w.-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w.-]*"
SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
# Shorter values of such variables would mask half of the text.
SHORTEST_VALUE = 6

_PATTERNS: list[tuple[re.Pattern[str], str]] = [
    # A key in PEM, cut off at the end of the text or not.
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    # The password in a URL: postgresql://user:password@host.
    (re.compile(r"(?P<kept>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/]+(?=@)", re.IGNORECASE), rf"\g<kept>{MASK}"),
    (re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}", re.IGNORECASE), rf"\g<kept>{MASK}"),
    # password=..., "token": "...", AccountKey=...; quoted values to their quote, others to what ends a word.
    (
        re.compile(
            rf"(?P<kept>(?:{_NAME}|\bAccountKey|\bSharedAccessSignature)[\"']?\s*(?:=>?|:)\s*)"
            r"(?:\"[^\"\n]*\"?|'[^'\n]*'?|[^\s,;&\"')}\]]+)",
            re.IGNORECASE,
        ),
        rf"\g<kept>{MASK}",
    ),
    (re.compile(rf"(?P<kept>--{_NAME}\s+)(?:\"[^\"\n]*\"?|'[^'\n]*'?|[^\s-]\S*)", re.IGNORECASE), rf"\g<kept>{MASK}"),
    # What is a secret by its own form: AWS key ids, GitHub, Slack, Stripe-like, Google, webhooks, our own, JWTs.
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[oprsu]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
            r"|xox[abeprs]-[\w-]{8,}|xapp-[\w-]{8,}|[rs]k_(?:live|test)_\w{8,}|AIza[\w-]{30,}|dapi[0-9a-f]{28,}"
            r"|whsec_[\w+/=-]{8,}|jat_[0-9a-z]+_[\w-]{8,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
        ),
        MASK,
    ),
]


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text with everything masked that looks like a secret, and these known secrets wherever they stand."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """Return the values of those variables that their names call secret."""
    return [value for name, value in environment.items() if SECRET_NAME.search(name) and len(value) >= SHORTEST_VALUE]
