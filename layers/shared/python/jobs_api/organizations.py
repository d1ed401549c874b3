"""An organization: who owns projects, in which Kubernetes namespace, on which cluster."""

from enum import StrEnum

from jobs_api.documents import Absent, Document, Timestamp


class Organization(Document):
    """An organization; its id is also its Kubernetes namespace.

    `cluster` is the EKS cluster's name, absent where the deployment's default serves.
    """

    id: str
    name: str
    cluster: Absent[str] = None
    created_at: Timestamp

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace that holds everything of this organization."""
        return self.id


class Role(StrEnum):
    """What a token may do: `reader` only reads; `admin` is reserved and equals `developer`."""

    READER = "reader"
    DEVELOPER = "developer"
    ADMIN = "admin"


class Token(Document):
    """A bearer token as it is stored: never the secret, only its SHA-256 in hex."""

    id: str
    organization_id: str
    role: Role
    secret_sha256: str
    description: str = ""
    created_at: Timestamp
    expires_at: Absent[Timestamp] = None
    revoked_at: Absent[Timestamp] = None
