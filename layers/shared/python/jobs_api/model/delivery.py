"""A delivery: one event of one run, sent through one channel, and its result."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from jobs_api.ids import derived_id
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.run import Run
from jobs_api.redaction.masking import shown

# How long a delivery can be read, and sent again, after it last changed.
DELIVERY_KEPT_FOR: Final = timedelta(days=30)


class DeliveryStatus(StrEnum):
    """The state of a delivery: a `folded` one is not sent, since another message says the same."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    FOLDED = "folded"

    @property
    def ended(self) -> bool:
        """Whether the delivery stays in this status unless somebody sends it again."""
        return self in {DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.FOLDED}


class DeliveryDocument(Document):
    """A delivery as the API returns it."""

    id: str
    project_id: str
    job_id: str
    run_id: str
    channel: str
    event: Event
    status: DeliveryStatus
    attempts: int = 0
    status_code: Absent[int] = None
    error: Absent[str] = None
    reason: Absent[str] = None
    folded_into: Absent[str] = None
    next_attempt_at: Absent[Timestamp] = None
    delivered_at: Absent[Timestamp] = None
    created_at: Timestamp
    updated_at: Timestamp


class Delivery(DeliveryDocument):
    """A delivery as it is stored.

    `run` is the run that it is about where no row has that run: a slot was late before it had one.
    `alerts` has the target, `notice` what the channel has decided to say, in the channel's own form. While a delivery
    is being sent, `claim` names its sender, and no other sender may send it until `claimed_until`. `cut_off` counts
    the senders in a row that died over it. After `give_up_at` there are no more attempts.
    """

    organization_id: str
    run: Run | None = None
    alerts: RunAlerts
    notice: dict[str, Any] | None = None
    claim: str | None = None
    claimed_until: Timestamp | None = None
    cut_off: int = 0
    give_up_at: Timestamp

    def is_being_sent(self, now: datetime) -> bool:
        """Return whether a sender has claimed it now."""
        return self.claimed_until is not None and self.claimed_until > now

    def again(self, alerts: RunAlerts | None, now: datetime, give_up_after: timedelta) -> "Delivery":
        """Return it as new and due now, with the target in `alerts`, or its old one if the job has none now."""
        leads_somewhere = alerts is not None and self.channel in alerts.targets
        gathers = self.status is DeliveryStatus.PENDING and self.attempts == 0
        return self.model_copy(
            update={
                "status": DeliveryStatus.PENDING,
                "alerts": alerts if leads_somewhere else self.alerts,
                "attempts": 0,
                "next_attempt_at": now,
                "give_up_at": now + give_up_after,
                "reason": self.reason if gathers else None,
                "folded_into": None,
                "claim": None,
                "claimed_until": None,
                "cut_off": 0,
                "updated_at": now,
            }
        )

    def document(self) -> DeliveryDocument:
        """Return what the API shows of it."""
        stored = vars(self)
        fields = {name: stored[name] for name in DeliveryDocument.model_fields}
        if self.status is not DeliveryStatus.PENDING:
            fields["next_attempt_at"] = None
        if self.error:
            fields["error"] = shown(self.error)
        return DeliveryDocument.known(**fields)


class DeliveryList(Document):
    """A page of deliveries, newest first; `next_cursor` is there while more match."""

    deliveries: list[DeliveryDocument]
    next_cursor: Absent[str] = None


def delivery_id(run_id: str, event: Event, channel: str) -> str:
    """Return the id of this delivery, which is always the same."""
    return derived_id("dlv_", run_id, event, channel)


def new_delivery(
    run: Run, event: Event, channel: str, now: datetime, give_up_after: timedelta, *, stored: bool = True
) -> Delivery:
    """Return a delivery that is due now; the run must have a target. One that is not stored is kept with it."""
    if run.alerts is None:
        raise ValueError(f"{run.id} has no target for notifications")
    return Delivery(
        id=delivery_id(run.id, event, channel),
        organization_id=run.organization_id,
        project_id=run.project_id,
        job_id=run.job_id,
        run_id=run.id,
        channel=channel,
        event=event,
        status=DeliveryStatus.PENDING,
        run=None if stored else run.model_copy(update={"alerts": None}),
        alerts=run.alerts,
        next_attempt_at=now,
        give_up_at=now + give_up_after,
        created_at=now,
        updated_at=now,
    )
