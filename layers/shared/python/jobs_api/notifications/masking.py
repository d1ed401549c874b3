"""Masks what looks like a secret in text that leaves for other people's screens: better one word too many.

Several modules find secrets, each by another sign; what any of them finds is masked, and all else stays as it was, byte
for byte. The work grows with the length of the text and no faster: a text is whatever somebody's process printed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from jobs_api.notifications import secret_forms, secret_places, secret_uses
from jobs_api.notifications.secret_names import is_secret_name, small
from jobs_api.notifications.secret_values import Span

MASK: Final = "***"
# Shorter values of such variables would mask half of the text.
SHORTEST_VALUE: Final = 6
# What is masked may be what kept a name and its value apart, so that a text is read again until nothing changes; one
# that is longer than anything that is shown is read once.
MOST_ROUNDS: Final = 6
LONGEST_SHOWN: Final = 65_536

__all__ = ["MASK", "SHORTEST_VALUE", "is_secret_name", "masked", "secret_values"]


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text with everything masked that looks like a secret, and these known secrets wherever they stand.

    Masked once more, it stays as it is, up to 64 K characters.
    """
    known = [secret for secret in set(secrets) if secret.strip("*")]
    for _ in range(MOST_ROUNDS if len(text) <= LONGEST_SHOWN else 1):
        before, text = text, _masked_once(text, known)
        if text == before:
            break
    return text


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """Return the values of those variables that their names call secret."""
    return [value for name, value in environment.items() if len(value) >= SHORTEST_VALUE and is_secret_name(name)]


def _masked_once(text: str, secrets: Iterable[str]) -> str:
    pieces, at = list[str](), 0
    for begin, end in _together(sorted(_found(text, secrets))):
        pieces += [text[at:begin], MASK]
        at = end
    return "".join([*pieces, text[at:]]) if pieces else text


def _found(text: str, secrets: Iterable[str]) -> Iterator[Span]:
    for secret in secrets:
        yield from _everywhere(text, secret)
    yield from secret_uses.find(text, small(text))
    yield from secret_forms.find(text)
    yield from secret_places.find(text)


def _everywhere(text: str, secret: str) -> Iterator[Span]:
    at = text.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = text.find(secret, at + len(secret))


def _together(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans in order, those as one that touch."""
    begin = end = -1
    for span in spans:
        if span[0] > end:
            if end > begin:
                yield begin, end
            begin, end = span
        end = max(end, span[1])
    if end > begin:
        yield begin, end
