"""The five fields of a schedule: the values of each, and the messages about a field that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FORM = "write five fields, minute hour day-of-month month day-of-week, such as 0 2 * * *"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name with an article, its lowest and highest value, and its values' names.

    `after_last` is what people mean by the highest value plus one: 7 for Sunday, 24 for midnight.
    """

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    after_last: str = ""

    def __str__(self) -> str:
        named = f" or {next(iter(self.names))} to {list(self.names)[-1]}" if self.names else ""
        return f"{self.name} is {self.low} to {self.high}{named}"

    def no_value(self, text: str, item: str) -> str:
        """Say what is wrong with a value. Its author may know another cron."""
        start = text.lower()[:3]
        if not text:
            return f"{cited(item)} lacks a number; {self}"
        if start in self.names:
            return f"{cited(text)} is not {self.name}; write {start}"
        if set(text.upper()) & set("LW#"):
            return f"{cited(text)} is not {self.name}: Kubernetes has no L, W or #; {self}"
        return f"{cited(text)} is not {self.name}; {self}"

    def too_high(self, high: int, item: str) -> str:
        """Say that a value, or the end of a range, is higher than the field allows."""
        meant = f", and {self.after_last} is {self.low}" if self.after_last and high == self.high + 1 else ""
        return f"{cited(item)} is too high; {self}{meant}"

    def backwards(self, low: int, high: int, item: str) -> str:
        """Say how to write a range that passes the field's highest value."""
        return f"{cited(item)} runs backwards; write {low}-{self.high},{self.low}-{high} for both ends of the range"


def _numbered(names: str, first: int) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), first)}


FIELDS = (
    Field("a minute", 0, 59, after_last="the full hour"),
    Field("an hour", 0, 23, after_last="midnight"),
    Field("a day of month", 1, 31),
    Field("a month", 1, 12, _numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1)),
    Field("a day of week", 0, 6, _numbered("sun mon tue wed thu fri sat", 0), after_last="Sunday"),
)


def cited(text: str) -> str:
    """Quote what someone wrote for a message, cut where it is long."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
