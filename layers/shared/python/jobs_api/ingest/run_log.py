"""Adds to a run what its log says: where it is stored, why the command failed or never ran, what was running."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from jobs_api.logs.excerpt import MAX_SAID, excerpt, remarks
from jobs_api.logs.excerpt.failures import counted, cut_at_word, listed
from jobs_api.logs.records.terminal import plain
from jobs_api.model.run import Run, RunStatus, StoredLog

# How long after the end of its run an unreadable log is read again.
LOG_WITHIN: Final = timedelta(minutes=10)
# Lines of the log of a failed init container: as many as fit into a message.
QUOTED_LINES: Final = 3
QUOTED_CHARACTERS: Final = 200


def begun(run: Run) -> Run:
    """Return the ended run as it was while its command ran: this is stored before its log is."""
    ended = ("end_time", "duration_seconds", "exit_code", "error_message", "message")
    return run.model_copy(update={**dict.fromkeys(ended), "status": RunStatus.RUNNING})


def with_log(run: Run, log: StoredLog, end: str, warned: Sequence[str] = ()) -> Run:
    """Return an ended run with where its log is, and what the log says: why it failed, what was running.

    Args:
        run: ended.
        log: where it is stored.
        end: the end of its text.
        warned: the nodes that warn, as far as they are known.
    """
    if run.status is RunStatus.SUCCESS:
        return run.model_copy(update={"log": log, "message": remarks(end) or _warnings(warned) or None})
    told = excerpt(end, own=(run.job_name, run.cronjob_name, run.pod_name or "", run.id))
    if run.status is not RunStatus.FAILED:
        running = f"It was running {', '.join(told.running)}" if told.running else None
        return run.model_copy(update={"log": log, "message": running or run.message})
    message = f"{run.error_message}: {told.said}" if told.said else run.error_message
    return run.model_copy(update={"log": log, "error_message": message, "failure_cause": told.cause or None})


def _warnings(warned: Sequence[str]) -> str:
    """Return what a success warns of, where only its results say so."""
    return (
        cut_at_word(f"{counted(len(warned), 'warning')}: {listed(list(warned), len(warned))}", MAX_SAID)
        if warned
        else ""
    )


def quoting(run: Run, log: str) -> Run:
    """Return a run that never started, with the end of the log of the container that prevented it."""
    lines = [one for line in plain(log).split("\n") if (one := _printable(line))][-QUOTED_LINES:]
    told = " | ".join(line[:QUOTED_CHARACTERS] for line in lines)
    return run.model_copy(update={"error_message": f"{run.error_message}: {told}"}) if told else run


def _printable(line: str) -> str:
    """Return a line without invisible characters, such as those for the direction of writing."""
    return "".join(char for char in line.replace("\t", " ").replace("\xa0", " ") if char.isprintable()).strip()
