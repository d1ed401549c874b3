"""Which runs a list has."""

from dataclasses import dataclass
from datetime import datetime

from jobs_api.model.document import rfc3339
from jobs_api.model.run import RunStatus, TriggeredBy


@dataclass(frozen=True)
class RunFilter:
    """The filters of a list of runs; None means any. `kept_at` omits runs that have expired by then."""

    job_id: str | None = None
    status: RunStatus | None = None
    job_type: str | None = None
    triggered_by: TriggeredBy | None = None
    updated_after: datetime | None = None
    kept_at: datetime | None = None

    def as_query(self) -> dict[str, str | None]:
        """Return what a client sent, which its cursors are signed with."""
        return {
            "job_id": self.job_id,
            "status": self.status,
            "job_type": self.job_type,
            "triggered_by": self.triggered_by,
            "updated_after": rfc3339(self.updated_after) if self.updated_after else None,
        }
