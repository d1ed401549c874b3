"""Reads the results of SQLMesh: the batches of `run` and `plan`, audits and unit tests.

`[1/1] shop.orders   [full refresh, audits passed 1]   0.18s`, before 0.180 `[1/1] shop.orders evaluated in 0.18s`. Its
console wraps lines at 80 columns.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from jobs_api.logs.excerpt import sqlmesh
from jobs_api.logs.results.found import MOST_RESULTS, Found
from jobs_api.model.results import NodeOutcome

MOST_OF_THE_END: Final = 2 * 1024 * 1024
# Into how many lines the console divides one at most.
MOST_PARTS: Final = 5
# A line of this width without a blank at its end was cut within a word.
WIDTH: Final = 80
_OPENS: Final = re.compile(r"\[ {0,6}\d{1,7}/\d{1,7}\] ")
_BATCH: Final = re.compile(
    r"\[ {0,6}(?P<at>\d{1,7})/(?P<of>\d{1,7})\] +(?P<name>\S{1,500})"
    r" +(?:\[(?P<note>.{0,300}?)\] +|evaluated in )(?P<seconds>\d{1,8}\.\d\d)s$"
)
_ROWS: Final = re.compile(r"\((\d{1,15}) rows?\b")
_AUDITS_FAILED: Final = re.compile(r"audits .{0,30}(?:failed |❌ ?)\d")
_WARNING: Final = re.compile(r"\[WARNING\] (?P<said>(?P<name>\S{1,500}): \S.*)$")
_PROGRESS: Final = re.compile(
    r"(?:Executing model batches|Evaluating models) .{0,200} (?P<done>\d{1,7})/(?P<of>\d{1,7}) "
)
_END: Final = re.compile(r"Found \d{1,7} audit\(s\)|\W{0,200}(?:Failed|Skipped) models\W{0,10}$|[-=]{20,}$")
_FOUND: Final = re.compile(r"Found (?P<count>\d{1,7}) audit\(s\)")
_AUDIT: Final = re.compile(
    r"(?P<audit>\S{1,300}) on(?: model)? (?P<model>\S{1,500}) \W{0,8}(?P<word>FAIL|PASS|SKIPPED)\b"
)
_SETTLES: Final = re.compile(r"\S{1,300} on (?:model )?\S{1,500}")
_VERBOSE: Final = re.compile(r"(?P<name>\w{1,300}) \(.{1,600}\) ?\.\.\. (?P<word>ok|FAIL|ERROR)$")
_RAN: Final = re.compile(r"\W{0,4}(?:Successfully )?Ran `?(?P<count>\d{1,7})`? [Tt]ests?\b")
_TEST: Final = re.compile(r"(?P<word>FAIL|ERROR): (?P<name>\S{1,300})")
_AUDIT_WORDS: Final = {"FAIL": NodeOutcome.FAILED, "PASS": NodeOutcome.SUCCESS, "SKIPPED": NodeOutcome.SKIPPED}
_TEST_WORDS: Final = {"ok": NodeOutcome.SUCCESS, "FAIL": NodeOutcome.FAILED, "ERROR": NodeOutcome.ERROR}


@dataclass
class SQLMesh:
    """The results read so far; all of them are plain values. `end` has the lines from its summary on."""

    models: dict[str, Found] = field(default_factory=dict)
    # How many batches of a model are done, and how many there are.
    batches: dict[str, list[int]] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    tests: dict[str, Found] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    end: list[str] | None = None
    end_size: int = 0
    all_batches: int = 0
    ran: int = 0

    def line(self, written: str) -> None:
        """Take the next line, with the blanks at its end."""
        line = written.rstrip()
        if self.open:
            self._rest(written)
        elif _OPENS.match(written):
            self._parts([written])
        elif verbose := _VERBOSE.match(line):
            self._test(verbose["name"], verbose["word"])
        elif progress := _PROGRESS.match(line):
            self.all_batches = max(self.all_batches, int(progress["of"]))
        elif warning := _WARNING.match(line):
            self.warnings.setdefault(warning["name"], warning["said"])
        elif ran := _RAN.match(line):
            self.ran = int(ran["count"])
        self._keep_end_line(line)

    @property
    def listens(self) -> bool:
        """Whether the next lines matter whatever they are."""
        return bool(self.open) or (self.end is not None and self.end_size < MOST_OF_THE_END)

    def results(self) -> tuple[list[Found], bool]:
        """Return the results, and whether the log says that there are no others."""
        lines = self.end or []
        audits, whole = _audits(lines)
        failed = {failure.node: failure.message for failure in sqlmesh.failures(lines)}
        self._with_failed(failed, lines)
        for node in audits:
            node.message = failed.get(node.node, "")
        models = [node for name, node in self.models.items() if self._is_done(name) or node.is_bad]
        models += [
            Found("model", name, NodeOutcome.SKIPPED) for name in sqlmesh.skipped(lines) if name not in self.models
        ]
        done = sum(done for done, _ in self.batches.values())
        bad = any(node.is_bad for node in models)
        whole = whole and (not models or bad or done == self.all_batches) and len(self.tests) >= self.ran
        return [*models, *audits, *self.tests.values()], whole

    def _is_done(self, name: str) -> bool:
        done, of = self.batches.get(name, [0, 1])
        return done >= of

    def _rest(self, line: str) -> None:
        parts, self.open = [*self.open, line], []
        if _OPENS.match(line):
            parts = [line]
        self._parts(parts)

    def _parts(self, parts: list[str]) -> None:
        for told in dict.fromkeys([_joined(parts, width=0), _joined(parts, width=WIDTH)]):
            if batch := _BATCH.match(told):
                self._batch(batch)
                return
        if len(parts) < MOST_PARTS:
            self.open = [part[:1000] for part in parts]

    def _batch(self, batch: re.Match[str]) -> None:
        name, note = batch["name"], batch["note"] or ""
        if name not in self.models and len(self.models) >= MOST_RESULTS:
            return
        node = self.models.setdefault(name, Found("model", name, NodeOutcome.SUCCESS, seconds=0.0))
        node.seconds = round((node.seconds or 0) + float(batch["seconds"]), 2)
        if rows := _ROWS.search(note):
            node.rows = (node.rows or 0) + int(rows[1])
        if _AUDITS_FAILED.search(note):
            node.outcome, node.message = NodeOutcome.WARN, self.warnings.get(name, "")
        done = self.batches.setdefault(name, [0, int(batch["of"])])
        done[0] += 1

    def _test(self, name: str, word: str) -> None:
        if len(self.tests) < MOST_RESULTS:
            self.tests[name] = Found("test", name, _TEST_WORDS[word])

    def _keep_end_line(self, line: str) -> None:
        if self.end is None and _END.match(line):
            self.end = []
        if self.end is not None and self.end_size < MOST_OF_THE_END:
            self.end.append(line)
            self.end_size += len(line)

    def _with_failed(self, failed: dict[str, str], lines: list[str]) -> None:
        words = {test["name"]: test["word"] for line in lines if (test := _TEST.match(line))}
        for name_of_node, message in failed.items():
            kind, _, name = name_of_node.partition(" ")
            if kind == "model":
                node = self.models.setdefault(name, Found("model", name, NodeOutcome.ERROR))
                node.outcome, node.message = NodeOutcome.ERROR, message
            elif kind == "test":
                self.tests[name] = Found("test", name, _TEST_WORDS[words.get(name, "FAIL")], message=message)


def _joined(parts: list[str], *, width: int) -> str:
    """Return a line that was wrapped; at a width also what was cut within a word."""
    told = "".join(
        part if width and len(part) >= width and part[-1] != " " else f"{part} " for part in parts if part.strip()
    )
    return " ".join(told.split())


def _audits(lines: list[str]) -> tuple[list[Found], bool]:
    """Read the list of `sqlmesh audit`, and whether it has as many as were found."""
    begin = next((at for at, line in enumerate(lines) if _FOUND.match(line)), None)
    if begin is None:
        return [], True
    count, found = _FOUND.match(lines[begin]), list[Found]()
    for at in range(begin + 1, len(lines)):
        if lines[at].startswith(("Finished with", "Failure in audit")):
            break
        told = lines[at]
        if _SETTLES.match(told) and not _AUDIT.match(told):
            told = " ".join(" ".join(lines[at : at + 3]).split())
        if audit := _AUDIT.match(told):
            name = f"{audit['audit']} on model {audit['model']}"
            found.append(Found("audit", name, _AUDIT_WORDS[audit["word"]]))
    return found, count is not None and len(found) == int(count["count"])
