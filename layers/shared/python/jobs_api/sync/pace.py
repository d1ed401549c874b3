"""How many changes a comparison tries at once, and when it gives up: slow start, as in Kubernetes' own controllers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jobs_api.errors import ClusterUnavailable

# A change is mostly waiting for the cluster, the table and KMS; the clients' pools have the same size.
WORKERS: Final = 16
# One object that the cluster cannot process must not stop the others; after three in a row, the cluster is at fault.
FAILURES_IN_A_ROW: Final = 3


@dataclass
class ChangePace:
    """The pace of one comparison: the batch doubles after each success."""

    at_once: int = 1
    _failures_in_a_row: int = 0

    def judge(self, failures: Sequence[ClusterUnavailable | None]) -> None:
        """Continue one by one after single failures; raise the last one after several in a row."""
        self.at_once = 1 if any(failures) else min(2 * self.at_once, WORKERS)
        for failure in failures:
            self._failures_in_a_row = self._failures_in_a_row + 1 if failure else 0
            if failure and self._failures_in_a_row == FAILURES_IN_A_ROW:
                raise failure
