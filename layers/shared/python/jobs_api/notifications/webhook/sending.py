"""Sends a delivery as a signed webhook: not while its receiver is down, and one at a time where it is slow."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.errors import NotFound
from jobs_api.ids import new_id
from jobs_api.model.delivery import Delivery
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications.attempt import Sent, TestResult
from jobs_api.notifications.backoff import GIVE_UP_AFTER
from jobs_api.notifications.run_page import run_page
from jobs_api.notifications.webhook import http, payload, receiver_addresses
from jobs_api.notifications.webhook.target import WebhookTarget
from jobs_api.redaction.masking import SHORTEST_VALUE, masked
from jobs_api.sealing import webhook
from jobs_api.store import deliveries, receivers

# A slower receiver gets one webhook at a time: otherwise its webhooks would delay those for other receivers.
SLOW: Final = timedelta(seconds=3)
# How long one delivery has a slow receiver for itself, in case its sender dies.
LEASE: Final = timedelta(seconds=http.TIMEOUT_SECONDS + 5)
# Deliveries that wait for the same receiver do not all come back at once, and come back less often the longer they have
# waited: SQS moves a message that was received too often to the dead letters, whatever it still waits for.
SHORTEST_SPREAD: Final = timedelta(seconds=5)
LONGEST_SPREAD: Final = timedelta(minutes=30)


def begin(delivery: Delivery, run: Run, now: datetime, lease: timedelta) -> Delivery | None:  # noqa: ARG001 - as for Slack
    """Write a new delivery, already claimed; None where it exists already."""
    claimed = deliveries.claimed(delivery, now, lease)
    return claimed if deliveries.create(claimed) else None


def resume(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery | None:
    """Claim a delivery that is due again; None where another sender has claimed it."""
    return deliveries.claim(delivery, now, lease)


def send(delivery: Delivery, run: Run, clock: Clock) -> Sent:
    """Send a claimed delivery, unless its receiver is busy."""
    target = WebhookTarget.of(delivery.alerts)
    if target is None:
        return Sent(error="The job has no webhook", permanent=True)
    receiver = receiver_of(delivery.organization_id, target.url)
    now = clock()
    busy_until, known = receivers.enter(receiver, now, LEASE)
    if busy_until:
        look_again_at = busy_until + _spread(delivery, now)
        return Sent(postponed_until=look_again_at, error="the receiver is slow or down; one attempt at a time")
    body, headers = _signed(delivery, run, target, now)
    # The reads before this also take time, which does not count as the receiver's.
    begun_at = clock()
    with _noticed(receiver, begun_at):
        sent, _ = answered(target.url, body, headers)
    _remember(receiver, sent, begun_at, clock(), known=known)
    return sent


def gave_up(delivery: Delivery, now: datetime) -> None:
    """Do nothing: webhooks do not depend on each other."""


def test(project: Project, job: Job, now: datetime) -> TestResult:
    """Send a test, signed and with the job's own headers like any webhook."""
    body = payload.test_body(
        payload.Named(id=project.id, name=project.settings.name),
        payload.Named(id=job.id, name=job.settings.name),
        now,
    )
    keys = webhook.open_keys(job.webhook, job.organization_id, job.id, now)
    signed = payload.headers(new_id("test_"), body, keys, now)
    extra = webhook.headers_of(job)
    sent, answer = answered(job.settings.webhook_url or "", body, {**extra, **signed})
    # The receiver's answer may repeat the request.
    own = [value for value in (*extra.values(), *keys) if len(value) >= SHORTEST_VALUE]
    return TestResult.of(sent, masked(answer, own))


def forget(organization_id: str) -> None:
    """Remove nothing: the secrets of a webhook are stored with its job."""


def answered(url: str, body: bytes, headers: dict[str, str]) -> tuple[Sent, str]:
    """Post signed headers and a body; return the result, and the beginning of the answer's text."""
    try:
        answer = http.post(url, body, headers)
    except receiver_addresses.LeadsInside as inside:
        return Sent(error=str(inside)), ""
    except receiver_addresses.Refused as refused:
        return Sent(error=str(refused), permanent=True), ""
    except http.Unreachable as unreachable:
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


def receiver_of(organization_id: str, url: str) -> str:
    """Return host and port, for one organization: a host is slow or down, whatever the path.

    For other organizations the same host may be fast, at another path. They do not wait for this one's webhooks.
    """
    parts = urlsplit(url)
    return f"{organization_id}#{parts.hostname}:{parts.port or 443}"


def _signed(delivery: Delivery, run: Run, target: WebhookTarget, now: datetime) -> tuple[bytes, dict[str, str]]:
    """Return the body, and the headers: those that sign it and those that the job's owner wants."""
    sealed = target.sealed
    try:
        # Keys may have been rotated meanwhile: for a day both sign, then the new one alone.
        _, job = store.get_job(delivery.organization_id, delivery.project_id, delivery.job_id)
        keys = webhook.open_keys(job.webhook, delivery.organization_id, delivery.job_id, now)
    except NotFound:
        keys = []
    keys = keys or webhook.open_keys(sealed, delivery.organization_id, delivery.job_id, now)
    # A slot without a run has no page.
    page = run_page(run.id) if delivery.run is None else ""
    body = payload.body_of(run, delivery.event, delivery.alerts, page)
    extra = webhook.open_headers(sealed, delivery.organization_id, delivery.job_id)
    return body, {**extra, **payload.headers(delivery.id, body, keys, now)}


def _spread(delivery: Delivery, now: datetime) -> timedelta:
    """Return a random delay, by which a waiting delivery comes back later than it could."""
    waited = GIVE_UP_AFTER - (delivery.give_up_at - now)
    longest = min(max(SHORTEST_SPREAD, waited / 4), LONGEST_SPREAD)
    return longest * random.uniform(0.2, 1)  # noqa: S311 - it spreads load


@contextmanager
def _noticed(receiver: str, begun_at: datetime) -> Iterator[None]:
    """Mark a receiver as slow as soon as it is late, so that other senders see it before the send has ended."""
    noticing = (receiver, begun_at + SLOW, begun_at + LEASE)
    watch = threading.Timer(SLOW.total_seconds(), receivers.record_slow, noticing)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _remember(receiver: str, sent: Sent, begun_at: datetime, ended_at: datetime, *, known: bool) -> None:
    """Record whether the receiver is slow or down, if that has changed."""
    if sent.permanent and sent.status_code is None:
        return
    if sent.status_code is None:
        receivers.down(receiver, ended_at, known=known)
    elif ended_at - begun_at > SLOW:
        receivers.slow(receiver, ended_at)
    elif known:
        receivers.leave(receiver)
