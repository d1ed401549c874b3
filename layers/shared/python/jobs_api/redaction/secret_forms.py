"""Finds secrets by their own form, whatever precedes them: keys of known providers, JWTs, keys in PEM."""

import re
from collections.abc import Iterator
from typing import Final

from jobs_api.redaction.secret_values import Span, line_end

# Sources: the providers' documentation, and the rules of gitleaks, detect-secrets and GitHub's secret scanning.
_PREFIXED: Final = (
    r"(?:AKIA|ASIA|ABIA|ACCA|LTAI|AKID)[A-Za-z0-9]{12,}|ABSK[A-Za-z0-9+/]{40,}=*",  # AWS, Alibaba, Tencent
    r"gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{16,}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-[\w.-]{16,}|GR1348941[\w-]{16,}",
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-[\w-]{8,}",  # Slack
    r"(?:sk|rk|pk)_(?:live|test|prod)_\w{8,}|whsec_[\w+/=-]{8,}",  # Stripe, signed webhooks
    r"sk-(?=[\w-]{0,80}\d)[\w-]{20,}|(?:hf|r8|gsk|ntn)_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|pplx-[A-Za-z0-9]{20,}",
    r"AIza[\w-]{20,}|ya29\.[\w.-]{10,}|GOCSPX-[\w-]{10,}|1//0[\w-]{20,}",  # Google
    r"(?:dapi|dkea|dose|ddbt)[0-9a-f]{16,}(?:-\d)?",  # Databricks
    r"dbt[cus]_(?=[\w-]{0,40}\d)[\w-]{16,}",  # dbt Cloud
    r"npm_[A-Za-z0-9]{20,}|pypi-[\w-]{32,}|rubygems_[0-9a-f]{20,}|dckr_(?:pat|oat)_[\w-]{16,}",
    r"do[opr]_v1_\w{20,}|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{16,}|SG\.[\w-]{8,200}+\.[\w-]{8,}|xkeysib-[\w-]{20,}",
    r"key-[0-9a-f]{32}|sq0[a-z]{3}-[\w-]{20,}|PMAK-[\w-]{20,}|NR(?:AK|II|JS|RA)-[\w-]{16,}|lin_(?:api|oauth)_\w{16,}",
    r"AT(?:ATT|CTT|BB)[\w=-]{20,}|hv[bsr]\.[\w-]{24,}|atlasv1\.[\w-]{16,}|dt0[a-z]\d{2}\.[\w.-]{16,}",
    r"gl(?:sa|c)_(?=[\w+/=-]{0,40}\d)[\w+/=-]{16,}|sntry[su]_[\w+/=-]{16,}|ops_eyJ[\w-]{16,}|tskey-[\w-]{16,}",
    r"AGE-SECRET-KEY-1\w{20,}|pul-[0-9a-f]{20,}|sb[p]_[0-9a-f]{20,}|sb_secret_[\w-]{16,}|figd_[\w-]{16,}|CFPAT-[\w-]{16,}",
    r"pscale_(?:tkn|pw|oauth)_[\w.-]{16,}|pat-(?:na|eu)\d-[\w-]{16,}|rdme_[0-9a-z]{20,}|\d{8,10}:AA[\w-]{30,}",
    r"EAA[A-Za-z0-9]{60,}|sgp_[0-9a-f_]{32,}|sq[apu]_[0-9a-f]{40}|AKCp[A-Za-z0-9]{20,}|sha256~[\w-]{40,}|oy2[a-z0-9]{43}",
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:\w{1,40}\.)?\w{20,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}|fo1_[\w-]{40,}|fm2_[\w+/=]{40,}",
    r"(?:nfp|tfp|pnu|napi|bkua|rnd|mzp|ldpat|shippo_(?:live|test)|CCIPAT|CLOJARS|duffel_(?:live|test))_(?=\w{0,40}\d)\w{16,}",
    r"AVNS_[\w-]{16,}|HRKU-[\w-]{30,}|EZ[AT]K[A-Za-z0-9]{50,}|sl\.[\w-]{100,}|p8e-[a-z0-9]{32}|SK[0-9a-f]{32}",
    r"[0-9a-f]{32}-us\d{1,2}|API-[A-Z0-9]{26}|(?:phc|phx)_[A-Za-z0-9]{30,}|ver:\d-hint:\d{1,20}-[\w+/=%-]{16,}",
    r"[MNO][A-Za-z0-9_-]{23,25}\.[\w-]{6}\.[\w-]{27,}",  # Discord
    r"jat_[0-9a-z]{1,40}_[\w-]{8,}",  # this service's own
    r"eyJ[\w-]{8,}(?:\.[\w-]*){0,5}[\w+/=-]*",  # JWTs, and JSON in Base64
    r"LS0tLS1CRUdJTi[\w+/=-]{8,}",  # PEM in Base64
)
# To the end of the word: a key may be longer than the known ones.
_FORMED: Final = re.compile(r"(?:" + "|".join(_PREFIXED) + r")(?:[\w=]++)?+")
_ENTRA: Final = re.compile(r"[\w~.]{3}[78]Q~[\w~.-]{31,34}")
# A parameter of an address that is its signature, or a key.
_PARAMETER: Final = re.compile(
    r"[?&;](?:sig|signature|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|code|key|sas"
    r"|hmac|apikey|api_key|client_secret|access_token|id_token|refresh_token)=([^\s&\"'<>#]++)",
    re.IGNORECASE,
)
# The secret of a chat's incoming webhook is in its path.
_HOOK: Final = re.compile(
    r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
    r"|webhook\.office\.com/webhookb2|outlook\.office\.com/webhook|api\.telegram\.org/bot)/?([^\s\"'<>]++)"
)
_MARK: Final = re.compile(
    r"-----(?P<edge>BEGIN|END) (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"|---- (?P<ssh2>BEGIN|END) SSH2 ENCRYPTED PRIVATE KEY ----"
)
_PUTTY: Final = re.compile(r"Private-Lines: \d{1,6}(?=\r?\n)")
# A line of such a key: Base64, or a header; a log may put other text before it.
_KEY_LINE: Final = re.compile(
    r"[^\w\r\n*]{0,8}(?:[\w-]{1,40}: [^\r\n]*+|[A-Za-z0-9+/]*+={0,2}\s{0,8}"
    r"|[^\r\n]{0,64}?[A-Za-z0-9+/]{24,}+={0,2}\W{0,8})(?:[\r\n]|\Z)"
)
# The first line of such a key, which is the whole key where line breaks are written as `\\n`.
_KEY_ON_LINE: Final = re.compile(r"(?:[\w+/=:,. \t-]|\\+[nrt])*+")
_LONGEST_KEY: Final = 32_768


def find(text: str) -> Iterator[Span]:
    """Yield the places of secrets of a known form."""
    for found in _FORMED.finditer(text):
        if not text[found.start() - 1 : found.start()].isalnum() or found.start() == 0:
            yield found.span()
    if "Q~" in text:
        yield from (found.span() for found in _ENTRA.finditer(text))
    for pattern in (_PARAMETER, _HOOK):
        yield from (found.span(1) for found in pattern.finditer(text))
    if "PRIVATE KEY" in text:
        yield from _keys(text)
    done = 0
    for found in _PUTTY.finditer(text):
        if found.end() >= done:
            done = _end_of_key_lines(text, found.end(), len(text))
            yield found.end(), done


def _keys(text: str) -> Iterator[Span]:
    """Yield keys in PEM: to their end, or to their last line where a log or a message was shortened."""
    marks = [(found["edge"] or found["ssh2"], *found.span()) for found in _MARK.finditer(text)]
    done = 0
    for at, (edge, begin, end) in enumerate(marks):
        if begin < done:
            continue
        after = marks[at + 1] if at + 1 < len(marks) else None
        if edge == "END":
            span = (_above(text, begin, done), end)
        elif after and after[0] == "END" and after[1] - end <= _LONGEST_KEY:
            span = (begin, after[2])
        else:
            span = (begin, _end_of_key_lines(text, end, after[1] if after else len(text)))
        yield span
        done = span[1]


def _end_of_key_lines(text: str, at: int, limit: int) -> int:
    """Return where the lines of a key without an end marker end."""
    own = _KEY_ON_LINE.match(text, at, limit)
    at = own.end() if own else at
    while at < limit and text[at] in "\r\n":
        start = at + (2 if text.startswith("\r\n", at) else 1)
        if start >= limit or not _KEY_LINE.match(text, start):
            break
        at = line_end(text, start, limit)
    return at


def _above(text: str, at: int, floor: int) -> int:
    """Return where the lines of a key without a begin marker begin."""
    begin = text.rfind("\n", floor, at) + 1 or floor
    while begin > floor:
        start = text.rfind("\n", floor, begin - 1) + 1 or floor
        line = text[start:begin].strip()
        if len(line) < 16 or not _KEY_LINE.match(text, start):
            break
        begin = start
    return begin + len(text[begin:at]) - len(text[begin:at].lstrip())
