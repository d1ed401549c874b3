"""A receiver that is slow or does not answer delays only its own deliveries."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from samtranslator.yaml_helper import yaml_parse

from jobs_api.model.alert_targets import Event
from jobs_api.model.commands import ProjectType
from jobs_api.model.delivery import DeliveryStatus
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications import deliver
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook import sending as webhook_sending
from jobs_api.notifications.webhook.http import Answer, Unreachable
from jobs_api.store import receivers
from tests.functions.people import ROOT, new_organization, new_project
from tests.notifications.notification_world import SECOND, Queue, new_job, new_run, stored
from tests.notifications.receivers import Handler, Receiver, answers, drips

DAY = timedelta(days=1)


@pytest.fixture
def job(jaffle: Project, hook: Receiver) -> Job:
    return new_job(jaffle, webhook_enabled=True, webhook_url=hook.url)[0]


def test_a_slow_receiver_gets_one_attempt_at_a_time_and_delays_no_other(
    queue: Queue,
    job: Job,
    jaffle: Project,
    hook: Receiver,
    new_receiver: Callable[[], Receiver],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 1.0)
    hook.always = drips(seconds=3)
    other = new_receiver()
    healthy, _ = new_job(jaffle, "healthy", webhook_enabled=True, webhook_url=other.url)
    for _ in range(10):
        queue.queue_event(new_run(job, jaffle, RunStatus.FAILED), Event.FAILURE, "webhook")
    for _ in range(5):
        queue.queue_event(new_run(healthy, jaffle, RunStatus.FAILED), Event.FAILURE, "webhook")
    queue.deliver_due()

    assert len(hook.received) == 1, "the first finds out for all"
    assert len(other.received) == 5
    assert len(queue.messages) == 10

    hook.always = answers(200)
    queue.deliver_due(until=timedelta(hours=2))

    assert len({request.id for request in hook.received}) == 10


def test_slow_webhooks_of_one_organization_delay_none_of_anothers_to_the_same_host(
    queue: Queue, job: Job, jaffle: Project, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 1.0)

    def by_path(handler: Handler) -> None:
        (drips(seconds=3) if handler.path.endswith("/slow") else answers(200))(handler)

    hook.always = by_path
    slow, _ = new_job(jaffle, "slow", webhook_enabled=True, webhook_url=f"{hook.url}/slow")
    other = new_project(new_organization("other").id, "other", ProjectType.DBT)
    theirs, _ = new_job(other, webhook_enabled=True, webhook_url=job.settings.webhook_url)
    for _ in range(5):
        queue.queue_event(new_run(slow, jaffle, RunStatus.FAILED), Event.FAILURE, "webhook")
    queue.deliver_due()
    for _ in range(5):
        queue.queue_event(new_run(theirs, other, RunStatus.FAILED), Event.FAILURE, "webhook")
    queue.deliver_due()

    paths = [request.path for request in hook.received]
    assert (sum(path.endswith("/slow") for path in paths), len(paths)) == (1, 6)
    assert len(queue.messages) == 5


def test_while_a_receiver_is_slow_no_other_delivery_is_sent_to_it(
    queue: Queue, job: Job, jaffle: Project, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sending, "SLOW", timedelta(milliseconds=50))
    reached, noticed, released = (threading.Event() for _ in range(3))
    keeps_waiting = receivers.record_slow

    def noticing(receiver: str, now: datetime, free_at: datetime) -> None:
        keeps_waiting(receiver, now, free_at)
        noticed.set()

    def waits(handler: Handler) -> None:
        reached.set()
        released.wait(30)
        handler.answer(200, b"")

    monkeypatch.setattr(receivers, "record_slow", noticing)
    hook.plans = [waits]
    first, second = (new_run(job, jaffle, RunStatus.FAILED) for _ in range(2))
    delivery = queue.queue_event(first, Event.FAILURE, "webhook")
    with ThreadPoolExecutor(1) as other:
        sending = other.submit(deliver.deliver, queue.messages.pop()[1], queue.clock)
        assert reached.wait(30)
        assert noticed.wait(30)
        queue.queue_event(second, Event.FAILURE, "webhook")
        queue.deliver_due()
        assert [request.id for request in hook.received] == [delivery]
        released.set()
        assert sending.result() is None
    queue.deliver_due(until=timedelta(minutes=1))

    assert len(hook.received) == 2
    assert stored(delivery).attempts == 1


def test_a_receiver_that_is_down_for_a_day_makes_no_dead_letters(
    queue: Queue, job: Job, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> Answer:
        queue.clock.now += 10 * SECOND
        raise Unreachable("no answer within 10 seconds")

    monkeypatch.setattr(http, "post", unreachable)
    made = [queue.queue_event(new_run(job, jaffle, RunStatus.FAILED), Event.FAILURE, "webhook") for _ in range(6)]
    queue.deliver_due(until=2 * DAY)

    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    most = resources["NotificationsQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    assert max(queue.receives.values()) < most / 2
    assert {stored(delivery).status for delivery in made} == {DeliveryStatus.FAILED}
    assert all(stored(delivery).attempts > 3 for delivery in made)
