"""The failures and the excerpt of a log, and their limits."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Final

# Only the end of a longer log is read.
MAX_LOG: Final = 1024 * 1024
MAX_LINE: Final = 4000
MOST_FAILURES: Final = 20
MOST_LINES: Final = 12
LAST_LINES: Final = 6
MOST_RUNNING: Final = 10
# The one line that a run's error_message ends with.
MAX_SAID: Final = 300


@dataclass(frozen=True)
class Failure:
    """One node that failed, such as `model orders` or `test not_null_orders_id`, with its message.

    `cause` is the line of the message that gives the reason.
    """

    node: str
    message: str
    cause: str = ""


@dataclass(frozen=True)
class Excerpt:
    """The part of a log that explains a failure: the failed nodes if it names them, or else the most useful lines.

    `count` is how many failed; `failures` has the first MOST_FAILURES. `said` is all that in one line, "" if the log
    says nothing. `cause` is the same text for logs with the same cause. `running` names nodes that had begun and not
    ended, `last` is the end of the log.
    """

    failures: list[Failure]
    lines: str
    count: int = 0
    said: str = ""
    cause: str = ""
    running: list[str] = field(default_factory=list)
    last: str = ""


def joined(lines: Iterable[str], most: int = MOST_LINES) -> str:
    """Join at most so many lines, without empty lines and without their common indentation."""
    kept = [line.rstrip() for line in lines if line.strip()]
    more = len(kept) > most
    return "\n".join([*dedent("\n".join(kept[:most])).splitlines(), *(["…"] if more else [])])


def cut_at_word(text: str, limit: int) -> str:
    """Shorten a text to a number of characters, between words, since masking would not find half of a secret."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    at = kept.rfind(" ", limit // 2)
    return (kept if at < 0 else kept[:at]) + "…"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 warning`, `2 warnings`."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def squeezed(text: str) -> str:
    """Return a text on one line, with single spaces."""
    return " ".join(text.split())


def listed(names: list[str], count: int, most: int = 3) -> str:
    """Name a few of many: `model a, model b and 23 more`."""
    shown = names[:most]
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
