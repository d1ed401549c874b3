"""Sends a delivery as a webhook: signed, to its receiver only while that answers, one at a time where it is slow."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from jobs_api import store, webhook_secrets
from jobs_api.alerts import WebhookTarget
from jobs_api.deliveries import Delivery
from jobs_api.errors import NotFound
from jobs_api.notifications import posting, webhooks
from jobs_api.notifications.sent import Sent
from jobs_api.runs import Run
from jobs_api.store import deliveries, receivers

# A receiver that takes longer gets one webhook at a time: the others would hold up everybody else's.
SLOW: Final = timedelta(seconds=3)
# Those that wait for the same receiver do not all come back at once.
SPREAD_SECONDS: Final = 20


def begin(delivery: Delivery, run: Run, now: datetime, lease: timedelta) -> Delivery | None:  # noqa: ARG001 - as for Slack
    """Write a new delivery, already taken; None where it is there."""
    claimed = deliveries.claimed(delivery, now, lease)
    return claimed if deliveries.create(claimed) else None


def resume(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery | None:
    """Take a delivery that is due again; None where somebody else has it."""
    return deliveries.claim(delivery, now, lease)


def send(delivery: Delivery, run: Run, clock: Callable[[], datetime]) -> Sent:
    """Send a claimed delivery, unless its receiver has enough to do."""
    target = delivery.alerts.webhook
    if target is None:
        return Sent(error="The job has no webhook", permanent=True)
    receiver = receiver_of(target.url)
    begun_at = clock()
    free_at, known = receivers.enter(receiver, begun_at, timedelta(seconds=posting.TIMEOUT_SECONDS + 5))
    if free_at:
        spread = timedelta(seconds=random.uniform(0, SPREAD_SECONDS))  # noqa: S311 - it spreads load
        return Sent(postponed_until=free_at + spread, error="the receiver is slow or down; one attempt at a time")
    sent = _sent(delivery, run, target, begun_at)
    _remember(receiver, sent, begun_at, clock(), known=known)
    return sent


def answered(url: str, body: bytes, headers: dict[str, str]) -> tuple[Sent, str]:
    """Post signed headers and a body; say how it went, and how the answer's text begins."""
    try:
        answer = posting.post(url, body, headers)
    except posting.Refused as refused:
        return Sent(error=str(refused), permanent=True), ""
    except posting.Unreachable as unreachable:
        return Sent(error=str(unreachable)), ""
    if answer.accepted:
        return Sent(delivered=True, status_code=answer.status), answer.text
    gone = answer.status == HTTPStatus.GONE
    return (
        Sent(
            status_code=answer.status,
            error=f"the receiver answered {answer.status}" + ("; nothing more is sent for this" if gone else ""),
            permanent=gone,
            retry_after=answer.retry_after,
        ),
        answer.text,
    )


def receiver_of(url: str) -> str:
    """Return host and port: what is slow or down is a machine, not a path on it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 443}"


def _sent(delivery: Delivery, run: Run, target: WebhookTarget, now: datetime) -> Sent:
    sealed = target.sealed
    try:
        # A key that was rotated since then signs as well, or alone once its day is over.
        _, job = store.get_job(delivery.organization_id, delivery.project_id, delivery.job_id)
        keys = webhook_secrets.open_keys(job.webhook, delivery.organization_id, delivery.job_id, now)
    except NotFound:
        keys = []
    keys = keys or webhook_secrets.open_keys(sealed, delivery.organization_id, delivery.job_id, now)
    body = webhooks.body_of(run, delivery.event, delivery.alerts)
    extra = webhook_secrets.open_headers(sealed, delivery.organization_id, delivery.job_id)
    sent, _ = answered(target.url, body, {**extra, **webhooks.headers(delivery.id, body, keys, now)})
    return sent


def _remember(receiver: str, sent: Sent, begun_at: datetime, ended_at: datetime, *, known: bool) -> None:
    """Note how the receiver stands, where that has changed."""
    if sent.permanent and sent.status_code is None:
        return
    if sent.status_code is None:
        receivers.down(receiver, ended_at, known=known)
    elif ended_at - begun_at > SLOW:
        receivers.slow(receiver, ended_at)
    elif known:
        receivers.leave(receiver)
