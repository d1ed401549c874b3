"""The target of alerts in Slack: what a job says about it, and its form on a run."""

from typing import Self

from jobs_api.model.alert_targets import EndsTarget, RunAlerts
from jobs_api.model.job import Job


class SlackTarget(EndsTarget):
    """The Slack channel that gets failures, successes, or both."""

    channel: str

    @classmethod
    def wanted_by(cls, job: Job) -> Self | None:
        """Return what a job's owner requests, None where that is nothing."""
        settings = job.settings
        if not settings.slack_channel or not (settings.slack_alerts_enabled or settings.slack_alert_on_success):
            return None
        return cls(
            channel=settings.slack_channel,
            failures=settings.slack_alerts_enabled,
            successes=settings.slack_alert_on_success,
        )

    @classmethod
    def of(cls, alerts: RunAlerts) -> Self | None:
        """Return the target that is stored with a run, None where it has none."""
        kept = alerts.targets.get("slack")
        return cls.model_validate(kept) if kept else None
