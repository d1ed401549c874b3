"""Finds secrets by their place: in an address, in an HTTP header, after an option of a program."""

import re
from collections.abc import Iterator
from typing import Final

from jobs_api.redaction.secret_values import GAP, Span, closing, quoted, word
from jobs_api.redaction.secret_words import is_plain, looks_secret

_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,31}\Z")
_USER: Final = re.compile(r"[^\s:/@?#\"'<>]{0,256}+")
_QUOTE: Final = re.compile(r"[\s\"'<>`|]")
_SPACE: Final = re.compile(r"\s")
_QUERY: Final = re.compile(r"[?#]")
_PORT: Final = re.compile(r"\d{1,5}(?=[/?#\"'\s,;)\]}]|\Z)")
# The path of these may have an `@` after a port. In other addresses an `@` there still ends the password.
_WITH_PATHS: Final = ("http", "https", "ws", "wss")
# In these the user may be the password, with any characters.
_WITHOUT_USERS: Final = ("redis", "rediss", "valkey", "valkeys")
# Users that are not secret without a password, and passwords that are only placeholders.
_OPEN_USERS: Final = frozenset({"git", "hg", "anonymous"})
_FILLERS: Final = frozenset({"", "x", "x-oauth-basic", "x-token-auth"})
_ENCODED: Final = re.compile(r"%3a%2f%2f[^\s%&\"'<>]{0,128}+%3a((?:[^\s%&\"'<>]|%(?!40|2f))++)%40", re.IGNORECASE)
# user:password@host, user:password@tcp(host), user/password@//host.
_BARE: Final = re.compile(
    r"(?<![\w.:/@%+-])(?P<user>[A-Za-z_][\w.-]{0,63}+)(?:"
    r":([^\s:/@\"'<>,;]{1,256}+)@(?=(?:tcp|udp|unix)\(|\[|/\w|(?!sha\d)[\w-])"
    r"|/([^\s:/@\"'<>,;]{1,256}+)@(?=//|[\w.-]{1,255}+:\d))"
)
_ORACLE: Final = re.compile(
    r"(?:thin:|(?:sqlplus|sqlldr|impdp|expdp|rman|conn(?:ect)?)\s(?:-\w\s){0,3})[\w.$-]{1,64}+/([^\s@\"'<>]{1,256}+)@"
)
# dbt says which value of a connection's parameters has the wrong type, but not which parameter.
_OF_A_PROFILE: Final = re.compile(
    r"Credentials in profile .{1,300}?\binvalid: (?:'([^'\r\n]{1,300}+)'|(\S{1,300}+)) is not\b", re.DOTALL
)
_NO_USERS: Final = frozenset(
    "mailto from to cc bcc email mail by author owner contact sender recipient git ssh".split()  # noqa: SIM905
)

_HEADER: Final = re.compile(
    rf"(?:authorization|cookie2?)(?:(?:\\*+[\"'`])?{GAP}*+(?:=>|[:=])|[\"']{GAP}*+,){GAP}*+", re.IGNORECASE
)
_NEXT_HEADER: Final = re.compile(r"[\r\n]|[\s,;]++(?=[A-Za-z][\w-]{1,40}:\s)")
# The quotation mark before the header's name, `"Authorization: Basic ..."`, also ends its value.
_OPENED: Final = re.compile(r"([\"'`])[\w-]{0,16}\Z")
_SCHEME_WORD: Final = re.compile(rf"(?P<word>[A-Za-z][\w-]{{0,31}}+){GAP}++(?=\S)")
_BEARER: Final = re.compile(rf"\b(?P<kind>bearer|basic){GAP}++(?=[\w.~+/$!*-])", re.IGNORECASE)
_AFTER_BEARER: Final = ("token", "realm=", "error=", "scope=")
_BASE64: Final = re.compile(r"[\w+/-]{0,200}?(?:\d|=|[a-z][A-Z])")

# Programs, and their options that take a password. With `:` or `%` it follows the user's name.
_PROGRAM: Final = re.compile(
    r"(?<![\w-])(?:(?P<glued>mysql|mariadb|7z)|(?P<small>sshpass|mongo|beeline|az|(?:docker|podman|helm|skopeo)\slogin)"
    r"|(?P<big>sqlcmd|bcp|isql|tsql|zip|unzip)|(?P<a>redis-cli)|(?P<w>ldap)|(?P<user>curl|wget|https?|xh|smbclient|lftp)"
    r"|(?P<openssl>openssl))[\w-]{0,16}+(?=[\s\"',])"
)
_OPTIONS: Final = {
    "glued": re.compile(r"(?<=[\s\"'])-p(?=[^\s\"',])|(?<=[\s\"'])-p(?=[\"'][^\s\"'])"),
    "small": re.compile(r"(?<=[\s\"'])-p(?:[\s=\"',]{1,8}+|(?=\S))"),
    "big": re.compile(r"(?<=[\s\"'])-P(?:[\s=\"',]{1,8}+|(?=\S))"),
    "a": re.compile(r"(?<=[\s\"'])-a(?:[\s=\"',]{1,8}+|(?=\S))"),
    "w": re.compile(r"(?<=[\s\"'])-w(?:[\s=\"',]{1,8}+|(?=\S))"),
    "user": re.compile(
        r"(?<=[\s\"'])(?:-u|-U|-a|--user|--proxy-user|--auth)[\s=\"',]{0,8}+[^\s:%,\"']{0,256}+[:%,](?!//)"
    ),
    "cookie": re.compile(r"(?<=[\s\"'])(?:-b|--cookie)[\s=\"',]{1,8}+"),
    "openssl": re.compile(r"(?<=[\s\"'=])pass:|(?<=\s)-[kK]\s"),
}


def find(text: str) -> Iterator[Span]:
    """Yield the places of secrets in addresses, headers and commands."""
    yield from _in_addresses(text)
    if "@" in text:
        for found in _BARE.finditer(text):
            if found["user"].lower() not in _NO_USERS:
                yield found.span(found.lastindex or 0)
        yield from (found.span(1) for found in _ORACLE.finditer(text))
    yield from (found.span(1) for found in _ENCODED.finditer(text))
    yield from (found.span(found.lastindex or 0) for found in _OF_A_PROFILE.finditer(text))
    yield from _in_headers(text)
    yield from _in_commands(text)


def _in_addresses(text: str) -> Iterator[Span]:
    at = text.find("://")
    while at >= 0:
        following = text.find("://", at + 3)
        scheme = _SCHEME.search(text[max(0, at - 32) : at])
        if scheme and (span := _password(text, at + 3, following if following >= 0 else len(text), scheme[0].lower())):
            yield span
        at = following


def _password(text: str, at: int, limit: int, scheme: str) -> Span | None:
    """Return the place of the password in an address, or of a user's name that is one."""
    user = _USER.match(text, at, limit)
    end = user.end() if user else at
    if scheme in _WITHOUT_USERS and end > at and text[end : end + 1] != ":":
        found = _at_sign(text, at, limit, _QUOTE)
        return (at, found) if found else None
    if text[end : end + 1] == "@":
        return (at, end) if end > at and text[at:end].lower() not in _OPEN_USERS else None
    if text[end : end + 1] != ":":
        return None
    found = _at_sign(text, end + 1, limit, _QUOTE) or _at_sign(text, end + 1, limit, _SPACE)
    if found is None or (_PORT.match(text, end + 1) and scheme.endswith(_WITH_PATHS)):
        return None
    span = (end + 1, found)
    return (at, end) if text[slice(*span)] in _FILLERS and end > at else span


def _at_sign(text: str, at: int, limit: int, stops: re.Pattern[str]) -> int | None:
    """Return the place of the `@` that ends a password, which may contain other `@` and slashes."""
    stop = stops.search(text, at, limit)
    end = stop.start() if stop else limit
    query = _QUERY.search(text, at, end)
    last = text.rfind("@", at, query.start()) if query else -1
    if last < 0:
        last = text.rfind("@", at, end)
    # `/@scope` is a path; the `@` before it ended the password, if there is one.
    before = text.rfind("@", at, last) if last > at and text[last - 1] == "/" else -1
    last = before if before >= 0 else last
    return last if last >= 0 else None


def _in_headers(text: str) -> Iterator[Span]:
    at = 0
    while header := _HEADER.search(text, at):
        at, end = _header(text, header)
        said = text[at : min(end, at + 256)].split()
        if said and not all(is_plain(part) for part in said[:8]):
            yield at, end
        at = max(end, header.end())
    for found in _BEARER.finditer(text):
        span = word(text, found.end())
        value = text[slice(*span)] if span else ""
        if len(value) < 4 or (found["kind"].lower() == "basic" and not _BASE64.match(value)):
            continue
        if span and not is_plain(value) and not value.lower().startswith(_AFTER_BEARER):
            yield span


def _header(text: str, header: re.Match[str]) -> Span:
    """Return the place of a header's value, without the scheme at its beginning."""
    at = header.end()
    if value := quoted(text, at):
        at, end = value[0]
    else:
        opened = _OPENED.search(text[max(0, header.start() - 20) : header.start()])
        end = closing(text, at, opened[1]) if opened else len(text)
        stop = _NEXT_HEADER.search(text, at, end)
        end = stop.start() if stop else end
    scheme = _SCHEME_WORD.match(text, at, end)
    if scheme and header[0][0] in "aA" and not looks_secret(scheme["word"]):
        at = scheme.end()
    return at, end


def _in_commands(text: str) -> Iterator[Span]:
    programs = list(_PROGRAM.finditer(text))
    for number, program in enumerate(programs):
        limit = programs[number + 1].start() if number + 1 < len(programs) else len(text)
        newline = text.find("\n", program.end(), limit)
        end = newline if newline >= 0 else limit
        kinds = [program.lastgroup or "", *(["cookie"] if program["user"] else [])]
        for kind in kinds:
            yield from _values_of_option(_OPTIONS[kind], text, program.start(), end)


def _values_of_option(option: re.Pattern[str], text: str, at: int, end: int) -> Iterator[Span]:
    """Yield the value after an option: in quotation marks, or a word."""
    while found := option.search(text, at, end):
        begin = found.end()
        mark = text[begin : begin + 1]
        is_quoted = mark in {'"', "'"}
        span = (begin + 1, closing(text, begin + 1, mark)) if is_quoted else word(text, begin)
        if span and span[0] < span[1] <= end and text[span[0]] != "-":
            yield span
        at = max(found.end(), span[1] if span else 0)
