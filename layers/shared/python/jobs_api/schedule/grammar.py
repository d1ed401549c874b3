"""The grammar of a CronJob's schedule: reads five fields or a descriptor into sets of minutes, hours and days.

Kubernetes reads schedules with https://github.com/robfig/cron v3 (`ParseStandard`, parser.go). This module accepts
exactly what that library accepts. Other modules call `jobs_api.schedule`, which rejects some of it.
"""

import re
from dataclasses import dataclass

from jobs_api.schedule.fields import FIELDS, FORM, Field, cited
from jobs_api.schedule.go_text import parse_duration, quote

DESCRIPTORS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

# The characters of Go's unicode.IsSpace; str.split() would also split at the separators \x1c to \x1f.
_WORD = re.compile(r"[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_INT64_DIGITS = 19


class InvalidSchedule(ValueError):
    """A text that is not a schedule; the message says what is wrong and what would be right.

    Attributes:
        kubernetes: the API server's message after `Invalid value: "…": `; empty where Kubernetes accepts the schedule
            and only this service does not.
    """

    def __init__(self, message: str, kubernetes: str = "") -> None:
        super().__init__(message)
        self.kubernetes = kubernetes


@dataclass(frozen=True, slots=True)
class Schedule:
    """Minutes, hours and days on which something fires; in each set, bit n stands for n, Sunday being day 0.

    `every_day` is true where the day of month or the day of week has a star. A day must then be in both sets;
    otherwise it must be in one of them.
    """

    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    every_day: bool

    def is_on(self, day: int, weekday: int) -> bool:
        """Return whether it fires on a day of the month that is this weekday."""
        of_month, of_week = self.days >> day & 1, self.weekdays >> weekday & 1
        return bool(of_month and of_week) if self.every_day else bool(of_month or of_week)

    def fires(self) -> bool:
        """Return whether such a day exists: `0 0 31 6 *` has none. A schedule that fires does so within eight years."""
        in_some_month = any(self.months >> month & 1 and self.days & _up_to(last) for month, last in _MONTH_ENDS)
        in_some_week = bool(self.months and self.weekdays)
        some_day = in_some_month and in_some_week if self.every_day else in_some_month or in_some_week
        return bool(self.minutes and self.hours and some_day)


@dataclass(frozen=True, slots=True)
class Interval:
    """`@every 5m`: fires this many seconds after the last time, whatever the clock shows."""

    seconds: int

    def fires(self) -> bool:
        """Return True: an interval always fires."""
        return True


_MONTH_ENDS = tuple(enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1))


def _up_to(last: int) -> int:
    return (2 << last) - 1


def split(expression: str) -> list[str]:
    """Split an expression into its fields, at the characters that Go counts as white space."""
    return _WORD.findall(expression)


def read(expression: str) -> Schedule | Interval:
    """Read an expression as Kubernetes does.

    Raises:
        InvalidSchedule: Kubernetes rejects it; `kubernetes` has the API server's words.
    """
    if not expression:
        raise InvalidSchedule(f"the schedule is empty; {FORM}", "empty spec string")
    if expression.startswith(("TZ=", "CRON_TZ=")):
        raise InvalidSchedule(
            "a schedule names no time zone; put its name into the field timezone and leave the prefix out",
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        )
    if expression.startswith("@"):
        return _descriptor(expression)
    fields = split(expression)
    if len(fields) != len(FIELDS):
        raise _wrong_count(fields)
    sets = [_set(text, field) for text, field in zip(fields, FIELDS, strict=True)]
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = sets
    return Schedule(minutes, hours, days, months, weekdays, any_day or any_weekday)


def _descriptor(expression: str) -> Schedule | Interval:
    if expression in DESCRIPTORS:
        return read(DESCRIPTORS[expression])
    if not expression.startswith("@every "):
        raise InvalidSchedule(
            f"{cited(expression)} is not a schedule; one of {', '.join(DESCRIPTORS)} is, without spaces, or {FORM}",
            f"unrecognized descriptor: {expression}",
        )
    try:
        nanoseconds = parse_duration(expression.removeprefix("@every "))
    except ValueError as error:
        raise InvalidSchedule(
            f"@every is not supported here; {FORM}", f"failed to parse duration {expression}: {error}"
        ) from error
    return Interval(max(nanoseconds // 1_000_000_000, 1))


def _set(text: str, field: Field) -> tuple[int, bool]:
    """Read one field into the set of its values, and return whether it has a star."""
    values, star = 0, False
    # A value that is listed a thousand times is read once.
    for item in dict.fromkeys(text.split(",")):
        if item:
            more, starred = _item(item, field)
            values, star = values | more, star or starred
    return values, star


def _item(item: str, field: Field) -> tuple[int, bool]:
    """Read `*`, `5`, `1-5` or one of them with `/step`; a number with a step runs to the field's end."""
    span, *steps = item.split("/")
    first, *rest = span.split("-")
    star = first in {"*", "?"}
    if star:
        # The library ignores what follows a star and a dash: `*-5` is `*`.
        low, high = field.low, field.high
    else:
        low = _value(first, item, field)
        if len(rest) > 1:
            raise InvalidSchedule(f"{cited(item)} has more than one dash; a range is 1-5", f"too many hyphens: {item}")
        high = _value(rest[0], item, field) if rest else low
    step = _step(steps, item) if steps else 1
    if steps and not rest:
        high = field.high
    _check_range(low, high, item, field)
    if step == 0:
        raise InvalidSchedule(
            f"{cited(item)} has a step of 0; a step is at least 1",
            f"step of range should be a positive number: {item}",
        )
    return sum(1 << value for value in range(low, high + 1, step)), star and step == 1


def _step(steps: list[str], item: str) -> int:
    if len(steps) > 1:
        raise InvalidSchedule(f"{cited(item)} has more than one slash; a step is */5", f"too many slashes: {item}")
    step = _integer(steps[0], f"{cited(item)} has no number as its step; a step is */5")
    if step < 0:
        raise InvalidSchedule(
            f"{cited(item)} steps backwards; a step is at least 1",
            f"negative number ({step}) not allowed: {steps[0]}",
        )
    return step


def _check_range(low: int, high: int, item: str, field: Field) -> None:
    if low < field.low:
        raise InvalidSchedule(
            f"{cited(item)} starts too low; {field}",
            f"beginning of range ({low}) below minimum ({field.low}): {item}",
        )
    if high > field.high:
        raise InvalidSchedule(field.too_high(high, item), f"end of range ({high}) above maximum ({field.high}): {item}")
    if low > high:
        raise InvalidSchedule(
            field.backwards(low, high, item), f"beginning of range ({low}) beyond end of range ({high}): {item}"
        )


def _value(text: str, item: str, field: Field) -> int:
    # In lower case a dotted capital I is a plain i in Go, but two characters in Python.
    named = field.names.get(text.replace("\u0130", "i").lower())
    return _integer(text, field.no_value(text, item)) if named is None else named


def _integer(text: str, message: str) -> int:
    """Read a number as Go's strconv.Atoi does: ASCII digits with or without a sign, within 64 bits."""
    if not _INTEGER.fullmatch(text):
        raise InvalidSchedule(message, _not_an_integer(text, "invalid syntax"))
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > _INT64_DIGITS or int(digits) >= 1 << 63:
        raise InvalidSchedule(message, _not_an_integer(text, "value out of range"))
    return -int(digits) if text.startswith("-") else int(digits)


def _not_an_integer(text: str, reason: str) -> str:
    return f"failed to parse int from {text}: strconv.Atoi: parsing {quote(text)}: {reason}"


def _wrong_count(fields: list[str]) -> InvalidSchedule:
    hint = "; Kubernetes knows no seconds and no years" if len(fields) in {6, 7} else ""
    return InvalidSchedule(
        f"the schedule has {len(fields)} fields rather than 5{hint}; {FORM}",
        f"expected exactly {len(FIELDS)} fields, found {len(fields)}: [{' '.join(fields)}]",
    )
