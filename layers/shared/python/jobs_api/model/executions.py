"""The executions of the models, tests and sources of a project over several runs."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from jobs_api.model.document import COMPILED_LATE, Absent, Document, Timestamp
from jobs_api.model.results import NodeOutcome, NodeResult

_RAN: Final = frozenset({NodeOutcome.SUCCESS, NodeOutcome.WARN, NodeOutcome.FAILED, NodeOutcome.ERROR})
_WORKED: Final = frozenset({NodeOutcome.SUCCESS, NodeOutcome.WARN})


class ModelExecution(NodeResult):
    """The result of one node in one run."""

    model_config = COMPILED_LATE

    run_id: str
    job_id: str


class ModelExecutionList(Document):
    """A page of executions, newest first, with a `next_cursor` while more may match."""

    model_executions: list[ModelExecution]
    next_cursor: Absent[str] = None


class ModelStats(Document):
    """The statistics of one node over a time. Durations are of executions that took some; seconds have two decimals.

    `executions` are those in which it was not skipped, `failures` the ones of them that failed or were errors. The 95th
    percentile is that of the nearest rank. `last_success_at` is the end of the run in which it last worked.
    """

    model_config = COMPILED_LATE

    name: str
    resource_type: str
    executions: int
    failures: int
    avg_seconds: Absent[float] = None
    p95_seconds: Absent[float] = None
    last_status: NodeOutcome
    last_success_at: Absent[Timestamp] = None


class ModelStatsList(Document):
    """The statistics of a project's nodes, by kind and name.

    `runs` is from how many runs they are, the oldest of which was created at `since`. `truncated`: older ones were not
    read, or more nodes had no room in the answer.
    """

    stats: list[ModelStats]
    runs: int
    since: Absent[Timestamp] = None
    truncated: Absent[bool] = None


@dataclass
class _Seen:
    last_status: str
    executions: int = 0
    failures: int = 0
    seconds: list[float] = field(default_factory=list)
    last_success_at: datetime | None = None


@dataclass
class NodesOverTime:
    """Gathers the results of runs, which must come newest first."""

    _seen: dict[tuple[str, str], _Seen] = field(default_factory=dict)

    def add(self, ended_at: datetime | None, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Take the results of the next older run, as they are stored; a later line of a node is its newer one."""
        for node in reversed(list(nodes)):
            status = node["status"]
            key = (node["resource_type"], node["name"])
            if (seen := self._seen.get(key)) is None:
                seen = self._seen[key] = _Seen(status)
            seen.executions += status in _RAN
            seen.failures += status in _RAN and status not in _WORKED
            if status in _RAN and (seconds := node.get("seconds")) is not None:
                seen.seconds.append(seconds)
            if status in _WORKED and seen.last_success_at is None:
                seen.last_success_at = ended_at

    def stats(self, name: str | None = None) -> list[ModelStats]:
        """Return a row for each node, or for those of a name."""
        wanted = sorted(key for key in self._seen if name is None or key[1] == name)
        return [_stats(kind, called, self._seen[kind, called]) for kind, called in wanted]


def _stats(kind: str, name: str, seen: _Seen) -> ModelStats:
    seconds = sorted(seen.seconds)
    return ModelStats(
        name=name,
        resource_type=kind,
        executions=seen.executions,
        failures=seen.failures,
        avg_seconds=round(math.fsum(seconds) / len(seconds), 2) if seconds else None,
        p95_seconds=round(seconds[math.ceil(0.95 * len(seconds)) - 1], 2) if seconds else None,
        last_status=NodeOutcome(seen.last_status),
        last_success_at=seen.last_success_at,
    )
