"""The channels that there are. Everything else asks here; a channel more is a line more in `CHANNELS`."""

from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.notifications.protocol import Channel
from jobs_api.notifications.slack.channel import SLACK
from jobs_api.notifications.webhook.channel import WEBHOOK

# In the order in which a run tells of itself.
CHANNELS: tuple[Channel, ...] = (SLACK, WEBHOOK)


def named(name: object) -> Channel:
    """Return the channel of a name; raises ValueError where there is none."""
    for channel in CHANNELS:
        if channel.name == name:
            return channel
    raise ValueError(f"{name!r} is not a channel; there are {', '.join(channel.name for channel in CHANNELS)}")


def is_known(name: str) -> bool:
    """Tell whether there is a channel of this name; a newer version may have left deliveries of another one."""
    return any(channel.name == name for channel in CHANNELS)


def load_senders() -> None:
    """Import what every channel needs to send: for a function that sends, while it starts, and not with a message."""
    for channel in CHANNELS:
        channel.sender()


def alerts_of(project: Project, job: Job) -> RunAlerts | None:
    """Return whom the runs of a job tell of what, as its owner wants it now; None where nobody is told."""
    wanted = [(channel, target) for channel in CHANNELS if (target := channel.target(job))]
    if not wanted:
        return None
    return RunAlerts(
        project_name=project.settings.name,
        project_type=project.settings.project_type,
        job_name=job.settings.name,
        targets={channel.name: target.model_dump(mode="json") for channel, target in wanted},
    )


def hearing(alerts: RunAlerts | None, event: Event) -> list[Channel]:
    """Return the channels through which somebody may want to hear of an event of a run.

    A newer version may have written of one that is not known here; through that nobody is told.
    """
    wanted = alerts.channels(event) if alerts else []
    return [channel for channel in CHANNELS if channel.name in wanted]


def with_address(job: Job) -> list[Channel]:
    """Return the channels that a job has an address for, whether or not anything is to be sent there."""
    return [channel for channel in CHANNELS if getattr(job.settings, channel.address_field)]
