"""The calls made while tests ran: a record for each process that runs tests, and their sum."""

import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.permissions.needed_actions import Asked

type ClusterCall = tuple[str, str, str]

# In the folder above the workers' own temporary folders.
FOLDER = "recorded"
# A worker begins its last test file while other workers still have one or two files to run.
MOST_SECONDS_APART = 300


@dataclass
class Record:
    """The AWS calls of each function, by its folder, and of operators, and the functions that called a cluster."""

    asked: dict[str, set[Asked]] = field(default_factory=lambda: defaultdict(set))
    operated: set[Asked] = field(default_factory=set)
    cluster_calls: dict[ClusterCall, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, other: "Record") -> None:
        """Add another record to this one."""
        for function, calls in other.asked.items():
            self.asked[function] |= calls
        self.operated |= other.operated
        for call, functions in other.cluster_calls.items():
            self.cluster_calls[call] |= functions

    def leave(self, temporary: Path, worker: str) -> None:
        """Write a complete file for the other workers of this run; `temporary` is the run's folder."""
        document = {
            "asked": {function: sorted(calls, key=str) for function, calls in self.asked.items()},
            "operated": sorted(self.operated, key=str),
            "cluster_calls": [[call, sorted(functions)] for call, functions in self.cluster_calls.items()],
        }
        folder = temporary / FOLDER
        folder.mkdir(exist_ok=True)
        draft = folder / f"{worker}.new"
        draft.write_text(json.dumps(document))
        draft.rename(folder / f"{worker}.json")


def left_by_others(temporary: Path) -> list[Record]:
    """Return the records of the other workers of this run, and wait for workers that are not done.

    A worker that dies writes none; pytest-xdist starts another for its remaining tests, which writes one.
    """
    folder = temporary / FOLDER
    others = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) - 1
    deadline = time.monotonic() + MOST_SECONDS_APART
    while len(found := sorted(folder.glob("*.json"))) < others:
        assert time.monotonic() < deadline, f"of {others} other workers only {len(found)} left a record in {folder}"
        time.sleep(0.1)
    return [_read(file) for file in found]


def _read(file: Path) -> Record:
    document = json.loads(file.read_text())
    return Record(
        {function: {Asked(*call) for call in calls} for function, calls in document["asked"].items()},
        {Asked(*call) for call in document["operated"]},
        {(verb, group, resource): set(functions) for (verb, group, resource), functions in document["cluster_calls"]},
    )
