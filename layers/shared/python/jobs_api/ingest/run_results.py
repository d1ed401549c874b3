"""Reads what each node of a run did, from its log while that is stored, and from its artifacts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.logs import results_archive, stored_results
from jobs_api.logs.artifacts import Bundle
from jobs_api.logs.masked_results import without_messages, without_secrets
from jobs_api.logs.results import ResultsReader
from jobs_api.model.results import NodeOutcome, ResultCounts, RunResults
from jobs_api.model.run import Run

# The exit codes with which dbt ends by itself: success, or a failed node.
EXITED: Final = frozenset({0, 1})

logger = Logger()


@dataclass
class ResultsOfLog:
    """Reads the results from a run's log as it streams by, and from what dbt stored itself among the artifacts.

    `counts` is None until `packed` was called, or without any. `warned` names the nodes that warn. Whatever a log
    contains, it is stored: a fault in the reading only means that there are no results. Without `secrets`, because
    nobody knows them any more, the results have no messages.
    """

    run: Run
    secrets: list[str] | None = field(default_factory=list)
    artifacts: Bundle | None = None
    counts: ResultCounts | None = None
    warned: list[str] = field(default_factory=list)
    _reader: ResultsReader | None = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing read."""
        self._reader = ResultsReader(self.run.start_time)

    def unread(self) -> "ResultsOfLog":
        """Return the same before anything was read, for another text of the log."""
        return ResultsOfLog(self.run, self.secrets, self.artifacts)

    def reading(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the log unchanged, and read it."""
        for chunk in chunks:
            self._read(chunk)
            yield chunk

    def packed(self) -> bytes | None:
        """Return what was read, with masks, as it is stored; None if nothing was."""
        results = self._results()
        if results is None:
            return None
        self.counts = results.counts
        self.warned = [
            f"{node.resource_type} {node.name}" for node in results.results if node.status == NodeOutcome.WARN
        ]
        return results_archive.packed(results)

    def _read(self, chunk: bytes) -> None:
        if self._reader is None:
            return
        try:
            self._reader.feed(chunk)
        except Exception:
            logger.exception("the results of a run were not read", run_id=self.run.id)
            self._reader = None

    def _results(self) -> RunResults | None:
        try:
            stored = stored_results.stored_by(self.artifacts) if self.artifacts else []
            reader = self._reader or ResultsReader()
            results = reader.results(stored, exited=self.run.exit_code in EXITED)
        except Exception:
            logger.exception("the results of a run were not read", run_id=self.run.id)
            return None
        if results is None:
            return None
        return without_messages(results) if self.secrets is None else without_secrets(results, self.secrets)
