"""The Slack channel, for the registry."""

from typing import TYPE_CHECKING, Final

from jobs_api.model.job import Job
from jobs_api.notifications.slack.target import SlackTarget

if TYPE_CHECKING:
    from jobs_api.notifications.protocol import Sender


class _Slack:
    name: Final = "slack"
    sends: Final = "Slack message"
    address_field: Final = "slack_channel"

    def target(self, job: Job, /) -> SlackTarget | None:
        return SlackTarget.wanted_by(job)

    def sender(self) -> "Sender":
        from jobs_api.notifications.slack import sending  # noqa: PLC0415 - a caller that needs targets alone does not send

        return sending


SLACK: Final = _Slack()
