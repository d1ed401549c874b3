"""Which runs a list has."""

from dataclasses import dataclass
from datetime import datetime

from jobs_api.model.document import rfc3339
from jobs_api.model.run import Run, RunStatus, TriggeredBy


@dataclass(frozen=True)
class RunFilter:
    """The filters of a list of runs; None means any. `kept_at` omits runs that have expired by then."""

    job_id: str | None = None
    status: RunStatus | None = None
    job_type: str | None = None
    triggered_by: TriggeredBy | None = None
    updated_after: datetime | None = None
    kept_at: datetime | None = None
    caused_by: str | None = None

    def has(self, run: Run) -> bool:
        """Return whether a list has a run, but for `kept_at`."""
        asked = (self.job_id, self.status, self.job_type, self.triggered_by, self.caused_by)
        found = (run.job_id, run.status, run.job_type, run.triggered_by, run.caused_by)
        same = all(one in {None, other} for one, other in zip(asked, found, strict=True))
        return same and (self.updated_after is None or run.updated_at > self.updated_after)

    def as_query(self) -> dict[str, str | None]:
        """Return what a client sent, which its cursors are signed with."""
        return {
            "job_id": self.job_id,
            "status": self.status,
            "job_type": self.job_type,
            "triggered_by": self.triggered_by,
            "updated_after": rfc3339(self.updated_after) if self.updated_after else None,
            "caused_by": self.caused_by,
        }
