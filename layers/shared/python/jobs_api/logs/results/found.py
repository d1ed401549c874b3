"""The findings about each node while a log is read, and the results that they make."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs_api.logs.excerpt.failures import cut_at_word
from jobs_api.model.results import NodeOutcome, NodeResult, ResultCounts, RunResults

# If a run has more nodes, the first ones are kept. The largest projects have some ten thousand models and tests.
MOST_RESULTS: Final = 20_000
NAME_LIMIT: Final = 500
MESSAGE_LIMIT: Final = 1000
MESSAGES_LIMIT: Final = 512 * 1024
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass
class Found:
    """One node: its `kind` and `name`, the `outcome` in the API's words, and `word`, its tool's own for that.

    `started_at` is ISO 8601 in UTC, "" where it is not known, as are `unique_id` and `message`. `invocation` counts the
    invocations of the log that had nodes.
    """

    kind: str
    name: str
    outcome: str
    word: str = ""
    unique_id: str = ""
    seconds: float | None = None
    rows: int | None = None
    started_at: str = ""
    message: str = ""
    invocation: int = 0

    @property
    def node(self) -> str:
        """Return kind and name, as an alert names the node."""
        return f"{self.kind} {self.name}"

    @property
    def is_bad(self) -> bool:
        """Whether it failed, by itself or by what it found."""
        return self.outcome in (NodeOutcome.FAILED, NodeOutcome.ERROR)

    def result(self, message: str) -> NodeResult:
        """Return it as the API does."""
        return NodeResult.known(
            name=self.name[:NAME_LIMIT],
            unique_id=self.unique_id[:NAME_LIMIT] or None,
            resource_type=self.kind,
            status=NodeOutcome(self.outcome),
            seconds=self.seconds,
            rows=self.rows,
            started_at=_moment(self.started_at),
            message=message or None,
        )


def results_of(found: Iterable[Found], *, complete: bool) -> RunResults | None:
    """Return the results of a log, None if there are none."""
    nodes = list(found)
    if not nodes:
        return None
    counts, left = Counter(node.outcome for node in nodes), MESSAGES_LIMIT
    results = list[NodeResult]()
    for node in nodes[:MOST_RESULTS]:
        message = cut_at_word(node.message.strip(), min(MESSAGE_LIMIT, left)) if left > 1 else ""
        left -= len(message)
        results.append(node.result(message))
    return RunResults(
        results=results,
        counts=ResultCounts(**{str(outcome): counts[outcome] for outcome in NodeOutcome}),
        complete=complete and len(nodes) <= MOST_RESULTS,
    )


def _moment(text: str) -> datetime | None:
    if not _ISO.match(text):
        return None
    try:
        return datetime.fromisoformat(f"{text[:19]}+00:00")
    except ValueError:
        return None
