"""A run's log in pieces as it is written; a server that is too old to hold its answers is asked again and again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from jobs_cli.answers import Answer
from jobs_cli.client import Api
from jobs_cli.errors import CommandFailed, Refused, Unreachable

# The run continues even if this command ends, so an upgrade of the server must not end this command.
PATIENCE_SECONDS: Final = 600.0
WAIT_SECONDS: Final = 10
LOOK_SECONDS: Final = 2.0
# The greatest number of lines in an answer of the live log.
TAIL_LINES: Final = 10_000
ENDED: Final = {"success", "failed", "error", "cancelled"}
# How much of the text shown last is searched for in a newer answer, to find where to continue.
JOINT_CHARACTERS: Final = 2_000
GAP: Final = "\n[jobs: lines of the log are missing here; the whole log is kept with the run]\n"


@dataclass(frozen=True)
class Piece:
    """Text that follows the piece before it, and the run's status at that time."""

    text: str
    status: str
    message: str = ""


class LogReader:
    """Reads one run's log from its beginning; continues where it was after an interrupt or an error."""

    def __init__(self, api: Api, run: Answer, sleep: Callable[[float], None] = time.sleep) -> None:
        self.done = False
        self._api = api
        self._run = run
        self._sleep = sleep
        self._after: str | None = None
        # The text shown last, for older servers, which cannot continue from a cursor.
        self._seen = ""
        self._is_older = False
        self._pause = 0.0

    def read(self) -> Piece:
        """Return the next piece, which may have no text; `done` is true after the last one.

        Raises:
            CommandFailed: the server refuses, or has been away for ten minutes.
        """
        if self._pause:
            self._sleep(self._pause)
        if not self._is_older:
            answer = self._held_answer()
            if answer:
                return self._piece_of(answer)
            self._is_older = True
        return self._piece_of_older_server()

    def _held_answer(self) -> Answer | None:
        path = ("runs", self._run["id"], "logs")
        try:
            answer = self._api.get(*path, wait=WAIT_SECONDS, after=self._after, patience=PATIENCE_SECONDS)
        except Refused as error:
            # Older servers do not know `wait`, and return no log before the run has ended.
            if error.code != "run_not_completed":
                raise
            return None
        return answer if "done" in answer else None

    def _piece_of(self, answer: Answer) -> Piece:
        # If the server answers at once, the next request waits.
        self._pause = 0.0 if answer.get("logs") else LOOK_SECONDS / 4
        self._after = answer.get("after") or self._after
        self.done = bool(answer["done"])
        return Piece(answer.get("logs", ""), answer["status"], answer.get("message", ""))

    def _piece_of_older_server(self) -> Piece:
        current = self._api.get("runs", self._run["id"], patience=PATIENCE_SECONDS)
        text, message = _log_now(self._api, current)
        part = new_part(self._seen, text) if text else ""
        self._seen = text or self._seen
        self._pause = LOOK_SECONDS
        self.done = current["status"] in ENDED
        return Piece(part, current["status"], message)


def _log_now(api: Api, run: Answer) -> tuple[str, str]:
    """Return what can be read of the log, and what the server says of it."""
    try:
        if run["status"] in ENDED:
            answer = api.get("runs", run["id"], "logs")
        elif run["status"] == "running":
            answer = api.get("jobs", run["job_name"], "logs", tail=TAIL_LINES)
        else:
            return "", ""
    except (Refused, Unreachable):
        # The pod was deleted just now, the cluster is out of reach, or the run ended without a log.
        return "", ""
    return answer.get("logs", ""), answer.get("message", "")


def new_part(seen: str, text: str) -> str:
    """Return what of `text`, the newest lines of a log, comes after `seen`, its newest lines a moment ago."""
    if text.startswith(seen):
        return text[len(seen) :]
    joint = seen[-JOINT_CHARACTERS:]
    place = text.rfind(joint)
    if place >= 0:
        return text[place + len(joint) :]
    return GAP + text


def read_log(api: Api, run: Answer) -> Answer:
    """Return the log as far as there is one, with `logs` and perhaps `message` and `download_url`.

    Raises:
        CommandFailed: the API has none and says why.
    """
    try:
        return api.get("runs", run["id"], "logs")
    except Refused as error:
        if error.code != "run_not_completed":
            raise
    try:
        return api.get("jobs", run["job_name"], "logs", tail=TAIL_LINES)
    except Refused as error:
        if error.status != 404:
            raise
        raise CommandFailed(f"Run {run['id']} is {run['status']} and has no log yet") from error
