"""Names that say that a secret follows (`password`, `api_key`, `DB_TOKEN`), and their places in a text."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

# `password`, `passwd` and `passphrase` in other languages.
_ABROAD: Final = (
    "kennwort|senha|contrase|mot[ _-]?de[ _-]?passe|wachtwoord|парол|密码|密碼|密钥|口令|パスワード|비밀번호"
    "|adgangskode|passord|l(?:ö|oe?)senord|salasana|has[łl]o(?![a-z])|heslo(?![a-z])|parola(?![a-z])|clave(?<![a-z]clave)(?![a-z])"
)
# In small letters, so that the search need not compare cases. A word such as `pw` counts only as a separate part of a
# name: `db_pw`, but not `pwned`. The lookbehind comes last: the search is faster when a pattern begins with letters.
_ANCHOR: Final = re.compile(
    r"passw|pass[ _-]?phrase|pass[ _-]?code|passkey|pass(?![a-z])|pwd|pw(?<![a-z0-9]pw)(?![a-z])|secret|token(?!iz)"
    r"|bearer(?![a-z])|access[_-]?signature|credential|creds?(?<![a-z]cred)(?<![a-z]creds)(?![a-z])|auth(?<![a-z]auth)(?![a-z_.-])|jwt(?![a-z])|sessionid"
    r"|sessid|otp(?<![a-z]otp)(?![a-z])|pin(?<![a-z]pin)(?![a-z_.-])|basic_?auth(?![a-z])"
    r"|conn(?:ection)?[_ -]?str(?![a-hj-z])|key(?![a-z])|keypair"
    r"|identified (?:with [a-z0-9_]{1,40} )?by(?: password| values)?(?![a-z])|" + _ABROAD
)
# `pass` and `key` need one of these before them: `dbpass`, but not `bypass`; `api_key`, but not `unique_key`.
_PASSES: Final = tuple("db user ssh key store root my admin smtp ftp ldap".split())  # noqa: SIM905 - words are read better so
_KEYS: Final = tuple(
    "api app access private secret account encryption encrypt signing signature ssh master sas storage shared license "  # noqa: SIM905
    "subscription auth client service function functions host admin application consumer deploy hmac aes cipher crypto "
    "gpg pgp rsa dsa tls ssl webhook session security server ingest ingestion integration symmetric root token "
    "password vault stripe openai anthropic azure "
    "instrumentation publishable".split()
)
# Secret as the last word of a variable's or header's name, but too common in a text to search for.
_LAST_WORD: Final = re.compile(
    r"(?:\A|[_.-])(?:pat|bearer|cookies?|hmac|authorization|sa_?key|sas_ur[il]|(?:key_?file|service_?account)_(?:json|content|info))"
    r"(?:_?[0-9]{1,3})?\Z"
)
_WINDOW: Final = 16
# A `-` or `.` at its end is not part of the name: `token->`, `password.`
_REST: Final = re.compile(r"(?:\w|[.-]++(?=\w))*+")
_NAME_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
# How far to the left a name is read; to the right it is read to its end.
_LONGEST_LEFT: Final = 64


class Name(NamedTuple):
    """The place of a name: the `start` of its word, the `anchor` that makes it a secret's, and its `end`."""

    start: int
    anchor: int
    end: int


def names_a_secret(name: str) -> bool:
    """Return whether a variable, header or field has a secret, judged by its name."""
    low = small(name)
    return next(_anchors(name, low, 0), None) is not None or _LAST_WORD.search(low[-_LONGEST_LEFT:]) is not None


def small(text: str) -> str:
    """Return a text in small letters, with the same length."""
    # The only character that becomes two characters in small letters.
    return text.replace("\u0130", "I").lower()


def next_name(text: str, low: str, at: int) -> Name | None:
    """Return the first such name from a position on; `low` is the text in small letters."""
    found = next(_anchors(text, low, at), None)
    if found is None:
        return None
    rest = _REST.match(text, found.end())
    floor = max(at, found.start() - _LONGEST_LEFT)
    start = floor + len(text[floor : found.start()].rstrip(_NAME_CHARACTERS))
    return Name(start, found.start(), rest.end() if rest else found.end())


def _anchors(text: str, low: str, at: int) -> Iterator[re.Match[str]]:
    for found in _ANCHOR.finditer(low, at):
        begin = found.start()
        before = low[max(0, begin - _WINDOW) : begin]
        if found[0] == "key":
            is_secret = before.rstrip("_- .").endswith(_KEYS)
        elif found[0] == "pass":
            # `dbPass` is two words, `bypass` one.
            two_words = text[begin] == "P" and text[begin - 1 : begin].islower()
            is_secret = not before[-1:].isalpha() or two_words or before.endswith(_PASSES)
        else:
            is_secret = True
        if is_secret:
            yield found
