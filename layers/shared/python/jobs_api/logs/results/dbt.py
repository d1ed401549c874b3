"""Reads the results of dbt 1.x from its lines of progress: in the text, debug and JSON formats.

Each invocation is held against what dbt itself counted at its end: `Done. PASS=4 WARN=0 ERROR=2 SKIP=4 TOTAL=10`.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from jobs_api.logs.records.progress import Step, step_of
from jobs_api.logs.records.record import LogRecord
from jobs_api.logs.results import dbt_events, dbt_messages
from jobs_api.logs.results.clock import LogClock
from jobs_api.logs.results.found import MOST_RESULTS, Found
from jobs_api.model.results import NodeOutcome

# The greatest size of the summary at the end: a kilobyte for each of thousands of failures.
SUMMARY_LIMIT: Final = 4 * 1024 * 1024
OUTCOMES: Final = {
    "OK": (NodeOutcome.SUCCESS, "PASS"),
    "PASS": (NodeOutcome.SUCCESS, "PASS"),
    "WARN": (NodeOutcome.WARN, "WARN"),
    "FAIL": (NodeOutcome.FAILED, "ERROR"),
    "ERROR": (NodeOutcome.ERROR, "ERROR"),
    "ERROR STALE": (NodeOutcome.ERROR, "ERROR"),
    "ERROR SKIP": (NodeOutcome.SKIPPED, "SKIP"),
    "PARTIALLY": (NodeOutcome.ERROR, "ERROR"),
    "PARTIAL SUCCESS": (NodeOutcome.ERROR, "ERROR"),
    "SKIP": (NodeOutcome.SKIPPED, "SKIP"),
    "NO-OP": (NodeOutcome.SKIPPED, "NO-OP"),
    "REUSED": (NodeOutcome.SKIPPED, "REUSED"),
}
_BEGINS: Final = re.compile(r"Running with dbt=")
_ENDS: Final = re.compile(r"Done\.(?: PASS=|$)")
_COUNT: Final = re.compile(r"\b([A-Z-]{2,10})=(\d{1,9})\b")
_FINISHED: Final = re.compile(r"Finished running (?P<kinds>.{0,2000}?) in \d")
_OF_A_TYPE: Final = re.compile(r"(?P<count>\d{1,7}) (?:[\w ]{0,60} )?(?P<type>model|seed|snapshot)s?(?:,|$)")
_HOOK: Final = re.compile(r"hook \S{1,300}\.on-run-(?:start|end)\.\d{1,6}$")
# `INSERT 3`, Postgres' `INSERT 0 3`, BigQuery's `CREATE TABLE (3.0 rows, 1.2 KiB processed)`, which rounds thousands.
# Snowflake's `SUCCESS 1` counts the one row that reports the success, whatever the statement wrote.
_ROWS: Final = re.compile(
    r"(?:SELECT|INSERT(?: 0)?|UPDATE|DELETE|MERGE|COPY) (\d{1,15})$|[A-Z ]{3,30} \((\d{1,3})\.0 rows\b"
)
_TESTED: Final = re.compile(r"(?:FAIL|WARN) (\d{1,15})$")


@dataclass
class Dbt:
    """The results of the invocations that ended, and what the present one has so far; all of it is plain values.

    `sure` is False if an invocation said something that contradicts what was read. `complete` is False if one did not
    count its results. `shown` has the nodes with a line of progress.
    """

    found: list[Found] = field(default_factory=list)
    complete: bool = True
    ended: int = 0
    nodes: dict[str, Found] = field(default_factory=dict)
    shown: dict[str, bool] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    of: int = 0
    sure: bool = True
    finished: str = ""
    summary: list[LogRecord] | None = None
    summary_size: int = 0

    def take(self, record: LogRecord, clock: LogClock) -> None:
        """Take the next record."""
        if record.event and not dbt_events.is_dbts(record.event):
            return
        if record.event and record.event.name == "NodeFinished":
            self._node_finished(record)
        if record.level == "debug":
            return
        if _BEGINS.match(record.head):
            self.close()
        elif step := step_of(record):
            self._step(step, record, clock.at(record.clock))
        elif finished := _FINISHED.match(record.head):
            self.finished, self.summary = finished["kinds"], []
        elif _ENDS.match(record.head):
            self._done(record.head)
        elif self.summary is not None:
            self._keep(record)

    def take_line(self, line: str) -> None:
        """Take a line that belongs to the record before."""
        if self.summary and not self.summary[-1].whole and self.summary_size < SUMMARY_LIMIT:
            self.summary[-1].lines.append(line.rstrip())
            self.summary_size += len(line)

    @property
    def listens(self) -> bool:
        """Whether the next lines matter whatever they are."""
        return self.summary is not None and self.summary_size < SUMMARY_LIMIT

    def close(self) -> None:
        """End an invocation that did not count its results: it was stopped, or something is missing."""
        if self.nodes or self.begun:
            self.complete = False
        self._end()

    def _node_finished(self, record: LogRecord) -> None:
        """Take what a JSON log of level debug has: all that is in run_results.json."""
        if record.event and (read := dbt_events.finished(record.event)):
            key, node = read
            told = self.nodes.get(key)
            self.nodes[key] = dbt_events.combined(told, node) if told else node

    def _step(self, step: Step, record: LogRecord, at: str) -> None:
        at_, of, is_hook = step.number
        is_sure = step.state in OUTCOMES and (not is_hook or _HOOK.match(step.node))
        key = dbt_events.node_key(record.event) or (step.node if is_hook else at_)
        if not is_hook:
            # An invocation numbers its nodes once; another number is the output of something else.
            self.sure = self.sure and self.of in {0, int(of)}
            self.of = max(self.of, int(of))
        if step.state == "START":
            if len(self.begun) < MOST_RESULTS:
                self.begun[key] = at
        elif step.state == "CANCEL":
            pass
        elif not is_sure or (int(at_) > int(of) and not is_hook):
            self.sure = False
        else:
            self._found(key, step, record, self.begun.pop(key, ""))

    def _found(self, key: str, step: Step, record: LogRecord, began: str) -> None:
        outcome, word = OUTCOMES[step.state]
        kind, _, name = step.node.partition(" ")
        kind = {"hook": "operation"}.get(kind, kind)
        node = Found(kind, name, outcome, word, started_at=began)
        if outcome is not NodeOutcome.SKIPPED:
            node.seconds = step.seconds
        if kind == "relation":
            node.name = name.rpartition(".")[2]
        rows = (_TESTED if kind in {"test", "unit_test"} else _ROWS).match(step.said)
        if rows and kind != "unit_test":
            node.rows = int(next(count for count in rows.groups() if count is not None))
        if record.event:
            dbt_events.enrich(node, record.event)
        told = self.nodes.get(key)
        self.shown[key] = True
        if told and (told.word != word or told.name != node.name):
            self.sure = False
        elif told:
            self.nodes[key] = dbt_events.combined(node, told)
        else:
            self.nodes[key] = node

    def _keep(self, record: LogRecord) -> None:
        if record.event and (told := dbt_events.message_of(record.event)):
            self.messages.setdefault(*told)
        size = sum(map(len, record.lines))
        if self.summary is not None and self.summary_size + size < SUMMARY_LIMIT:
            # Without the event's data, which is larger than its message.
            self.summary.append(LogRecord(record.lines, record.level, record.clocked, record.whole))
            self.summary_size += size

    def _done(self, head: str) -> None:
        counted = Counter({name: int(number) for name, number in _COUNT.findall(head)})
        if counted and len(self.nodes) > counted["TOTAL"]:
            # dbt 1.8 writes that a skipped ephemeral model has finished, but does not count it.
            self.nodes = {key: node for key, node in self.nodes.items() if key in self.shown}
        nodes = list(self.nodes.values())
        if counted and len(nodes) < counted["TOTAL"]:
            self.nodes = _without_dubious(self.nodes, dbt_messages.names(self.summary or []))
            nodes = list(self.nodes.values())
        if counted:
            without = [node for node in nodes if node.kind != "operation"]
            agrees = _agree(nodes, counted) or (_agree(without, counted) and len(without) <= (self.of or len(without)))
            self.sure = self.sure and agrees
            whole = counted["TOTAL"] in (len(nodes), len(without))
        else:
            whole = len(nodes) >= self.of
        self.complete = self.complete and whole
        self._end()

    def _end(self) -> None:
        """Take what was read of an invocation, if it is sure, and forget it."""
        nodes = list(self.nodes.values())
        if self.sure:
            _with_types(nodes, self.finished)
            dbt_messages.add(nodes, self.messages, self.summary or [])
            for node in nodes:
                node.invocation = self.ended
            self.ended += 1 if nodes else 0
            self.found += nodes[: max(0, 2 * MOST_RESULTS - len(self.found))]
        elif nodes:
            self.complete = False
        self.nodes, self.shown, self.begun, self.messages, self.of, self.sure = {}, {}, {}, {}, 0, True
        self.finished, self.summary, self.summary_size = "", None, 0


def _without_dubious(nodes: dict[str, Found], told: set[str]) -> dict[str, Found]:
    """Leave out what dbt may have counted as skipped although it wrote another line.

    With --fail-fast it does so with all that ends after the first failure, but not with that failure, which its summary
    names.
    """
    keys = list(nodes)
    first = next((at for at, key in enumerate(keys) if nodes[key].is_bad), None)
    if first is None:
        return nodes
    sure = {
        key
        for key in keys[first:]
        if nodes[key].outcome == NodeOutcome.SKIPPED or dbt_messages.is_in_summary(nodes[key], told)
    }
    return {key: nodes[key] for at, key in enumerate(keys) if at < first or key in sure}


def _agree(nodes: list[Found], counted: Counter[str]) -> bool:
    """Whether no more was read of any kind than dbt counted. Less is a part of the log that is missing."""
    read = Counter(node.word for node in nodes)
    if "NO-OP" not in counted:
        read["PASS"] += read.pop("NO-OP", 0)
    return len(nodes) <= counted["TOTAL"] and all(read[word] <= counted[word] for word in read)


def _with_types(nodes: list[Found], finished: str) -> None:
    """Say of skipped relations what they are, which only the line `Finished running 3 seeds, 2 view models` tells."""
    left = Counter[str]()
    for match in _OF_A_TYPE.finditer(finished):
        left[match["type"]] += int(match["count"])
    left.subtract(node.kind for node in nodes if node.kind in left)
    types = [kind for kind, count in left.items() if count > 0]
    for node in nodes:
        if node.kind == "relation" and len(types) == 1:
            node.kind = types[0]
