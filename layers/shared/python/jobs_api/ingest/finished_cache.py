"""Remembers which settled Jobs the cluster did not let be labelled, so that a pass asks for the runs of others alone.

They are listed each time, and each would cost a read. What is remembered lives as long as the process, and is forgotten
each hour: by then the cluster may let them be labelled.
"""

from datetime import datetime, timedelta
from typing import Final

FORGOTTEN_AFTER: Final = timedelta(hours=1)
# Numbers of some 60 bytes each.
LIMIT: Final = 200_000


class Settled:
    """Jobs that have finished and whose runs have ended."""

    def __init__(self) -> None:
        self._jobs: set[int] = set()
        self._since: datetime | None = None

    def holds(self, organization_id: str, uid: str, now: datetime) -> bool:
        """Tell whether this was found of a Job within the hour."""
        if self._since is None or not timedelta() <= now - self._since < FORGOTTEN_AFTER:
            self._jobs.clear()
            self._since = now
        return hash((organization_id, uid)) in self._jobs

    def keep(self, organization_id: str, uid: str) -> None:
        """Note that this was found of a Job."""
        if len(self._jobs) >= LIMIT:
            self._jobs.clear()
        self._jobs.add(hash((organization_id, uid)))
