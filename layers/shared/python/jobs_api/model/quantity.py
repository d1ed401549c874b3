"""Kubernetes' quantities: how `500m`, `1.5Gi` and `1e3` are read, compared and written.

The grammar and its corners are those of apimachinery's resource.Quantity:
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

_DECIMAL_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_SUFFIXES = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SHAPE = re.compile(
    r"(?P<sign>[+-]?)(?P<number>0*(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?)(?P<suffix>[eEinumkKMGTP]*[+-]?[0-9]*)"
)
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+")

_MAX_INT64 = (1 << 63) - 1
_INT64_DIGITS = 19
_NANO, _MILLI = -9, -3
# The API server takes any length. Nobody writes this one, and Python stops reading integers at 4,300 digits.
_LONGEST = 1_000

_WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_WRONG_NUMBER = "unable to parse numeric part of quantity"
_WRONG_SUFFIX = "unable to parse quantity's suffix"


class InvalidQuantity(ValueError):
    """A text that is not a quantity; the message says what would be one.

    Attributes:
        kubernetes: the API server's message about it.
    """

    def __init__(self, message: str, kubernetes: str) -> None:
        super().__init__(message)
        self.kubernetes = kubernetes


class Style(Enum):
    """The kind of suffix with which a quantity was written, and is written again."""

    DECIMAL = "1k"
    BINARY = "1Ki"
    EXPONENT = "1e3"


@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact number: `mantissa` times ten to the `exponent`. `str` writes it in Kubernetes' canonical form.

    `text` is how it was written, where Kubernetes counts that as canonical.
    """

    mantissa: int
    exponent: int
    style: Style
    text: str | None = None

    @property
    def value(self) -> Decimal:
        """The number itself; exponents may be so large that it must never become an int."""
        return Decimal((int(self.mantissa < 0), tuple(map(int, str(abs(self.mantissa)))), self.exponent))

    @property
    def is_whole(self) -> bool:
        """Whether it has no fraction."""
        return self.exponent >= 0 or self.mantissa % 10**-self.exponent == 0

    def rounded_up(self) -> int | None:
        """Round away from zero to an integer; None where it is too far beyond an int64 to be written."""
        if self.exponent > _INT64_DIGITS:
            return None
        return self.mantissa * 10**self.exponent if self.exponent >= 0 else _shift_away(self.mantissa, -self.exponent)

    def stored(self) -> "Quantity":
        """Round up, away from zero, to thousandths: an API server stores no more of a resource's quantity."""
        if self.exponent >= _MILLI:
            return self
        return replace(self, mantissa=_shift_away(self.mantissa, _MILLI - self.exponent), exponent=_MILLI, text=None)

    def __str__(self) -> str:
        if self.text is not None:
            return self.text
        if self.mantissa == 0:
            return "0"
        # Below 1024, or with a fraction, a binary suffix would lose digits.
        if self.style is Style.BINARY and self.is_whole and self.value.copy_abs() >= 1024:
            return self._in_powers_of_1024()
        return self._in_powers_of_ten()

    def _in_powers_of_1024(self) -> str:
        number, power = self.rounded_up() or 0, 0
        while number % 1024 == 0:
            number, power = number // 1024, power + 10
        return f"{number}{_BINARY_NAMES[power]}"

    def _in_powers_of_ten(self) -> str:
        number, power = self.mantissa, self.exponent
        while number % 10 == 0:
            number, power = number // 10, power + 1
        while power % 3:
            number, power = number * 10, power - 1
        if self.style is Style.EXPONENT:
            return f"{number}e{power}" if power else str(number)
        # Beyond E Kubernetes has no suffix, and writes none: 1000E becomes 1.
        return f"{number}{_DECIMAL_NAMES.get(power, '')}"


_DECIMAL_NAMES = {power: name for name, power in _DECIMAL_SUFFIXES.items()}
_LARGE_SUFFIXES = ("k", "M", "G", "T", "P", "E", *_BINARY_SUFFIXES)
_BINARY_NAMES = {power: name for name, power in _BINARY_SUFFIXES.items()} | {0: ""}


def parse(text: str) -> Quantity:
    """Read a quantity; surrounding spaces are ignored.

    Raises:
        InvalidQuantity: the text is not a quantity.
    """
    text = text.strip(" ")
    shape = _SHAPE.fullmatch(text) if 0 < len(text) <= _LONGEST else None
    if shape is None:
        raise InvalidQuantity(_not_a_quantity(text), _WRONG_FORMAT)
    if text == "0":
        return Quantity(0, 0, Style.DECIMAL, text)
    suffix = shape["suffix"]
    if suffix in _BINARY_SUFFIXES:
        quantity = _binary(shape, _BINARY_SUFFIXES[suffix])
    elif suffix in _DECIMAL_SUFFIXES:
        quantity = _decimal(shape, _DECIMAL_SUFFIXES[suffix], Style.DECIMAL)
    elif _EXPONENT.fullmatch(suffix) and abs(int(suffix[1:])) <= _MAX_INT64:
        quantity = _decimal(shape, _int32(int(suffix[1:])), Style.EXPONENT)
    else:
        raise InvalidQuantity(_not_a_quantity(text), _WRONG_SUFFIX)
    return replace(quantity, mantissa=-quantity.mantissa) if shape["sign"] == "-" else quantity


def _decimal(shape: re.Match[str], exponent: int, style: Style) -> Quantity:
    fraction = shape["fraction"] or ""
    digits = (shape["whole"] or "0") + fraction
    exponent = _int32(exponent - len(fraction))
    if len(digits) <= _INT64_DIGITS and exponent >= _NANO:
        # As many digits as an int64 has may still be too large for it, and are rejected; more digits are not.
        if int(digits) > _MAX_INT64:
            raise InvalidQuantity(_not_a_quantity(shape.string), _WRONG_NUMBER)
        as_it_stands = exponent % 3 == 0 and not digits.endswith("000") and not digits.startswith("0")
        return Quantity(int(digits), exponent, style, shape.string if as_it_stands else None)
    if shape["number"] in {"", "."}:
        raise InvalidQuantity(_not_a_quantity(shape.string), _WRONG_NUMBER)
    return _at_least_nano(Quantity(int(digits), exponent, style))


def _binary(shape: re.Match[str], power: int) -> Quantity:
    whole, fraction = shape["whole"] or "0", shape["fraction"] or ""
    number = int(whole + fraction) << power
    # How many digits can be multiplied without leaving an int64, by the API server's rule of thumb.
    if not fraction and len(whole) <= 14 - power * 3 // 10:
        return Quantity(number, 0, Style.BINARY, shape.string if int(whole) & 7 else None)
    quantity = _at_least_nano(Quantity(number, -len(fraction), Style.BINARY))
    return quantity if quantity.value <= _MAX_INT64 else Quantity(_MAX_INT64, 0, Style.BINARY)


def _at_least_nano(quantity: Quantity) -> Quantity:
    if quantity.exponent >= _NANO:
        return quantity
    return replace(quantity, mantissa=_shift_away(quantity.mantissa, _NANO - quantity.exponent), exponent=_NANO)


def _shift_away(number: int, places: int) -> int:
    """Drop decimal places, rounding away from zero."""
    # No number has that many digits, and ten to that power would fill the memory.
    divisor: int = 10 ** min(places, 2 * _LONGEST)
    return -(-number // divisor) if number >= 0 else number // divisor


def _int32(number: int) -> int:
    """Wrap a number as Go's conversion to int32 does."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _not_a_quantity(text: str) -> str:
    shown = repr(text if len(text) <= 40 else f"{text[:39]}…")
    unit = text.lstrip("+-0123456789. ").rstrip("bB").lower()
    meant = [suffix for suffix in _LARGE_SUFFIXES if unit and suffix.lower() in {unit, f"{unit}i"}]
    hint = f"; did you mean {' or '.join(meant)}?" if meant else ""
    return f"{shown} is not a quantity; write a number and a unit, such as 500m, 2, 512Mi or 1.5G{hint}"
