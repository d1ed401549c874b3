"""Reads the results of dbt's Rust engine (dbt Fusion, dbt 2): `Succeeded [  0.14s] model main.orders (table)`.

What it says at its end is held against them: `Summary: 34 total | 14 success | 1 warn | 5 error | 14 skipped`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from jobs_api.logs.excerpt import fusion
from jobs_api.logs.excerpt.failures import MAX_LINE
from jobs_api.logs.records.record import LogRecord
from jobs_api.logs.results import dbt_events
from jobs_api.logs.results.found import MOST_RESULTS, Found
from jobs_api.model.results import NodeOutcome

MOST_OF_THE_ERRORS: Final = 2 * 1024 * 1024
# The engine's column for the word that a line begins with; of tests, `Failed` is what they found.
_WORDS: Final = {
    "Succeeded": (NodeOutcome.SUCCESS, "success"),
    "Passed": (NodeOutcome.SUCCESS, "success"),
    "Finished": (NodeOutcome.SUCCESS, "success"),
    "Warned": (NodeOutcome.WARN, "warn"),
    "Failed": (NodeOutcome.ERROR, "error"),
    "Stale": (NodeOutcome.ERROR, "error"),
    "Skipped": (NodeOutcome.SKIPPED, "skipped"),
    "Reused": (NodeOutcome.SKIPPED, "reused"),
}
_LINE: Final = re.compile(
    r" {0,10}(?P<word>[A-Z][a-z]{4,8}) \[(?P<time>[^\]]{1,10})\] (?P<kind>[a-z_]{3,20}) +(?P<name>\S{1,600})"
    r"(?: \(.{0,300}\))?$"
)
_KINDS: Final = frozenset({"model", "test", "unit_test", "seed", "snapshot", "source", "exposure", "function", "hook"})
_SECONDS: Final = re.compile(r" *(?:(?P<minutes>\d{1,2})m *)?(?P<seconds>\d{1,4}(?:\.\d\d)?)s$")
_BEGINS: Final = re.compile(r" {0,4}(?:dbt-fusion|dbt-core|dbt) 2\.\d")
_SUMMARY: Final = re.compile(r"Summary: (?P<said>\d.{0,300})$")
_COUNT: Final = re.compile(r"(\d{1,9}) (total|success|reused|warn|error|skipped|canceled|no-op)\b")
_SECTION: Final = re.compile(r"={5,}.{0,40}={5,}$")
_TEST_FAILED: Final = re.compile(r"Test failed(?: \((?P<rows>.{1,60})\))?: (?P<name>\S{1,600})$")
_UNIQUE_ID: Final = re.compile(r"\b(?:model|test|unit_test|seed|snapshot|source|operation)\.\w[\w.]{1,500}")
_WORD: Final = re.compile(r"\w{1,300}")


@dataclass
class Fusion:
    """The results of the invocations that ended, and what the present one has so far; all of it is plain values."""

    found: list[Found] = field(default_factory=list)
    complete: bool = True
    ended: int = 0
    nodes: dict[str, Found] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    sure: bool = True
    errors: list[str] | None = None
    errors_size: int = 0

    def take(self, record: LogRecord) -> None:
        """Take an event of its JSON format, which is dbt's with other messages."""
        event = record.event
        if event is None or not dbt_events.is_dbts(event) or event.name in {"NodeFinished", "LogStartLine"}:
            return
        if event.name == "MainReportVersion":
            self._end()
        key, status = dbt_events.node_key(event), event.data.get("status")
        outcome = dbt_events.status_outcome(status) if key and event.name.startswith("Log") else None
        if key and record.level == "error" and not outcome and len(self.messages) < MOST_RESULTS:
            self.messages.setdefault(key, fusion.text_of_error(fusion.without_level(record.lines)))
            return
        if outcome:
            word = str(status) if status in {"warn", "skipped", "reused", "no-op"} else ""
            node = Found("", key, outcome[0], word or ("success" if outcome[1] == "PASS" else "error"))
            dbt_events.enrich(node, event)
            self._keep(key, node)
            return
        for line in record.lines:
            self.line(line)

    def line(self, line: str) -> None:
        """Take the next line of its text format."""
        if found := _LINE.match(line[:1500]):
            self._found(found)
        elif summary := _SUMMARY.match(line):
            self._done(summary["said"])
        elif _BEGINS.match(line):
            self._end()
        elif _SECTION.match(line):
            self.errors = self.errors or []
        elif self.errors is not None and self.errors_size < MOST_OF_THE_ERRORS:
            self.errors.append(line)
            self.errors_size += len(line)

    @property
    def listens(self) -> bool:
        """Whether the next lines matter whatever they are."""
        return self.errors is not None and self.errors_size < MOST_OF_THE_ERRORS

    def close(self) -> None:
        """End an invocation that did not count its results."""
        self._end()

    def _found(self, line: re.Match[str]) -> None:
        kind, name = line["kind"], line["name"]
        if kind not in _KINDS or line["word"] not in _WORDS or name.startswith("'"):
            # Also `Cancelled`, and a group of skipped tests of which it names the first ones.
            return
        outcome, word = _WORDS[line["word"]]
        if outcome is NodeOutcome.ERROR and kind in {"test", "unit_test"}:
            outcome = NodeOutcome.FAILED
        seconds = _SECONDS.match(line["time"])
        # A source's name has its group in front, all others have their schema there.
        name = name if kind == "source" else name.rpartition(".")[2]
        node = Found("operation" if kind == "hook" else kind, name, outcome, word)
        if seconds and outcome is not NodeOutcome.SKIPPED:
            node.seconds = int(seconds["minutes"] or 0) * 60 + float(seconds["seconds"])
        self._keep(f"{kind} {line['name']}", node)

    def _keep(self, key: str, node: Found) -> None:
        # Two packages may have tests of one name.
        key = key if key not in self.nodes or node.unique_id else f"{key} {len(self.nodes)}"
        self.nodes[key] = node

    def _done(self, summary: str) -> None:
        counted = Counter({name: int(count) for count, name in _COUNT.findall(summary)})
        nodes = [*self.nodes.values()]
        # Later versions of the engine count hooks.
        without = [node for node in nodes if node.kind != "operation"]
        self.sure = _agree(nodes, counted) or _agree(without, counted)
        self.complete = self.complete and counted["total"] in (len(nodes), len(without))
        self._end(counted=True)

    def _end(self, *, counted: bool = False) -> None:
        nodes = list(self.nodes.values())
        self.complete = self.complete and (not nodes or (counted and self.sure))
        if self.sure:
            for node in nodes:
                node.message = self.messages.get(node.unique_id, "") if node.is_bad else ""
            _with_messages(nodes, self.errors or [])
            for node in nodes:
                node.invocation = self.ended
            self.ended += 1 if nodes else 0
            self.found += nodes[: max(0, 2 * MOST_RESULTS - len(self.found))]
        self.nodes, self.messages, self.sure, self.errors, self.errors_size = {}, {}, True, None, 0


def _agree(nodes: list[Found], counted: Counter[str]) -> bool:
    """Whether no more was read of any kind than the engine counted."""
    read = Counter(node.word for node in nodes)
    # The engine writes `Skipped` for both.
    counted = Counter(counted) + Counter(skipped=counted["no-op"])
    return len(nodes) <= counted["total"] and all(read[word] <= counted[word] for word in read)


def _with_messages(nodes: list[Found], lines: list[str]) -> None:
    """Set the message of each node that failed: the first error that names it or its file, or what a test found."""
    told = {name: fusion.text_of_error(message) for name, message in _tests(lines)}
    errors = fusion.errors(lines)
    for error in errors:
        message = fusion.text_of_error(error)
        ids = {match.group() for line in error for match in _UNIQUE_ID.finditer(line[:MAX_LINE])}
        words = {match.group() for line in error for match in _WORD.finditer(line[:MAX_LINE])}
        for name in ids | words:
            told.setdefault(name, message)
    bad = [node for node in nodes if node.is_bad]
    for node in bad:
        alone = fusion.text_of_error(errors[0]) if len(bad) == len(errors) == 1 else ""
        node.message = node.message or told.get(node.unique_id or node.name) or told.get(node.name, alone)


def _tests(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each test of the section `Test Failures` with its lines."""
    begins = [at for at, line in enumerate(lines) if _TEST_FAILED.match(line)]
    for at in begins:
        test = _TEST_FAILED.match(lines[at])
        said = takewhile(lambda line: line.strip() and not _TEST_FAILED.match(line), lines[at + 1 : at + 20])
        if test:
            yield test["name"], [*([test["rows"]] if test["rows"] else []), *said]
