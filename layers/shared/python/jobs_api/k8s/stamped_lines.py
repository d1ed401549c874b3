"""Takes many lines with their times apart at once, which is several times faster than one by one."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

# For fewer bytes this is not worthwhile.
LEAST_BYTES: Final = 4096
# `2026-04-28T02:00:01`
SECOND_BYTES: Final = 19


@dataclass(frozen=True)
class Lines:
    """Whole lines in the order of their times: the first one's time, their text, and what was written each second."""

    stamp: bytes
    text: bytes
    seconds: list[tuple[bytes, memoryview]]


def taken_apart(block: bytes) -> Lines | None:
    """Return whole lines without their times; None where one has no time, another zone, or an earlier second.

    Each second comes with its lines' bytes, times included.
    """
    stamp = block[: block.find(b" ")]
    pattern = _pattern(stamp[SECOND_BYTES + 10 :])
    times = pattern.findall(block)
    if len(times) != block.count(b"\n") or any(one > other for one, other in pairwise(times)):
        return None
    view, begins = memoryview(block), [0]
    distinct = list(dict.fromkeys(times))
    for second in distinct[1:]:
        begins.append(block.index(b"\n" + second, begins[-1]) + 1)
    parts = [view[begin:end] for begin, end in pairwise([*begins, len(block)])]
    return Lines(stamp, pattern.sub(b"", block), list(zip(distinct, parts, strict=True)))


@cache
def _pattern(zone: bytes) -> re.Pattern[bytes]:
    """Return the pattern of a line's time in a zone, nanoseconds in nine digits."""
    return re.compile(rb"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{9}" + re.escape(zone) + rb" ", re.MULTILINE)
