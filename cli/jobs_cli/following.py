"""Follows runs to their end: shows the log, asks at Ctrl-C, continues with the next attempt, and says how it ended."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from jobs_cli import output
from jobs_cli.answers import Answer
from jobs_cli.client import Api
from jobs_cli.errors import INTERRUPTED, REFUSED, CommandFailed, Refused, Unreachable
from jobs_cli.log_pieces import PATIENCE_SECONDS, LogReader
from jobs_cli.screen import screen


def follow(api: Api, run: Answer, *, log_to: TextIO | None = None, cancel_when_interrupted: bool = False) -> Answer:
    """Follow a run, and the attempts that are made after it, to the end; returns the last one.

    Raises:
        CommandFailed: the person has stopped watching, or the server has been away for too long. The run continues.
    """
    while True:
        ended = _follow_one(api, run, log_to or sys.stdout, cancel_when_interrupted=cancel_when_interrupted)
        output.note(f"jobs: {ending(ended)}")
        if not ended.get("retried_as"):
            return ended
        run = api.get("runs", ended["retried_as"], patience=PATIENCE_SECONDS)
        output.note(
            f"jobs: attempt {run.get('attempt', 2)} is {run['id']}, not before {run.get('launch_after', 'now')}"
        )


def exit_code(run: Answer) -> int:
    """Return what `trigger --wait` ends with: 0, the command's own code, 1 where there is none, 130 if cancelled."""
    if run["status"] == "success":
        return 0
    if run["status"] == "cancelled":
        return INTERRUPTED
    if run["status"] == "failed":
        return run.get("exit_code") or REFUSED
    return REFUSED


def ending(run: Answer) -> str:
    """Return in a line how a run ended, for how long it ran, and why."""
    took = f" after {output.duration(run['duration_seconds'])}" if run.get("duration_seconds") is not None else ""
    code = f" (exit code {run['exit_code']})" if run.get("exit_code") else ""
    reason = run.get("error_message") or run.get("cancel_reason") or run.get("message")
    why = f": {output.printable(reason)}" if reason else ""
    return f"{run['id']} {run['status']}{took}{code}{why}"


def _follow_one(api: Api, run: Answer, log_to: TextIO, *, cancel_when_interrupted: bool) -> Answer:
    reader = LogReader(api, run)
    place = screen(log_to=log_to)
    place.begin(run.get("job_name") or run["id"])
    interrupts = 0
    while not reader.done:
        try:
            with _terminated_as_interrupted(), place:
                while not reader.done:
                    piece = reader.read()
                    place.show(piece.text, piece.status, piece.message)
        except Unreachable as error:  # noqa: PERF203 - it begins again after an interrupt alone
            raise Unreachable(f"{error}\nThe run continues; `jobs-api logs -f {run['id']}` follows it again") from error
        except KeyboardInterrupt:
            interrupts += 1
            if cancel_when_interrupted and interrupts == 1:
                _cancel(api, run)
            else:
                _ask(api, run)
    return api.get("runs", run["id"], patience=PATIENCE_SECONDS)


def _ask(api: Api, run: Answer) -> None:
    """Ask what to do with the run; returns if it is to be followed further.

    Raises:
        CommandFailed: it is not, or nobody can be asked. The run continues.
    """
    stopped = CommandFailed(
        f"Stopped watching {run['id']}, which continues; `jobs-api logs -f {run['id']}`", INTERRUPTED
    )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise stopped
    question = f"\nCancel {run['id']}? y: cancel it, n: stop watching, Enter: continue watching"
    try:
        answer = typer.prompt(question, default="", show_default=False, err=True)
    except (typer.Abort, KeyboardInterrupt):
        raise stopped from None
    if answer.lower().startswith("y"):
        _cancel(api, run)
    elif answer.lower().startswith("n"):
        raise stopped


def _cancel(api: Api, run: Answer) -> None:
    try:
        api.post("runs", run["id"], "cancel", body={"reason": "Interrupted on the command line"})
    except Refused as error:
        # The run has ended by itself just now.
        if error.code != "run_already_ended":
            raise
    output.note(f"jobs: requested to cancel {run['id']}; it ends within its grace period")


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C: it is how CI ends a step whose pipeline was cancelled."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
