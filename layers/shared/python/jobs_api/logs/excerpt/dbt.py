"""Reads the log of dbt 1.x: the failed nodes, the error that stopped dbt, and how the run ended.

The formats of its log have the same messages; `records` splits a log into them.
"""

import re
from collections import Counter
from itertools import pairwise
from typing import Final

from jobs_api.logs.excerpt.causes import HEADING, cause_in
from jobs_api.logs.excerpt.failures import Failure, counted, joined, listed, squeezed
from jobs_api.logs.records.progress import Step, is_progress, step_of
from jobs_api.logs.records.record import LogRecord

# A model's file may have blanks in its name.
_OWNER: Final = (
    r"in (?P<what>[a-z_]{2,30} \S{1,500}|(?:model|seed|snapshot|analysis|test) [^\s(][^(]{0,300})"
    r" \((?P<path>.{0,1000})\)$"
)
# "Failure in model orders (models/orders.sql)", then "Database Error in model ..." (before 1.10 that alone); from 1.12
# on "[ERROR]: in model ...".
_NODE: Final = re.compile(
    rf"(?:(?P<mark>\[?ERROR\]?: (?:Failure )?|Failure )|[A-Z]\w{{1,40}} (?:Error|ERROR) ){_OWNER}"
)
_WARNED: Final = re.compile(rf"(?:\[?WARNING\]?: (?:Warning )?|Warning ){_OWNER}")
# Hooks, before 1.10.
_HOOK: Final = re.compile(r"(?P<what>(?:\S{1,300}\.)?on-run-(?:start|end)(?:\.\d{1,6})?) failed, error:$")
_AFTER: Final = re.compile(
    r"compiled code at|Done\.|Finished running|Completed |Skipping due to|See test failures:|\[?WARNING|Warning in ",
    re.IGNORECASE,
)
_STOPPED: Final = re.compile(
    r"(?:\[?ERROR\]?: )?Encountered an error(?: while .{1,200}?)?:(?P<rest> .*)?$", re.IGNORECASE
)
_COMPLETED: Final = re.compile(r"Completed with \d")
_CHECKS: Final = re.compile(r"\d{1,3} checks? failed:$")
_BEGINS: Final = re.compile(r"Running with dbt=")
_STATS: Final = re.compile(r"Done\. PASS=")
_COUNT: Final = re.compile(r"\b([A-Z-]{2,10})=(\d{1,9})\b")
_NOTHING: Final = re.compile(r"Nothing to do\b|The selection criterion .{1,500} does not match any")
_STALE: Final = "Its data is older than its freshness check allows"
_BAD: Final = {"ERROR", "FAIL", "ERROR STALE", "PARTIALLY"}
_INTERRUPTED: Final = re.compile(r"Exited because of keyboard interrupt")
_UNHANDLED: Final = re.compile(r"(?:\[?ERROR\]?: )?Unhandled error while executing")
_BATCH: Final = re.compile(r"Batch \d{1,7} of \d{1,7} ERROR creating batch (?P<batch>\S{1,100}) of (?P<of>\S{1,500}) ")


def speaks(records: list[LogRecord]) -> bool:
    """Return whether dbt wrote this log."""
    return any(record.clocked for record in records)


def invocations(records: list[LogRecord]) -> list[list[LogRecord]]:
    """Split the records by invocations of dbt; each begins with dbt's version."""
    begins = [at for at, record in enumerate(records) if at and _BEGINS.match(record.head)]
    return [records[begin:end] for begin, end in pairwise([0, *begins, len(records)])]


def failures(records: list[LogRecord]) -> list[Failure]:
    """Return each failed node once, in the order of its first message."""
    steps = [step for step in map(step_of, records) if step and step.state in _BAD]
    found = _with_unit_tests(_with_sources(failures_of_summary(_summary(records)), steps), steps)
    found = _with_batches(found, [step.what for step in steps if step.state == "PARTIALLY"], records)
    if found:
        return found
    why = next((record.head for record in records if _INTERRUPTED.match(record.head)), "")
    return [Failure(what, why, why) for what in dict.fromkeys(step.what for step in steps)]


def fatal_error(records: list[LogRecord]) -> tuple[Failure | None, list[str]]:
    """Return the error that stopped dbt, and the model or test that caused it, if dbt names one."""
    for at, record in enumerate(records):
        if _CHECKS.match(record.head):
            return None, _of_checks(records[at + 1 : at + 10])
        match = _STOPPED.match(record.head)
        if match is None:
            continue
        lines = [match["rest"] or "", *record.lines[1:]]
        if not any(line.strip() for line in lines):
            # dbt writes these line by line, each with its time.
            lines = [line for each in records[at + 1 : at + 20] for line in each.lines]
        begin = [(at, line.strip()) for at, line in enumerate(lines) if line.strip()][:4]
        first, node = next(((at, _NODE.match(line)) for at, line in begin if not HEADING.match(line)), (0, None))
        if node and not node["what"].startswith(("macro ", "operation ")):
            return _failure(node["what"], lines[first + 1 :]), []
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
    warned = [found["what"] for record in records if (found := _WARNED.match(record.head))]
    warned += [step.what for step in steps if step.state == "WARN" and step.what.startswith("source ")]
    warnings, skipped = max(stats["WARN"], len(warned)), stats["SKIP"]
    said = list[str]()
    if warnings:
        said.append(counted(warnings, "warning") + (f": {listed(warned, warnings)}" if warned else ""))
    if skipped:
        said.append(f"{skipped} skipped")
    if not steps and (nothing := _nothing(records)):
        said.append(nothing)
    return "; ".join(said)


def _summary(records: list[LogRecord]) -> list[LogRecord]:
    """Return the summary at the end, if any: with --debug, errors of nodes are also logged when they happen."""
    begin = next((at for at in range(len(records) - 1, -1, -1) if _COMPLETED.match(records[at].head)), None)
    return records if begin is None else records[begin:]


def failures_of_summary(records: list[LogRecord]) -> list[Failure]:
    """Read the summary: a heading names what failed, and what follows it says why."""
    found = dict[tuple[str, str], list[str]]()
    ended = set[tuple[str, str]]()
    current: tuple[str, str] | None = None
    for record in records:
        begins = _begins(record, has_heading=current is not None and not found[current])
        message = record.lines
        if begins:
            current, message = begins, record.lines[1:]
        elif current and _ends(record, found[current]):
            ended.add(current)
            current = None
        # With --fail-fast the same failure is logged when it happens and again at the end.
        if current and current not in ended:
            found.setdefault(current, []).extend([] if record.blank else message)
    return [_failure(what, message) for (what, _), message in found.items()]


def warnings_of_summary(records: list[LogRecord]) -> list[Failure]:
    """Read the summary: of a heading that names what warned, the record below it says why."""
    found = list[Failure]()
    for at, record in enumerate(records):
        if warned := _WARNED.match(record.head):
            below = next((each for each in records[at + 1 : at + 4] if not each.blank), None)
            message = [] if below is None else [below.head.removeprefix("[WARNING]: "), *below.lines[1:]]
            found.append(_failure(_with_version(warned["what"], warned["path"]), message))
    return found


def _begins(record: LogRecord, *, has_heading: bool) -> tuple[str, str] | None:
    """Return kind, name and path of the node that a record speaks of.

    Below a heading the record is the message, whatever node it names: that of a unit test speaks of a model.
    """
    if node := _NODE.match(record.head):
        is_message = node["what"].startswith("macro ") or (has_heading and not node["mark"])
        return None if is_message else (_with_version(node["what"], node["path"]), node["path"])
    hook = None if has_heading else _HOOK.match(record.head)
    return (f"hook {hook['what']}", "") if hook else None


def _with_version(what: str, path: str) -> str:
    """Add the version of a model that has several, which only its file tells: prices_v2.sql is `prices.v2`."""
    name = what.rpartition(" ")[2]
    file = path.rpartition("/")[2].rpartition(".")[0]
    version = file.removeprefix(f"{name}_v")
    return f"{what}.v{version}" if file != version and version.isalnum() and what.startswith("model ") else what


def _ends(record: LogRecord, message: list[str]) -> bool:
    """Whether a message was over before this record."""
    if not record.clocked or _AFTER.match(record.head) or _STOPPED.match(record.head) or is_progress(record.head):
        return True
    return record.blank and bool(message)


def _failure(what: str, message: list[str]) -> Failure:
    """Return a failure without the heading that names it once more."""
    first = next((at for at, line in enumerate(message) if line.strip()), len(message))
    node = _NODE.match(message[first].strip()) if message[first:] else None
    if node and what in (node["what"], _with_version(node["what"], node["path"])):
        message = message[first + 1 :]
    return Failure(what, joined(message), cause_in(message))


def _with_sources(summarized: list[Failure], steps: list[Step]) -> list[Failure]:
    """Name sources as their lines of progress do: the summary has less than that, and before 1.12 there is none."""
    sources = dict[str, list[Step]]()
    for step in steps:
        if step.what.startswith("source "):
            sources.setdefault(step.what.rpartition(".")[2], []).append(step)
    found = list[Failure]()
    for failure in summarized:
        kind, _, table = failure.what.partition(" ")
        known = sources.get(table) if kind == "source" else None
        if not known:
            found.append(failure)
        elif failure.message.startswith("Status: "):
            found.append(Failure(known.pop(0).what, _STALE, _STALE))
        else:
            found.append(Failure(known.pop(0).what, failure.message, failure.cause))
    for step in (step for left in sources.values() for step in left):
        said = _STALE if step.state == "ERROR STALE" else ""
        found.append(Failure(step.what, said, said))
    return found


def _with_unit_tests(summarized: list[Failure], steps: list[Step]) -> list[Failure]:
    """Return the failures with those of unit tests: before 1.10 the summary names the model instead."""
    names, failed = {failure.what for failure in summarized}, {step.what for step in steps}
    tests = [what for what in dict.fromkeys(step.what for step in steps) if what.startswith("unit_test ")]
    untold = [what for what in tests if what not in names]
    found = list[Failure]()
    for failure in summarized:
        is_model = failure.what.startswith("model ") and failure.what not in failed
        found.append(Failure(untold.pop(0), failure.message, failure.cause) if untold and is_model else failure)
    return found


def _with_batches(summarized: list[Failure], partly: list[str], records: list[LogRecord]) -> list[Failure]:
    """Say why batches of a microbatch model failed, which its own message leaves out; add models that partly did."""
    unhandled = next((record for record in records if _UNHANDLED.match(record.head)), None)
    why = [line.removeprefix("Exception on worker thread. ") for line in unhandled.lines[1:]] if unhandled else []
    batches = dict[str, list[str]]()
    for record in records:
        if batch := _BATCH.match(record.head):
            batches.setdefault(f"model {batch['of'].rpartition('.')[2]}", []).append(batch["batch"])
    names = {failure.what for failure in summarized}
    found = list[Failure]()
    for failure in [*summarized, *(Failure(what, "") for what in partly if what not in names)]:
        failed = batches.get(failure.what)
        if not failed or failure.message not in {"", "ERROR"}:
            found.append(failure)
            continue
        said = f"{counted(len(failed), 'batch', 'batches')} failed: {listed(failed, len(failed))}"
        found.append(Failure(failure.what, joined([said, *why]), f"{said}: {cause_in(why)}" if why else said))
    return found


def _stats(records: list[LogRecord]) -> Counter[str]:
    for record in reversed(records):
        if _STATS.match(record.head):
            return Counter({name: int(number) for name, number in _COUNT.findall(record.head)})
    return Counter()


def _nothing(records: list[LogRecord]) -> str:
    said = [record for record in records if _NOTHING.search(record.head)]
    return "; ".join(squeezed(" ".join(record.lines)).removeprefix("[WARNING]: ") for record in said[-2:])
