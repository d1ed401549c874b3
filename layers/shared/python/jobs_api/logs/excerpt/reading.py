"""Reads the end of a log, whichever tool wrote it."""

from collections.abc import Iterable

from jobs_api.logs.excerpt import causes, dbt, errors, fusion, sqlmesh
from jobs_api.logs.excerpt.failures import (
    LAST_LINES,
    MAX_LOG,
    MAX_SAID,
    MOST_FAILURES,
    MOST_RUNNING,
    Excerpt,
    Failure,
    cut_at_word,
    joined,
    listed,
)
from jobs_api.logs.records import progress
from jobs_api.logs.records.record import Log, parsed
from jobs_api.logs.records.terminal import plain


def excerpt(log: str, own: Iterable[str] = ()) -> Excerpt:
    """Return the excerpt of a failed run's log.

    Args:
        log: the end of a log as it was written, of a command that failed or was ended.
        own: names that only this run has, which must not affect the cause.
    """
    read = parsed(plain(_end(log)))
    errors, telling = _failures(read)
    last = [line for line in read.lines if line.strip()][-LAST_LINES:]
    begun = progress.running(read.records)
    running = [*begun[:MOST_RUNNING], *([f"{len(begun) - MOST_RUNNING} more"] if len(begun) > MOST_RUNNING else [])]
    if errors:
        count = max(len(errors), dbt.failed_in_all(read.records) if dbt.recognizes(read.records) else 0)
        cause = causes.key(map(causes.key_of_failure, errors), own)
        return Excerpt(errors[:MOST_FAILURES], "", count, _summary_of(errors, count), cause, running, joined(last))
    said = cut_at_word(telling.said, MAX_SAID)
    if running:
        was = f"it was running {listed(begun, len(begun))}"
        said = was[0].upper() + was[1:] if progress.is_progress(said) else f"{said} ({was})"
    # Many logs end with "exit status 1", whatever the cause is.
    cause = causes.key([said, *last] if telling.vague else [said], own)
    return Excerpt([], joined(telling.lines), 0, said, cause, running, joined(last))


def telling_line(log: str) -> str | None:
    """Return in one line what failed and why; of a log that names no error its last line, if it has any."""
    return excerpt(log).said or None


def remarks(log: str) -> str:
    """Return the warnings and skipped nodes of a success, or that nothing was to do; "" if there are none."""
    read = parsed(plain(_end(log)))
    return cut_at_word(dbt.ended(read.records) if dbt.recognizes(read.records) else sqlmesh.ended(read.lines), MAX_SAID)


def _end(log: str) -> str:
    """Return the end of a log, from the beginning of a line."""
    if len(log) <= MAX_LOG:
        return log
    end = log[-MAX_LOG:]
    return end.partition("\n")[2] or end


def _failures(read: Log) -> tuple[list[Failure], errors.ErrorLines]:
    """Return the failed nodes, or else the most useful lines."""
    if dbt.recognizes(read.records) and not fusion.is_engines(read.lines):
        return _of_dbt(read)
    if fusion.recognizes(read.lines):
        faults = fusion.errors(read.lines)
        telling = (
            errors.ErrorLines(faults[0], fusion.reason_of(faults[0])) if faults else errors.error_lines(read.lines)
        )
        return fusion.failures(read.lines), telling
    found = sqlmesh.failures(read.lines)
    asked = [] if found else sqlmesh.unanswered(read.lines)
    logged = errors.logged_as_error(read.records)
    return found, errors.ErrorLines(asked, asked[0]) if asked else logged or errors.error_lines(read.lines)


def _of_dbt(read: Log) -> tuple[list[Failure], errors.ErrorLines]:
    """Return the failures of the last invocation of dbt that failed, if a log has several."""
    for records in reversed(dbt.invocations(read.records)):
        found = dbt.failures(records)
        node, said = dbt.fatal_error(records)
        found = found or ([node] if node else [])
        said = said or dbt.errors(records)
        if found or said:
            return found, errors.ErrorLines(said, causes.cause_in(said)) if said else errors.error_lines(read.lines)
    return [], errors.error_lines(read.lines)


def _summary_of(failures: list[Failure], count: int) -> str:
    first, others = failures[0], failures[1:]
    summary = f"{first.node}: {first.cause}" if first.cause else f"{first.node} failed"
    if count == 1:
        return cut_at_word(summary, MAX_SAID)
    named = listed([failure.node for failure in others], count - 1)
    also = cut_at_word(f" (failed too: {named.removeprefix(' and ')})", MAX_SAID // 2)
    return cut_at_word(summary, MAX_SAID) + also
