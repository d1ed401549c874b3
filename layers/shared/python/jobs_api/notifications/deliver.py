"""Delivers one queue message: decides, claims, sends and records, in this order, so that each one is sent once.

The row in the table is the truth; the queue message only names the delivery. A conditional write claims a delivery
before anything is sent. Where its sender dies after the receiver took it and before that was recorded, the claim
expires, and the delivery is sent once more, with the same id.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.errors import RunNotFound
from jobs_api.metrics import Metric, publish
from jobs_api.model.delivery import Delivery, DeliveryStatus, delivery_id, new_delivery
from jobs_api.model.run import Run
from jobs_api.notifications import backoff, channels, queue
from jobs_api.notifications.attempt import Sent
from jobs_api.notifications.queue import QueueMessage
from jobs_api.redaction.masking import shown
from jobs_api.store import deliveries

# Longer than a send may take, together with the reads and writes before and after it.
LEASE: Final = timedelta(seconds=60)

# After this many senders have died in a row while sending a delivery, it fails: each of them also stops the other
# deliveries of its process. From the second attempt on it is sent without its excerpt, because a log is the largest
# object that a sender reads.
MOST_CUT_OFF: Final = 4
KILLED: Final = Sent(
    error="each of its senders died while it was sending; an operator finds out why, and redeliver tries again"
)

logger = Logger()


def deliver(message: QueueMessage, clock: Clock) -> datetime | None:
    """Do what is due for a queue message. It may be a repeated or a late one, or another sender may have it now.

    Returns:
        When to try again; None where nothing is left to do.
    """
    known = deliveries.find(delivery_id(message.run_id, message.event, message.channel))
    if known and known.status.ended:
        return None
    due_at = known and _due_at(known)
    if due_at and due_at > clock():
        return due_at
    try:
        run = _kept_run(message, known) or store.get_run(message.organization_id, message.run_id)
    except RunNotFound:
        logger.warning("the run of a message is gone", run_id=message.run_id)
        return _end_without_run(known, clock()) if known else None
    if known is None and run.alerts is None:
        return None
    return _attempt(message, known, run, clock)


def _kept_run(message: QueueMessage, known: Delivery | None) -> Run | None:
    """Return the run that was kept with the delivery or its message, since no row has it."""
    if known and known.run:
        return known.run.model_copy(update={"alerts": known.alerts})
    return message.run if known is None else None


def _end_without_run(known: Delivery, now: datetime) -> datetime | None:
    """End a delivery whose run was removed, so that it does not stay pending; return when to try again."""
    update = {
        "status": DeliveryStatus.FAILED,
        "error": "the run was removed because of its age, so there is nothing to send",
        "next_attempt_at": None,
        "claim": None,
        "claimed_until": None,
        "updated_at": now,
    }
    return None if deliveries.change(known, known.model_copy(update=update)) else now


def _attempt(message: QueueMessage, known: Delivery | None, run: Run, clock: Clock) -> datetime | None:
    """Claim a delivery, send it, and record the result."""
    sender, now = channels.named(message.channel).sender(), clock()
    if known is None:
        stored = message.run is None
        known = new_delivery(run, message.event, message.channel, now, backoff.GIVE_UP_AFTER, stored=stored)
        claimed = sender.begin(known, run, now, LEASE)
    else:
        claimed = sender.resume(known, now, LEASE)
    if claimed is None:
        return _of_somebody_else(known, now)
    if claimed.status is not DeliveryStatus.SENDING:
        return claimed.next_attempt_at
    if claimed.cut_off >= MOST_CUT_OFF:
        return _settled(message, claimed.model_copy(update={"give_up_at": now}), KILLED, now)
    try:
        sent = sender.send(claimed, run, clock)
    except Exception:
        logger.exception("an attempt to deliver failed in the service", delivery_id=claimed.id, run_id=run.id)
        publish({Metric.NOTIFICATION_ERRORS: 1})
        sent = Sent(error="something went wrong on our side; it is tried again")
    if sent.error:
        sent = replace(sent, error=shown(sent.error))
    return _settled(message, claimed, sent, clock())


def _settled(message: QueueMessage, claimed: Delivery, sent: Sent, now: datetime) -> datetime | None:
    """Record the result of an attempt, and return when the next one is."""
    after = _after(claimed, sent, now)
    if not sent.delivered and not sent.postponed_until:
        publish({Metric.NOTIFICATION_FAILURES: 1})
    if after.status is DeliveryStatus.FAILED and not sent.permanent:
        queue.send_to_dead_letters(message)
    logger.info(
        "delivery",
        delivery_id=after.id,
        run_id=after.run_id,
        channel=after.channel,
        status=after.status,
        attempts=after.attempts,
        status_code=sent.status_code,
        error=sent.error,
    )
    if not deliveries.record_result(claimed, after):
        logger.warning("a send took longer than its claim, and may have been made twice", delivery_id=claimed.id)
        return now
    if after.status is DeliveryStatus.FAILED:
        channels.named(message.channel).sender().gave_up(after, now)
    return after.next_attempt_at


def _after(claimed: Delivery, sent: Sent, now: datetime) -> Delivery:
    """Return a delivery with the result of an attempt."""
    update: dict[str, object] = {"updated_at": now, "next_attempt_at": None}
    if sent.delivered:
        update |= {
            "status": DeliveryStatus.DELIVERED,
            "delivered_at": now,
            "status_code": sent.status_code,
            "error": None,
        }
        return claimed.model_copy(update=update)
    if sent.postponed_until:
        # A postponed delivery has had no attempt; the error of the last attempt stays.
        retry_at = min(sent.postponed_until, claimed.give_up_at) if now < claimed.give_up_at else None
        update |= {"attempts": claimed.attempts - 1, "error": claimed.error or sent.error}
    else:
        retry_at = backoff.next_attempt(claimed.attempts, now, claimed.give_up_at, sent.retry_after)
        update |= {"status_code": sent.status_code, "error": sent.error}
    if retry_at and not sent.permanent:
        return claimed.model_copy(update={**update, "status": DeliveryStatus.PENDING, "next_attempt_at": retry_at})
    return claimed.model_copy(update={**update, "status": DeliveryStatus.FAILED})


def _of_somebody_else(known: Delivery, now: datetime) -> datetime | None:
    """Return when to try again a delivery that another sender claimed first."""
    current = deliveries.find(known.id)
    if current is None:
        return now + timedelta(seconds=1)
    return None if current.status.ended else _due_at(current)


def _due_at(delivery: Delivery) -> datetime | None:
    """Return when something is to be done: the next attempt, or at the end of the current sender's claim."""
    return delivery.claimed_until if delivery.status is DeliveryStatus.SENDING else delivery.next_attempt_at
