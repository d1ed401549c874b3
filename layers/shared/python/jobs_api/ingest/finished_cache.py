"""Remembers which settled Jobs the cluster did not let this service label, so that a pass does not read their runs.

Each pass lists those Jobs, and each would cost a read. The memory is the process's, and is cleared each hour: by then
the cluster may allow the label.
"""

from datetime import datetime, timedelta
from typing import Final

FORGOTTEN_AFTER: Final = timedelta(hours=1)
# The entries are numbers of some 60 bytes each.
LIMIT: Final = 200_000


class Settled:
    """Settled Jobs: they have finished and their runs have ended."""

    def __init__(self) -> None:
        self._jobs: set[int] = set()
        self._since: datetime | None = None

    def holds(self, organization_id: str, uid: str, now: datetime) -> bool:
        """Return whether a Job was found settled within the last hour."""
        if self._since is None or not timedelta() <= now - self._since < FORGOTTEN_AFTER:
            self._jobs.clear()
            self._since = now
        return hash((organization_id, uid)) in self._jobs

    def keep(self, organization_id: str, uid: str) -> None:
        """Remember that a Job is settled."""
        if len(self._jobs) >= LIMIT:
            self._jobs.clear()
        self._jobs.add(hash((organization_id, uid)))
