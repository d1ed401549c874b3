"""The secrets of a job's webhook, as they are stored with the job and with each of its runs."""

from pydantic import Field

from jobs_api.model.document import Record, Timestamp


class SealedKey(Record):
    """A webhook's signing secret as KMS encrypted it; one that was rotated out still signs until `expires_at`."""

    sealed: str
    expires_at: Timestamp | None = None


class SealedWebhook(Record):
    """The secrets of a job's webhook, encrypted: the values of its extra headers, and its keys, newest first."""

    headers: str | None = None
    keys: list[SealedKey] = Field(default_factory=list)
