"""Where a followed log is shown: plain lines in a pipe, or above a line that says what runs and for how long."""

import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from jobs_cli import output
from jobs_cli.progress import Progress

if TYPE_CHECKING:
    from rich.text import Text


class Screen(Protocol):
    """Shows a run while it is followed."""

    def __enter__(self) -> object:
        """Begin to show."""

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""

    def begin(self, name: str) -> None:
        """Begin to show another run."""

    def show(self, text: str, status: str, message: str) -> None:
        """Show the next piece of the log; `message` says why there is none yet."""


def screen(*, log_to: TextIO) -> Screen:
    """Return the screen that suits where the log goes."""
    interactive = log_to is sys.stdout and output.is_terminal(sys.stdout)
    return TerminalScreen() if interactive else PlainScreen(log_to)


class PlainScreen:
    """Writes the log as it is, and each change of the status as a line on standard error."""

    def __init__(self, log_to: TextIO) -> None:
        self._log_to = log_to
        self._name = ""
        self._said = ""

    def __enter__(self) -> "PlainScreen":
        """Begin; there is nothing to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """End; there is nothing to do."""

    def begin(self, name: str) -> None:
        """Begin to show another run."""
        self._name = name
        self._said = ""

    def show(self, text: str, status: str, message: str) -> None:
        """Write the piece at once, and the status where it has changed."""
        said = f"{status}: {message}" if message else status
        if said != self._said:
            output.note(f"jobs: {self._name} is {said}")
            self._said = said
        self._log_to.write(text)
        self._log_to.flush()


class TerminalScreen:
    """Writes the log above a line that moves, which is gone in the end."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - it takes as long to import as the rest of a command
        from rich.live import Live  # noqa: PLC0415

        self._unfinished = ""
        self.begin("")
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live: Live = Live(get_renderable=self._line, console=self._console, transient=True)

    def __enter__(self) -> "TerminalScreen":
        """Begin to draw the line."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left of the log and remove the line."""
        if self._unfinished:
            self._print(self._unfinished)
            self._unfinished = ""
        self._live.stop()

    def begin(self, name: str) -> None:
        """Begin to show another run."""
        self._name = name
        self._status = "pending"
        self._message = ""
        self._progress = Progress()
        self._since = time.monotonic()

    def show(self, text: str, status: str, message: str) -> None:
        """Write the whole lines that there are; the rest waits for its end."""
        if status != self._status:
            self._since = time.monotonic()
        self._status, self._message = status, message
        self._progress.read(text)
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        if lines:
            self._print("\n".join(lines))

    def _print(self, text: str) -> None:
        from rich.text import Text  # noqa: PLC0415

        self._console.print(Text.from_ansi(output.log_for_terminal(text)), soft_wrap=True)

    def _line(self) -> "Text":
        from rich.text import Text  # noqa: PLC0415

        frame = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(time.monotonic() * 8) % 10]
        parts = [f"{frame} {self._name} {self._status} {output.duration(time.monotonic() - self._since)}"]
        parts += [part for part in (self._message, self._progress.summary()) if part]
        return Text(output.printable(" · ".join(parts)), style="cyan", no_wrap=True, overflow="ellipsis")
