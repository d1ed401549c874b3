"""How a job and its CronJob in the cluster compare."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record, Timestamp


class SyncState(StrEnum):
    """Whether the CronJob in the cluster matches the job."""

    PENDING = "pending"
    SYNCED = "synced"
    ERROR = "error"
    NOT_DEPLOYED = "not_deployed"


class JobSync(Document):
    """The truth about the CronJob in the cluster, as of `synced_at`."""

    model_config = COMPILED_LATE

    state: SyncState
    message: Absent[str] = None
    synced_at: Absent[Timestamp] = None


class SyncedVersion(Record):
    """The result of the last sync of a job, and the versions of project and job that it compared.

    `in_force_at` is the time since which the CronJob is known to have its present firing; `resumed_at` is when a sync
    last resumed it after somebody had suspended it by hand. `fingerprint` is that of the CronJob
    when it was last found to match. `right_until` is when the CronJob must change by itself: at the end of a pause.
    """

    version: str
    state: SyncState
    message: str | None = None
    synced_at: Timestamp
    in_force_at: Timestamp | None = None
    resumed_at: Timestamp | None = None
    fingerprint: str | None = None
    right_until: Absent[Timestamp] = None

    def is_over(self, now: datetime) -> bool:
        """Return whether what was compared is not right any more, since a pause has ended."""
        return self.right_until is not None and self.right_until <= now


@dataclass(frozen=True, slots=True)
class JobVersion:
    """The fields of a job by which a sync finds that it has nothing to do; `synced_as` is the version last synced.

    `right_until` as in `SyncedVersion`.
    """

    id: str
    cronjob_name: str
    version: int
    synced_as: str | None
    fingerprint: str | None = None
    right_until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Return whether what was synced is not right any more, since a pause has ended."""
        return self.right_until is not None and self.right_until <= now
