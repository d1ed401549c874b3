"""The webhook channel, for the registry."""

from typing import TYPE_CHECKING, Final

from jobs_api.model.job import Job
from jobs_api.notifications.webhook.target import WebhookTarget

if TYPE_CHECKING:
    from jobs_api.notifications.protocol import Sender


class _Webhook:
    name: Final = "webhook"
    sends: Final = "webhook"
    address_field: Final = "webhook_url"

    def target(self, job: Job, /) -> WebhookTarget | None:
        return WebhookTarget.wanted_by(job)

    def sender(self) -> "Sender":
        from jobs_api.notifications.webhook import sending  # noqa: PLC0415 - a caller that needs targets alone does not send

        return sending


WEBHOOK: Final = _Webhook()
