"""Masks what looks like a secret in text that people outside see. In doubt a word is masked.

Several modules find secrets, each in another way. What one of them finds is masked; everything else stays unchanged,
byte for byte. The work is linear in the length of the text, which may be anything that a process printed.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

# The modules that find secrets are imported for the first text that may have one: their expressions take longer to
# compile than most functions take to start, and most requests show no such text.

type Span = tuple[int, int]

MASK: Final = "***"
# A shorter value would mask half of the text.
SHORTEST_VALUE: Final = 6
# A mask may replace what separated a name from its value. So the text is read again until nothing changes. A text that
# is longer than any that people see is read once.
MOST_ROUNDS: Final = 6
LONGEST_SHOWN: Final = 65_536

# A secret that was found is masked wherever the text repeats it: at most this many secrets, each up to this length.
MOST_REPEATED: Final = 8
LONGEST_REPEATED: Final = 256

# The beginnings of all names, addresses, headers and options by which a secret is found, and the length from which a
# word's form alone may make it a secret.
_SIGNS: Final = (
    *"pass pw secret token cred auth key jwt sess otp pin conn identified bearer basic cookie private".split(),  # noqa: SIM905
    *"kennwort senha contrase wachtwoord парол 密 口令 パスワード 비밀 @ :// ? & ; %3 %2 \u2026 ...".split(),  # noqa: SIM905
    *"adgangskode senord salasana has heslo parola clave signature motdepasse".split(),  # noqa: SIM905
    *(" -p", " -u", " -a", " -w", " -b", " -k", "mot de", "mot_de", "mot-de"),
)
_SHORTEST_FORM: Final = 12

__all__ = ["MASK", "SHORTEST_VALUE", "is_secret_name", "masked", "secret_values", "shown"]


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text with masks for everything that looks like a secret, and for these known secrets.

    Up to 64 K characters, a second call changes nothing more.
    """
    known = [secret for secret in set(secrets) if secret.strip("*")]
    if not known and len(text) <= 256 and _is_harmless(text):
        return text
    for _ in range(MOST_ROUNDS if len(text) <= LONGEST_SHOWN else 1):
        before, text = text, _masked_once(text, known)
        if text == before:
            break
    return text


@lru_cache(maxsize=2048)
def shown(text: str) -> str:
    """Return a text for people: masked, and shortened to what people read. Cached, since lists repeat the same texts.

    Every text that leaves this service and came from a log, a cluster, a command or another service passes here.
    """
    if len(text) > LONGEST_SHOWN:
        text = text[: LONGEST_SHOWN - 1] + "…"
    return masked(text)


def is_secret_name(name: str) -> bool:
    """Return whether a variable, header or field has a secret, judged by its name."""
    from jobs_api.redaction import secret_names  # noqa: PLC0415

    return secret_names.names_a_secret(name)


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """Return the values of those variables whose names say that they are secret."""
    return [value for name, value in environment.items() if len(value) >= SHORTEST_VALUE and is_secret_name(name)]


def _is_harmless(text: str) -> bool:
    """Return whether a short text has no sign of a secret at all, like most commands and messages."""
    low = text.lower()
    return not any(sign in low for sign in _SIGNS) and all(len(word) < _SHORTEST_FORM for word in text.split())


def _masked_once(text: str, secrets: Iterable[str]) -> str:
    pieces, at = list[str](), 0
    found = list(_found(text, secrets))
    for begin, end in _merged(sorted([*found, *_repetitions(text, found)])):
        pieces += [text[at:begin], MASK]
        at = end
    return "".join([*pieces, text[at:]]) if pieces else text


def _found(text: str, secrets: Iterable[str]) -> Iterator[Span]:
    from jobs_api.redaction import secret_cuts, secret_forms, secret_places, secret_uses  # noqa: PLC0415
    from jobs_api.redaction.secret_names import small  # noqa: PLC0415

    for secret in secrets:
        yield from _everywhere(text, secret)
    yield from secret_cuts.find(text, secrets)
    yield from secret_uses.find(text, small(text))
    yield from secret_forms.find(text)
    yield from secret_places.find(text)


def _repetitions(text: str, found: list[Span]) -> Iterator[Span]:
    """Yield where a found secret is repeated: `parse "redis://:S@db": invalid port ":S" after host`."""
    from jobs_api.redaction.secret_words import looks_secret  # noqa: PLC0415

    values = dict.fromkeys(text[begin:end] for begin, end in found if SHORTEST_VALUE <= end - begin <= LONGEST_REPEATED)
    for value in islice(filter(looks_secret, values), MOST_REPEATED):
        if value != MASK:
            yield from _everywhere(text, value)


def _everywhere(text: str, secret: str) -> Iterator[Span]:
    at = text.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = text.find(secret, at + len(secret))


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans in order; spans that touch become one."""
    begin = end = -1
    for span in spans:
        if span[0] > end:
            if end > begin:
                yield begin, end
            begin, end = span
        end = max(end, span[1])
    if end > begin:
        yield begin, end
