"""What is read out of a log, and how much of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Final

# Of a log that is longer, the end is read.
MAX_LOG: Final = 1024 * 1024
MAX_LINES: Final = 20_000
MAX_LINE: Final = 4000
MOST_FAILURES: Final = 20
MOST_LINES: Final = 12
LAST_LINES: Final = 6
MOST_RUNNING: Final = 10
# The one line that a run's error_message ends with.
MAX_SAID: Final = 300


@dataclass(frozen=True)
class Failure:
    """One thing that failed: `model orders`, `test not_null_orders_id`; and what was said about it.

    `cause` is the one line of the message that says most.
    """

    what: str
    message: str
    cause: str = ""


@dataclass(frozen=True)
class Excerpt:
    """What a log says went wrong: by name where it names them, and otherwise the lines that tell most.

    `count` is how many failed, of which `failures` has the first MOST_FAILURES. `said` is all that in one line, ""
    where the log says nothing. `cause` is the same text for logs that failed for one cause. `running` names what had
    begun and not ended, `last` is how the log ends.
    """

    failures: list[Failure]
    lines: str
    count: int = 0
    said: str = ""
    cause: str = ""
    running: list[str] = field(default_factory=list)
    last: str = ""


def joined(lines: Iterable[str], most: int = MOST_LINES) -> str:
    """Join lines without the empty ones around and between them, or what they are indented by; at most so many."""
    kept = [line.rstrip() for line in lines if line.strip()]
    more = len(kept) > most
    return "\n".join([*dedent("\n".join(kept[:most])).splitlines(), *(["…"] if more else [])])


def cut_at_word(text: str, limit: int) -> str:
    """Cut a text to a number of characters; between words, so that no half of a secret is left for a mask to miss."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    at = kept.rfind(" ", limit // 2)
    return (kept if at < 0 else kept[:at]) + "…"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Say how many: `1 warning`, `2 warnings`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def squeezed(text: str) -> str:
    """Return a text on one line, with single spaces."""
    return " ".join(text.split())


def listed(names: list[str], count: int, most: int = 3) -> str:
    """Name a few of many: `model a, model b and 23 more`."""
    shown = names[:most]
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
