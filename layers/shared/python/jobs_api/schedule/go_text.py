"""Text as Go's standard library writes and reads it, where Kubernetes' users see that: quotes, and durations."""

import re

_MAX_INT64 = (1 << 63) - 1
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # the micro sign
    "\u03bcs": 1_000,  # the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_AMOUNT = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
}


def quote(text: str) -> str:
    """Quote a text as `strconv.Quote` does: error messages about a number have it so."""
    return f'"{"".join(_ESCAPES.get(c) or _printable(c) for c in text)}"'


def parse_duration(text: str) -> int:
    """Read a duration such as `1h30m` or `-1.5s` into nanoseconds, as https://pkg.go.dev/time#ParseDuration does.

    Raises:
        ValueError: with Go's own words.
    """
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text.startswith(("-", "+")) else text
    if rest == "0":
        return 0
    total = 0
    while rest or not text.strip("+-"):
        amount = _AMOUNT.match(rest)
        if amount is None or not (amount[1] or amount[2]):
            raise ValueError(f"time: invalid duration {_quote_bytes(text)}")
        total += _nanoseconds(amount, text)
        rest = rest[amount.end() :]
    # The smallest int64 is one further from zero than the largest.
    if total > _MAX_INT64 + (sign < 0):
        raise ValueError(f"time: invalid duration {_quote_bytes(text)}")
    return sign * total


def _nanoseconds(amount: re.Match[str], text: str) -> int:
    whole, fraction, unit = amount.groups()
    if not unit:
        raise ValueError(f"time: missing unit in duration {_quote_bytes(text)}")
    if unit not in _UNITS:
        raise ValueError(f"time: unknown unit {_quote_bytes(unit)} in duration {_quote_bytes(text)}")
    # 19 digits are more than an int64 of nanoseconds has, and more than a fraction of an hour needs.
    if len(whole.lstrip("0")) > 19:
        raise ValueError(f"time: invalid duration {_quote_bytes(text)}")
    part = int(fraction[:19]) * _UNITS[unit] // 10 ** len(fraction[:19]) if fraction else 0
    return int(whole.lstrip("0") or "0") * _UNITS[unit] + part


def _printable(character: str) -> str:
    code = ord(character)
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _quote_bytes(text: str) -> str:
    """Quote as Go's package time does: a character that is not printable ASCII is written byte by byte."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8", "surrogatepass")
    return '"' + "".join(chr(b) if 0x20 <= b < 0x80 else f"\\x{b:02x}" for b in plain) + '"'
