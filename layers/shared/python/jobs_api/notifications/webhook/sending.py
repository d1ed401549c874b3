"""Sends a delivery as a webhook: signed, to its receiver only while that answers, one at a time where it is slow."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.ids import new_id
from jobs_api.model.delivery import Delivery
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications.attempt import Sent, TestResult
from jobs_api.notifications.backoff import GIVE_UP_AFTER
from jobs_api.notifications.webhook import http, payload
from jobs_api.notifications.webhook.target import WebhookTarget
from jobs_api.redaction.masking import SHORTEST_VALUE, masked
from jobs_api.sealing import webhook
from jobs_api.store import deliveries, receivers

# A receiver that takes longer gets one webhook at a time: the others would hold up everybody else's.
SLOW: Final = timedelta(seconds=3)
# How long a receiver that gets one at a time is left to the one that has it, should that be cut off.
LEASE: Final = timedelta(seconds=http.TIMEOUT_SECONDS + 5)
# Those that wait for the same receiver do not all come back at once, and the less often the longer they have waited: a
# message that was received too often goes to the dead letters, whatever it still waits for.
SHORTEST_SPREAD: Final = timedelta(seconds=5)
LONGEST_SPREAD: Final = timedelta(minutes=30)


def begin(delivery: Delivery, run: Run, now: datetime, lease: timedelta) -> Delivery | None:  # noqa: ARG001 - as for Slack
    """Write a new delivery, already taken; None where it is there."""
    claimed = deliveries.claimed(delivery, now, lease)
    return claimed if deliveries.create(claimed) else None


def resume(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery | None:
    """Take a delivery that is due again; None where somebody else has it."""
    return deliveries.claim(delivery, now, lease)


def send(delivery: Delivery, run: Run, clock: Callable[[], datetime]) -> Sent:
    """Send a claimed delivery, unless its receiver has enough to do."""
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
    # What was read until here took its time as well, but that is not the receiver's.
    begun_at = clock()
    with _noticed(receiver, begun_at):
        sent, _ = answered(target.url, body, headers)
    _remember(receiver, sent, begun_at, clock(), known=known)
    return sent


def gave_up(delivery: Delivery, now: datetime) -> None:
    """Leave it at that: each webhook stands for itself."""


def test(project: Project, job: Job, now: datetime) -> TestResult:
    """Send a test, signed and with the job's own headers as any webhook."""
    body = payload.test_body(
        payload.Named(id=project.id, name=project.settings.name),
        payload.Named(id=job.id, name=job.settings.name),
        now,
    )
    keys = webhook.open_keys(job.webhook, job.organization_id, job.id, now)
    signed = payload.headers(new_id("test_"), body, keys, now)
    extra = webhook.headers_of(job)
    sent, answer = answered(job.settings.webhook_url or "", body, {**extra, **signed})
    # A receiver may send back what it was sent.
    own = [value for value in (*extra.values(), *keys) if len(value) >= SHORTEST_VALUE]
    return TestResult.of(sent, masked(answer, own))


def forget(organization_id: str) -> None:
    """Remove nothing: what is secret about a webhook is kept with its job."""


def answered(url: str, body: bytes, headers: dict[str, str]) -> tuple[Sent, str]:
    """Post signed headers and a body; say how it went, and how the answer's text begins."""
    try:
        answer = http.post(url, body, headers)
    except http.LeadsInside as inside:
        return Sent(error=str(inside)), ""
    except http.Refused as refused:
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
    """Return host and port, for one organization: what is slow or down is a machine, not a path on it.

    For the others it may answer as quickly as ever, at another path. None of them waits for what this one sends there.
    """
    parts = urlsplit(url)
    return f"{organization_id}#{parts.hostname}:{parts.port or 443}"


def _signed(delivery: Delivery, run: Run, target: WebhookTarget, now: datetime) -> tuple[bytes, dict[str, str]]:
    """Return what is sent: the body, and the headers that sign it with those that the job's owner wants."""
    sealed = target.sealed
    try:
        # A key that was rotated since then signs as well, or alone once its day is over.
        _, job = store.get_job(delivery.organization_id, delivery.project_id, delivery.job_id)
        keys = webhook.open_keys(job.webhook, delivery.organization_id, delivery.job_id, now)
    except NotFound:
        keys = []
    keys = keys or webhook.open_keys(sealed, delivery.organization_id, delivery.job_id, now)
    body = payload.body_of(run, delivery.event, delivery.alerts)
    extra = webhook.open_headers(sealed, delivery.organization_id, delivery.job_id)
    return body, {**extra, **payload.headers(delivery.id, body, keys, now)}


def _spread(delivery: Delivery, now: datetime) -> timedelta:
    """Draw how much later than it could a delivery that waits is looked at again."""
    waited = GIVE_UP_AFTER - (delivery.give_up_at - now)
    longest = min(max(SHORTEST_SPREAD, waited / 4), LONGEST_SPREAD)
    return longest * random.uniform(0.2, 1)  # noqa: S311 - it spreads load


@contextmanager
def _noticed(receiver: str, begun_at: datetime) -> Iterator[None]:
    """Tell the others that a receiver keeps one waiting while it does so, and not only once that is over."""
    noticing = (receiver, begun_at + SLOW, begun_at + LEASE)
    watch = threading.Timer(SLOW.total_seconds(), receivers.keeps_waiting, noticing)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


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
