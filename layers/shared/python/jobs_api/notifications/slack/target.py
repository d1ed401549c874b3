"""The target of alerts in Slack: what a job says about it, and its form on a run."""

from typing import Self

from jobs_api.model.alert_targets import EndsTarget, RunAlerts
from jobs_api.model.job import Job


class SlackTarget(EndsTarget):
    """The Slack channel that gets failures, successes, successes with warnings, or several of these."""

    channel: str

    @classmethod
    def wanted_by(cls, job: Job) -> Self | None:
        """Return what a job's owner requests, None where that is nothing."""
        settings = job.settings
        target = cls(
            channel=settings.slack_channel or "",
            failures=settings.slack_alerts_enabled,
            successes=settings.slack_alert_on_success,
            warnings=settings.slack_alert_on_warning,
        )
        return target if target.channel and (target.failures or target.successes or target.warnings) else None

    @classmethod
    def of(cls, alerts: RunAlerts) -> Self | None:
        """Return the target that is stored with a run, None where it has none."""
        kept = alerts.targets.get("slack")
        return cls.model_validate(kept) if kept else None
