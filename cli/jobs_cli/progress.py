"""Reads from a dbt log how far a run is: `3 of 13 START sql table model main.customers`."""

import re
from typing import Final

ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")
# A progress line of dbt's text format, after the time; other lines are not counted.
NODE: Final = re.compile(r"(?<!\d)(\d{1,6}) of (\d{1,6}) ([A-Z][A-Z ]*[A-Z])(?: in)? (.{0,300})")
LONGEST_LINE: Final = 2_000


class Progress:
    """Counts nodes that have ended, and knows those that run; reads each line once."""

    def __init__(self) -> None:
        self.ended = 0
        self.total = 0
        self._running: dict[str, str] = {}
        self._unfinished = ""

    def read(self, text: str) -> None:
        """Read the next piece of a log, which may end within a line."""
        lines = (self._unfinished + text).split("\n")
        self._unfinished = lines.pop()[:LONGEST_LINE]
        for line in lines:
            self._read_line(line[:LONGEST_LINE])

    def summary(self) -> str:
        """Return `4 of 13: customers, orders`, or nothing where the log does not say."""
        if not self.total:
            return ""
        running = ", ".join(list(self._running.values())[:3])
        return f"{self.ended} of {self.total}" + (f": {running}" if running else "")

    def _read_line(self, line: str) -> None:
        found = NODE.search(ESCAPE.sub("", line))
        if not found:
            return
        number, total, word, rest = found.groups()
        if int(total) != self.total:
            # The numbers begin again with another command of the same run, such as the tests after the models.
            self.ended, self.total = 0, int(total)
            self._running.clear()
        if word.startswith("START"):
            self._running[number] = _name(rest)
        else:
            self._running.pop(number, None)
            self.ended = min(self.ended + 1, self.total)


def _name(rest: str) -> str:
    words = re.split(r" \.{3,}|\.{5,}| \[", rest, maxsplit=1)[0].split()
    return words[-1] if words else ""
