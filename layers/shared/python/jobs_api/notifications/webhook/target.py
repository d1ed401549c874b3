"""The target of webhooks: what a job says about it, and its form on a run."""

from typing import Self

from jobs_api.model.alert_addresses import DEFAULT_EVENTS
from jobs_api.model.alert_targets import Event, EventsTarget, RunAlerts
from jobs_api.model.job import Job
from jobs_api.model.sealed_webhook import SealedWebhook


class WebhookTarget(EventsTarget):
    """The URL of a webhook and the events for it."""

    url: str
    sealed: SealedWebhook

    @classmethod
    def wanted_by(cls, job: Job) -> Self | None:
        """Return what a job's owner requests, None where that is nothing."""
        settings = job.settings
        if not settings.webhook_enabled or not settings.webhook_url:
            return None
        events = [Event(event) for event in settings.webhook_events or DEFAULT_EVENTS]
        return cls(url=settings.webhook_url, events=events, sealed=job.webhook)

    @classmethod
    def of(cls, alerts: RunAlerts) -> Self | None:
        """Return the target that is stored with a run, None where it has none."""
        kept = alerts.targets.get("webhook")
        return cls.model_validate(kept) if kept else None
