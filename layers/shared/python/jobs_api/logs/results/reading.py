"""Reads the results from a log in pieces, whichever tool wrote it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from jobs_api.logs.records.record import LogRecord, record_of
from jobs_api.logs.records.terminal import plain
from jobs_api.logs.results.clock import LogClock, clock_of
from jobs_api.logs.results.combining import combined_with
from jobs_api.logs.results.dbt import Dbt
from jobs_api.logs.results.dbt_artifacts import Stored
from jobs_api.logs.results.found import Found, results_of
from jobs_api.logs.results.fusion import Fusion
from jobs_api.logs.results.sqlmesh import SQLMesh
from jobs_api.model.results import RunResults

# A longer line is not an event with a result; of SQL in a debug log the rest is not read.
LINE_LIMIT: Final = 1024 * 1024
# The beginnings of the lines that some reader needs; most lines of a long log begin otherwise. The times are dbt's.
_MATTERS: Final = re.compile(
    rb"(?:\x1b\[[\d;]{0,20}m|[ *])*+"
    rb"(?:\d\d:\d\d:\d\d(?:\.\d{1,9})? {1,3}(?:\[[a-z]{4,8} {0,2}\] ?(?:\[[^\]]{0,80}\])?: ?)?(?:\x1b\[[\d;]{0,20}m)*+"
    rb"(?:\d{1,7} of \d|Done\.|Finished running|Running with)"
    rb"|(?:Succeeded|Passed|Finished|Warned|Failed|Stale|Skipped|Reused|Summary|Found|Ran|Successfully|Executing"
    rb"|Evaluating|dbt-core|dbt-fusion|dbt)\b"
    rb"|\[ {0,6}\d{1,7}/\d|\[WARNING\]|={5}|-{20}|\w{1,300} \()"
)
# Events of level debug are ignored, except for NodeFinished.
_DEBUG_EVENT: Final = re.compile(rb'"level": ?"debug"')


class ResultsReader:
    """Takes a log piece by piece; `results` may be asked at any time and ends the reading.

    Memory is bounded by the number of nodes. `state` is what was read so far, as plain values for
    JSON; another process can continue from it with `ResultsReader.from_state`.
    """

    def __init__(self, began: datetime | None = None) -> None:
        """Begin to read the log of a run that began then; without the time, dbt's text format gives no `started_at`."""
        self._rest = bytearray()
        self._too_long = False
        self._is_rust = False
        self._clock = clock_of(began)
        self._dbt, self._fusion, self._sqlmesh = Dbt(), Fusion(), SQLMesh()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; they may end anywhere."""
        end = chunk.rfind(b"\n")
        if end < 0:
            self._add_to_rest(chunk)
            return
        lines = bytes(self._rest) + chunk[: end + 1]
        if self._too_long:
            # The rest of a line whose beginning was dropped.
            lines = chunk[chunk.index(b"\n") + 1 : end + 1]
        self._rest, self._too_long = bytearray(), False
        self._add_to_rest(chunk[end + 1 :])
        self._read(lines)

    def results(self, stored: Sequence[Stored] = (), *, exited: bool = False) -> RunResults | None:
        """Return the results; None if the log has none, or is in a form that nobody knows.

        Args:
            stored: what dbt stored itself.
            exited: whether the command ended by itself, so that what dbt stored is whole.
        """
        if self._rest:
            self._read(bytes(self._rest) + b"\n")
        self._rest = bytearray()
        self._dbt.close()
        self._fusion.close()
        for tool in (self._dbt, self._fusion):
            if tool.found:
                found = combined_with(tool.found, stored)
                is_stored = exited and {*map(id, found)}.isdisjoint(map(id, _that_ran(tool.found)))
                return results_of(found, complete=tool.complete or is_stored)
        if stored:
            return results_of(combined_with([], stored), complete=exited)
        found, whole = self._sqlmesh.results()
        return results_of(found, complete=whole)

    @property
    def state(self) -> dict[str, Any]:
        """Return what was read so far, as plain values."""
        return {
            "rest": self._rest.decode("latin-1"),
            "too_long": self._too_long,
            "is_rust": self._is_rust,
            "clock": self._clock.last,
            "dbt": asdict(self._dbt),
            "fusion": asdict(self._fusion),
            "sqlmesh": asdict(self._sqlmesh),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "ResultsReader":
        """Go on from a state."""
        reader = cls()
        reader._rest = bytearray(state["rest"].encode("latin-1"))
        reader._too_long, reader._is_rust = state["too_long"], state["is_rust"]
        reader._clock = LogClock(state["clock"])
        reader._dbt = Dbt(**_with_nodes(state["dbt"]))
        if (summary := reader._dbt.summary) is not None:
            reader._dbt.summary = [LogRecord(**record) for record in summary]  # type: ignore[arg-type]
        reader._fusion = Fusion(**_with_nodes(state["fusion"]))
        reader._sqlmesh = SQLMesh(**_with_nodes(state["sqlmesh"]))
        return reader

    def _add_to_rest(self, part: bytes) -> None:
        if self._too_long or len(self._rest) + len(part) > LINE_LIMIT:
            self._rest, self._too_long = bytearray(), True
        else:
            self._rest += part

    def _read(self, lines: bytes) -> None:
        for raw in lines.split(b"\n")[:-1]:
            if self._matters(raw):
                for line in plain(raw.decode("utf-8", "replace")).split("\n"):
                    self._line(line)

    def _matters(self, line: bytes) -> bool:
        if line.startswith(b'{"'):
            return b"NodeFinished" in line or not _DEBUG_EVENT.search(line)
        return self._listens or _MATTERS.match(line) is not None or b"\r" in line

    @property
    def _listens(self) -> bool:
        return self._dbt.listens or self._fusion.listens or self._sqlmesh.listens

    def _line(self, line: str) -> None:
        record = record_of(line)
        if record and record.clocked:
            self._record(record)
        elif record is None:
            self._dbt.take_line(line)
            self._fusion.line(line)
            self._sqlmesh.line(line)

    def _record(self, record: LogRecord) -> None:
        # The Rust engine's JSON has events of the same names.
        if record.head.startswith("Running with dbt"):
            self._is_rust = not record.head.startswith("Running with dbt=")
        if self._is_rust:
            self._fusion.take(record)
        else:
            self._dbt.take(record, self._clock)


def _that_ran(found: Iterable[Found]) -> list[Found]:
    return [node for node in found if node.kind != "operation"]


def _with_nodes(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of one tool's reader with its nodes as objects."""
    read = dict(state)
    for name in ("nodes", "models", "tests"):
        if name in read:
            read[name] = {key: Found(**node) for key, node in read[name].items()}
    if "found" in read:
        read["found"] = [Found(**node) for node in read["found"]]
    return read
