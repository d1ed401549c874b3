"""The progress of one comparison of the tables with the cluster; its threads add to it."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class SyncProgress:
    """The progress of a comparison.

    `done` counts what was done, by kind, over all comparisons of a sync.
    """

    done: Counter[str]
    # Something has changed since it was read, so everything is to be compared again.
    outdated: bool = False
    # A CronJob is unknown to the tables: only a comparison of the whole organization may decide about it.
    needs_whole: bool = False
    # The last change that failed because of the cluster.
    failure: Exception | None = None
    # The CronJobs of this deployment that have no deployment label yet.
    unlabelled: set[str] = field(default_factory=set)
    # Orphans that could not be removed, and their jobs. Threads write here while others read: read a copy.
    kept: dict[str, str] = field(default_factory=dict)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: str, count: int = 1) -> None:
        """Count something that was done."""
        with self._counting:
            self.done[outcome] += count
