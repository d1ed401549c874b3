"""Whom a run tells of what: its job's alert settings, kept with the run as they stood when it was created."""

from enum import StrEnum

from pydantic import Field

from jobs_api.model.document import Document, Timestamp


class Channel(StrEnum):
    """Which way somebody is told."""

    SLACK = "slack"
    WEBHOOK = "webhook"


class Event(StrEnum):
    """What there is to tell of a run; `failure` is a run that ended `failed` or in `error`."""

    STARTED = "started"
    SUCCESS = "success"
    FAILURE = "failure"


class SealedKey(Document):
    """A webhook's signing secret as KMS encrypted it; one that was rotated out still signs until `expires_at`."""

    sealed: str
    expires_at: Timestamp | None = None


class SealedWebhook(Document):
    """What is secret about a job's webhook, encrypted: the values of its extra headers, and keys, newest first."""

    headers: str | None = None
    keys: list[SealedKey] = Field(default_factory=list)


class WebhookTarget(Document):
    """Where a webhook goes and what it hears of."""

    url: str
    events: list[Event]
    sealed: SealedWebhook


class SlackTarget(Document):
    """Which Slack channel hears of failures, of successes, or of both."""

    channel: str
    failures: bool
    successes: bool


class RunAlerts(Document):
    """Whom a run tells; the names are those of its project and job at the time."""

    project_name: str
    project_type: str
    job_name: str
    slack: SlackTarget | None = None
    webhook: WebhookTarget | None = None

    def target(self, channel: Channel) -> SlackTarget | WebhookTarget | None:
        """Return where a channel leads, None where nobody wants to hear there; its field has the channel's name."""
        target: SlackTarget | WebhookTarget | None = getattr(self, channel)
        return target
