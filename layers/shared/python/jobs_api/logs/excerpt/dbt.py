"""Reads the log of dbt 1.x: the failed nodes, the error that stopped dbt, and how the run ended.

The formats of its log have the same messages; `records` splits a log into them.
"""

import re
from collections import Counter
from itertools import pairwise
from typing import Final

from jobs_api.logs.excerpt.causes import HEADING
from jobs_api.logs.excerpt.dbt_summary import (
    BAD_STATES,
    CHECKS,
    FATAL,
    NODE,
    WARNED,
    failure_of,
    failures_of_summary,
    summary_of,
    with_batches,
    with_sources,
    with_unit_tests,
)
from jobs_api.logs.excerpt.failures import Failure, counted, listed, squeezed
from jobs_api.logs.records.progress import step_of
from jobs_api.logs.records.record import LogRecord

_BEGINS: Final = re.compile(r"Running with dbt=")
_STATS: Final = re.compile(r"Done\. PASS=")
_COUNT: Final = re.compile(r"\b([A-Z-]{2,10})=(\d{1,9})\b")
_NOTHING: Final = re.compile(r"Nothing to do\b|The selection criterion .{1,500} does not match any")
_INTERRUPTED: Final = re.compile(r"Exited because of keyboard interrupt")


def recognizes(records: list[LogRecord]) -> bool:
    """Return whether dbt wrote this log."""
    return any(record.clocked for record in records)


def invocations(records: list[LogRecord]) -> list[list[LogRecord]]:
    """Split the records by invocations of dbt; each begins with dbt's version."""
    begins = [at for at, record in enumerate(records) if at and _BEGINS.match(record.head)]
    return [records[begin:end] for begin, end in pairwise([0, *begins, len(records)])]


def failures(records: list[LogRecord]) -> list[Failure]:
    """Return each failed node once, in the order of its first message."""
    steps = [step for step in map(step_of, records) if step and step.state in BAD_STATES]
    found = with_unit_tests(with_sources(failures_of_summary(summary_of(records)), steps), steps)
    found = with_batches(found, [step.node for step in steps if step.state == "PARTIALLY"], records)
    if found:
        return found
    why = next((record.head for record in records if _INTERRUPTED.match(record.head)), "")
    return [Failure(node, why, why) for node in dict.fromkeys(step.node for step in steps)]


def fatal_error(records: list[LogRecord]) -> tuple[Failure | None, list[str]]:
    """Return the error that stopped dbt, and the model or test that caused it, if dbt names one."""
    for at, record in enumerate(records):
        if CHECKS.match(record.head):
            return None, _of_checks(records[at + 1 : at + 10])
        match = FATAL.match(record.head)
        if match is None:
            continue
        lines = [match["rest"] or "", *record.lines[1:]]
        if not any(line.strip() for line in lines):
            # dbt writes these line by line, each with its time.
            lines = [line for each in records[at + 1 : at + 20] for line in each.lines]
        begin = [(at, line.strip()) for at, line in enumerate(lines) if line.strip()][:4]
        first, node = next(((at, NODE.match(line)) for at, line in begin if not HEADING.match(line)), (0, None))
        if node and not node["node"].startswith(("macro ", "operation ")):
            return failure_of(node["node"], lines[first + 1 :]), []
        return None, lines
    return None, []


def _of_checks(records: list[LogRecord]) -> list[str]:
    """Return what `dbt debug` says of the first check that failed."""
    lines = [line.lstrip(" >") for record in records for line in record.lines if line.strip()]
    begin = next((at for at, line in enumerate(lines) if line.endswith(":")), 0)
    return lines[begin:]


def errors(records: list[LogRecord]) -> list[str]:
    """Return the lines that were logged as errors and neither belong to a node nor stopped dbt."""
    found = [record for record in records if record.level == "error" and not step_of(record) and not record.blank]
    return [line for record in found for line in record.lines]


def failed_in_all(records: list[LogRecord]) -> int:
    """Return how many nodes failed by dbt's own count at the end; 0 if there is none."""
    return _stats(records)["ERROR"]


def ended(records: list[LogRecord]) -> str:
    """Return the warnings and skipped nodes of a success, or that nothing was to do; "" if there are none."""
    stats, steps = _stats(records), [step for step in map(step_of, records) if step]
    warned = [found["node"] for record in records if (found := WARNED.match(record.head))]
    warned += [step.node for step in steps if step.state == "WARN" and step.node.startswith("source ")]
    warnings, skipped = max(stats["WARN"], len(warned)), stats["SKIP"]
    remarks = list[str]()
    if warnings:
        remarks.append(counted(warnings, "warning") + (f": {listed(warned, warnings)}" if warned else ""))
    if skipped:
        remarks.append(f"{skipped} skipped")
    if not steps and (nothing := _nothing(records)):
        remarks.append(nothing)
    return "; ".join(remarks)


def _stats(records: list[LogRecord]) -> Counter[str]:
    for record in reversed(records):
        if _STATS.match(record.head):
            return Counter({name: int(number) for name, number in _COUNT.findall(record.head)})
    return Counter()


def _nothing(records: list[LogRecord]) -> str:
    said = [record for record in records if _NOTHING.search(record.head)]
    return "; ".join(squeezed(" ".join(record.lines)).removeprefix("[WARNING]: ") for record in said[-2:])
