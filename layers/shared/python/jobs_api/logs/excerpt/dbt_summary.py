"""The summary at the end of dbt's log: which nodes failed or warned, each with its message."""

import re
from typing import Final

from jobs_api.logs.excerpt.causes import cause_in
from jobs_api.logs.excerpt.failures import Failure, counted, joined, listed
from jobs_api.logs.records.progress import Step, is_progress
from jobs_api.logs.records.record import LogRecord

# A model's file may have blanks in its name.
_OWNER: Final = (
    r"in (?P<node>[a-z_]{2,30} \S{1,500}|(?:model|seed|snapshot|analysis|test) [^\s(][^(]{0,300})"
    r" \((?P<path>.{0,1000})\)$"
)
# "Failure in model orders (models/orders.sql)", then "Database Error in model ..." (before 1.10 that alone); from 1.12
# on "[ERROR]: in model ...".
NODE: Final = re.compile(rf"(?:(?P<mark>\[?ERROR\]?: (?:Failure )?|Failure )|[A-Z]\w{{1,40}} (?:Error|ERROR) ){_OWNER}")
WARNED: Final = re.compile(rf"(?:\[?WARNING\]?: (?:Warning )?|Warning ){_OWNER}")
# Hooks, before 1.10.
_HOOK: Final = re.compile(r"(?P<node>(?:\S{1,300}\.)?on-run-(?:start|end)(?:\.\d{1,6})?) failed, error:$")
_AFTER: Final = re.compile(
    r"compiled code at|Done\.|Finished running|Completed |Skipping due to|See test failures:|\[?WARNING|Warning in ",
    re.IGNORECASE,
)
FATAL: Final = re.compile(r"(?:\[?ERROR\]?: )?Encountered an error(?: while .{1,200}?)?:(?P<rest> .*)?$", re.IGNORECASE)
COMPLETED: Final = re.compile(r"Completed with \d")
CHECKS: Final = re.compile(r"\d{1,3} checks? failed:$")
_STALE: Final = "Its data is older than its freshness check allows"
BAD_STATES: Final = {"ERROR", "FAIL", "ERROR STALE", "PARTIALLY"}
_UNHANDLED: Final = re.compile(r"(?:\[?ERROR\]?: )?Unhandled error while executing")
_BATCH: Final = re.compile(r"Batch \d{1,7} of \d{1,7} ERROR creating batch (?P<batch>\S{1,100}) of (?P<of>\S{1,500}) ")


def summary_of(records: list[LogRecord]) -> list[LogRecord]:
    """Return the summary at the end, if any: with --debug, errors of nodes are also logged when they happen."""
    begin = next((at for at in range(len(records) - 1, -1, -1) if COMPLETED.match(records[at].head)), None)
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
    return [failure_of(node, message) for (node, _), message in found.items()]


def warnings_of_summary(records: list[LogRecord]) -> list[Failure]:
    """Read the summary: of a heading that names what warned, the record below it says why."""
    found = list[Failure]()
    for at, record in enumerate(records):
        if warned := WARNED.match(record.head):
            below = next((each for each in records[at + 1 : at + 4] if not each.blank), None)
            message = [] if below is None else [below.head.removeprefix("[WARNING]: "), *below.lines[1:]]
            found.append(failure_of(_with_version(warned["node"], warned["path"]), message))
    return found


def _begins(record: LogRecord, *, has_heading: bool) -> tuple[str, str] | None:
    """Return kind, name and path of the node that a record speaks of.

    Below a heading the record is the message, whatever node it names: that of a unit test speaks of a model.
    """
    if node := NODE.match(record.head):
        is_message = node["node"].startswith("macro ") or (has_heading and not node["mark"])
        return None if is_message else (_with_version(node["node"], node["path"]), node["path"])
    hook = None if has_heading else _HOOK.match(record.head)
    return (f"hook {hook['node']}", "") if hook else None


def _with_version(node: str, path: str) -> str:
    """Add the version of a model that has several, which only its file tells: prices_v2.sql is `prices.v2`."""
    name = node.rpartition(" ")[2]
    file = path.rpartition("/")[2].rpartition(".")[0]
    version = file.removeprefix(f"{name}_v")
    return f"{node}.v{version}" if file != version and version.isalnum() and node.startswith("model ") else node


def _ends(record: LogRecord, message: list[str]) -> bool:
    """Whether a message was over before this record."""
    if not record.clocked or _AFTER.match(record.head) or FATAL.match(record.head) or is_progress(record.head):
        return True
    return record.blank and bool(message)


def failure_of(name: str, message: list[str]) -> Failure:
    """Return a failure without the heading that names it once more."""
    first = next((at for at, line in enumerate(message) if line.strip()), len(message))
    node = NODE.match(message[first].strip()) if message[first:] else None
    if node and name in (node["node"], _with_version(node["node"], node["path"])):
        message = message[first + 1 :]
    return Failure(name, joined(message), cause_in(message))


def with_sources(summarized: list[Failure], steps: list[Step]) -> list[Failure]:
    """Name sources as their lines of progress do: the summary has less than that, and before 1.12 there is none."""
    sources = dict[str, list[Step]]()
    for step in steps:
        if step.node.startswith("source "):
            sources.setdefault(step.node.rpartition(".")[2], []).append(step)
    failures = list[Failure]()
    for failure in summarized:
        kind, _, table = failure.node.partition(" ")
        matching = sources.get(table) if kind == "source" else None
        if not matching:
            failures.append(failure)
        elif failure.message.startswith("Status: "):
            failures.append(Failure(matching.pop(0).node, _STALE, _STALE))
        else:
            failures.append(Failure(matching.pop(0).node, failure.message, failure.cause))
    for step in (step for left in sources.values() for step in left):
        message = _STALE if step.state == "ERROR STALE" else ""
        failures.append(Failure(step.node, message, message))
    return failures


def with_unit_tests(summarized: list[Failure], steps: list[Step]) -> list[Failure]:
    """Return the failures with those of unit tests: before 1.10 the summary names the model instead."""
    names, failed = {failure.node for failure in summarized}, {step.node for step in steps}
    tests = [node for node in dict.fromkeys(step.node for step in steps) if node.startswith("unit_test ")]
    untold = [node for node in tests if node not in names]
    found = list[Failure]()
    for failure in summarized:
        is_model = failure.node.startswith("model ") and failure.node not in failed
        found.append(Failure(untold.pop(0), failure.message, failure.cause) if untold and is_model else failure)
    return found


def with_batches(summarized: list[Failure], partly: list[str], records: list[LogRecord]) -> list[Failure]:
    """Say why batches of a microbatch model failed, which its own message leaves out; add models that partly did."""
    unhandled = next((record for record in records if _UNHANDLED.match(record.head)), None)
    why = [line.removeprefix("Exception on worker thread. ") for line in unhandled.lines[1:]] if unhandled else []
    batches = dict[str, list[str]]()
    for record in records:
        if batch := _BATCH.match(record.head):
            batches.setdefault(f"model {batch['of'].rpartition('.')[2]}", []).append(batch["batch"])
    names = {failure.node for failure in summarized}
    found = list[Failure]()
    for failure in [*summarized, *(Failure(node, "") for node in partly if node not in names)]:
        failed = batches.get(failure.node)
        if not failed or failure.message not in {"", "ERROR"}:
            found.append(failure)
            continue
        said = f"{counted(len(failed), 'batch', 'batches')} failed: {listed(failed, len(failed))}"
        found.append(Failure(failure.node, joined([said, *why]), f"{said}: {cause_in(why)}" if why else said))
    return found
