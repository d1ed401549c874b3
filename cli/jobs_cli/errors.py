"""The errors that end a command: one message for people and the exit code of the process."""

from collections.abc import Sequence
from dataclasses import dataclass

REFUSED = 1
UNREACHABLE = 69  # EX_UNAVAILABLE of sysexits.h
NOT_ALLOWED = 77  # EX_NOPERM
INTERRUPTED = 130  # what a shell shows after Ctrl-C


class CommandFailed(Exception):
    """A command cannot continue; `str()` says why and what would be right."""

    def __init__(self, message: str, exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Unreachable(CommandFailed):
    """The server gave no answer, or only answers that say «later», however often it was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNREACHABLE)


@dataclass(frozen=True)
class FieldFault:
    """The API's message about one wrong field."""

    field: str
    message: str


class Refused(CommandFailed):
    """The API answered with an error; its message and those of its fields are the text."""

    def __init__(
        self, status: int, code: str, message: str, faults: Sequence[FieldFault] = (), request_id: str = ""
    ) -> None:
        # The API's own message repeats the first of its fields in one long line.
        headline = message.partition(": ")[0] + ":" if faults else message
        lines = [headline, *(f"  {fault.field}: {fault.message}" for fault in faults)]
        if request_id and status >= 500:
            lines.append(f"  request {request_id}")
        super().__init__("\n".join(lines), NOT_ALLOWED if status in {401, 403} else REFUSED)
        self.status = status
        self.code = code
        self.faults = faults


class NotOffered(CommandFailed):
    """The server does not know this call: it is older than this command line."""


class ProjectsNotListed(CommandFailed):
    """The server is too old to list projects, so that they are named by their ids."""
