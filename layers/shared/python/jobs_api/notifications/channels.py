"""The list of channels. All other code asks this module; a new channel is one more entry in `CHANNELS`."""

from jobs_api.model import run_events
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications.protocol import Channel
from jobs_api.notifications.slack.channel import SLACK
from jobs_api.notifications.webhook.channel import WEBHOOK

# The order in which notifications of a run are queued.
CHANNELS: tuple[Channel, ...] = (SLACK, WEBHOOK)


def named(name: object) -> Channel:
    """Return the channel with a name; raises ValueError where there is none."""
    for channel in CHANNELS:
        if channel.name == name:
            return channel
    raise ValueError(f"{name!r} is not a channel; there are {', '.join(channel.name for channel in CHANNELS)}")


def is_known(name: str) -> bool:
    """Return whether there is a channel with this name; a newer version may have left deliveries for another one."""
    return any(channel.name == name for channel in CHANNELS)


def load_senders() -> None:
    """Import what every channel needs to send. A function that sends calls this while it starts, before any message."""
    for channel in CHANNELS:
        channel.sender()


def alerts_of(project: Project, job: Job) -> RunAlerts | None:
    """Return the targets of a job's runs and their events, as its owner wants them now; None where there are none."""
    wanted = [(channel, target) for channel in CHANNELS if (target := channel.target(job))]
    if not wanted:
        return None
    return RunAlerts(
        project_name=project.settings.name,
        project_type=project.settings.project_type,
        job_name=job.settings.name,
        targets={channel.name: target.model_dump(mode="json") for channel, target in wanted},
    )


def channels_to_notify(run: Run, event: Event) -> list[Channel]:
    """Return the channels for which the targets of a run request an event of it.

    A newer version may have written a target for an unknown channel; nothing is sent to that.
    """
    wanted = run_events.channels(run, event)
    return [channel for channel in CHANNELS if channel.name in wanted]


def with_address(job: Job) -> list[Channel]:
    """Return the channels for which a job has an address, whether or not it requests any event there."""
    return [channel for channel in CHANNELS if getattr(job.settings, channel.address_field)]
