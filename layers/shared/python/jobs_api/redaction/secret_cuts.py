"""Finds the beginning of a secret before an ellipsis: a shortened text may end in the middle of a secret."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from jobs_api.redaction.secret_values import Span

_CUT: Final = re.compile(r"(?:…|\.\.\.)[\"'`)\]}\s]{0,8}\Z")
# The beginning of a secret of a known form, or of an address with a password before its `@`.
_BEGUN: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|LTAI|gh[oprsu]_|github_pat_|gl[a-z]{2,5}-|xox[a-z]-|xapp-|[srp]k_live_|whsec_|AIza|ya29\."
    r"|GOCSPX-|dapi|npm_|pypi-|dckr_pat_|hvs\.|jat_|eyJ|sk-|LS0tLS1)[\w.+/=-]{0,4000}"
    r"|[a-zA-Z][a-zA-Z0-9+.-]{0,31}://[^\s:/@?#\"'<>]{0,256}:(?P<password>(?!\d{1,5}(?:[/?#\s]|\Z))[^\s@\"'<>]{1,4000}))\Z"
)
_LONGEST: Final = 4400
_SHORTEST_PART: Final = 4


def find(text: str, secrets: Iterable[str]) -> Iterator[Span]:
    """Yield what precedes an ellipsis at the text's end, if it begins like a secret, known or of a known form."""
    cut = _CUT.search(text, max(0, len(text) - 16))
    if cut is None:
        return
    end = cut.start()
    before = text[max(0, end - _LONGEST) : end]
    if begun := _BEGUN.search(before):
        at = begun.start("password") if begun["password"] else begun.start()
        yield end - len(before) + at, end
    for secret in secrets:
        longest = min(len(secret) - 1, len(before), _LONGEST)
        kept = next((n for n in range(longest, _SHORTEST_PART - 1, -1) if before.endswith(secret[:n])), 0)
        if kept:
            yield end - kept, end
