"""How a job and its CronJob in the cluster compare."""

from dataclasses import dataclass
from enum import StrEnum

from jobs_api.model.document import Absent, Document, Timestamp


class SyncState(StrEnum):
    """Whether the CronJob in the cluster matches the job."""

    PENDING = "pending"
    SYNCED = "synced"
    ERROR = "error"
    NOT_DEPLOYED = "not_deployed"


class JobSync(Document):
    """The truth about the CronJob in the cluster, as of `synced_at`."""

    state: SyncState
    message: Absent[str] = None
    synced_at: Absent[Timestamp] = None


class SyncedVersion(Document):
    """The result of the last sync of a job, and the versions of project and job that it compared.

    `in_force_at` is the time since which the CronJob is known to have its present firing; `resumed_at` is when a sync
    last resumed it after somebody had suspended it by hand. `fingerprint` is that of the CronJob
    when it was last found to match.
    """

    version: str
    state: SyncState
    message: str | None = None
    synced_at: Timestamp
    in_force_at: Timestamp | None = None
    resumed_at: Timestamp | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class JobVersion:
    """What a sync reads of a job to find that it has nothing to do; `synced_as` is the version that was last synced."""

    id: str
    cronjob_name: str
    version: int
    synced_as: str | None
    fingerprint: str | None = None
