"""An organization: who owns projects, in which Kubernetes namespace, on which cluster."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from jobs_api import slots
from jobs_api.documents import Absent, Document, Record, Timestamp
from jobs_api.slots import Period


class UsageKey(Document):
    """The API key by which API Gateway counts an organization's requests, and from when all of the gateway knows it."""

    value: str
    known_from: Timestamp


class Organization(Record):
    """An organization; its id is also its Kubernetes namespace.

    `cluster` is the EKS cluster's name, absent where the deployment's default serves; it is that since `cluster_since`.
    `outages` is when it could not be reached lately.

    Where an operator wants it out of its cluster, to move or to delete it, that is so since `leaving_at`, and at
    `cleared_at` nothing of it was left there that could start. With `closed` it is to be deleted; since `retired_at`
    nobody looks at it.

    `usage_key` is absent where its requests count together with those of others.
    """

    id: str
    name: str
    cluster: Absent[str] = None
    created_at: Timestamp
    usage_key: Absent[UsageKey] = None
    outages: list[Period] = Field(default_factory=list)
    cluster_since: Absent[Timestamp] = None
    leaving_at: Absent[Timestamp] = None
    cleared_at: Absent[Timestamp] = None
    closed: bool = False
    retired_at: Absent[Timestamp] = None

    @property
    def is_cut_off(self) -> bool:
        """Whether its cluster could not be reached when that was last tried."""
        return bool(self.outages) and self.outages[-1].until is None

    def outages_if(self, *, reached: bool, now: datetime) -> list[Period]:
        """Return its outages, given whether the cluster was reached now; the same ones where that is no news."""
        if reached is not self.is_cut_off:
            return self.outages
        if reached:
            last = self.outages[-1].model_copy(update={"until": now})
            return [*self.outages[:-1], last]
        return [*slots.remembered(self.outages, now), Period(since=now)]

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace that holds everything of this organization."""
        return self.id


class Role(StrEnum):
    """What a token may do: `reader` only reads; `admin` is reserved and equals `developer`."""

    READER = "reader"
    DEVELOPER = "developer"
    ADMIN = "admin"


class Token(Record):
    """A bearer token as it is stored: never the secret, only its SHA-256 in hex."""

    id: str
    organization_id: str
    role: Role
    secret_sha256: str
    description: str = ""
    created_at: Timestamp
    expires_at: Absent[Timestamp] = None
    revoked_at: Absent[Timestamp] = None
