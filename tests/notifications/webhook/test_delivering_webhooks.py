"""Webhooks arrive once, for every behaviour of the receiver, and the receiver's answers are recorded."""

from datetime import timedelta

import pytest
from samtranslator.yaml_helper import yaml_parse
from standardwebhooks import Webhook

from jobs_api import store
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import DeliveryStatus
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications import deliver
from jobs_api.notifications import queue as outbox
from jobs_api.notifications.webhook import http
from jobs_api.sealing import webhook
from jobs_api.store import deliveries
from tests.functions.people import NOON, ROOT
from tests.notifications.notification_world import SECOND, Queue, new_job, new_run, stored
from tests.notifications.receivers import Receiver, answers, closes_half_way

DAY = timedelta(days=1)


@pytest.fixture
def job(jaffle: Project, hook: Receiver) -> Job:
    return new_job(jaffle, webhook_enabled=True, webhook_url=hook.url, webhook_headers={"X-Team": "s3cret"})[0]


@pytest.fixture
def failed(job: Job, jaffle: Project) -> Run:
    return new_run(job, jaffle, RunStatus.FAILED)


def test_it_works(queue: Queue, failed: Run, hook: Receiver) -> None:
    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due()

    [request] = hook.received
    assert request.id == delivery
    assert request.headers["x-team"] == "s3cret"
    assert request.json["type"] == "run.failure"
    assert request.json["data"]["run"]["id"] == failed.id
    record = stored(delivery)
    assert (record.status, record.attempts, record.status_code) == (DeliveryStatus.DELIVERED, 1, 200)
    assert record.delivered_at == NOON
    assert not queue.messages


def test_it_is_signed_with_the_jobs_own_secret(
    queue: Queue, jaffle: Project, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, key = new_job(jaffle, webhook_enabled=True, webhook_url=hook.url)
    queue.queue_event(new_run(job, jaffle, RunStatus.FAILED), Event.FAILURE, "webhook")
    queue.deliver_due()
    assert key
    [request] = hook.received
    verifier = Webhook(key)
    monkeypatch.setattr(verifier, "_Webhook__verify_timestamp", lambda _: NOON)

    assert verifier.verify(request.body, request.headers)


def test_a_message_that_comes_many_times_is_sent_once(queue: Queue, failed: Run, hook: Receiver) -> None:
    for _ in range(5):
        queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due(until=DAY)

    assert len(hook.received) == 1


def test_a_receiver_that_fails_is_tried_again_until_it_takes_it(queue: Queue, failed: Run, hook: Receiver) -> None:
    hook.plans = [answers(500), answers(502), closes_half_way]
    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due()

    waiting = stored(delivery)
    assert (waiting.status, waiting.status_code) == (DeliveryStatus.PENDING, 500)
    assert waiting.error == "the receiver answered 500"
    assert waiting.next_attempt_at
    assert NOON < waiting.next_attempt_at <= NOON + 20 * SECOND

    queue.deliver_due(until=DAY)

    assert len({request.id for request in hook.received}) == 1
    assert len({request.body for request in hook.received}) == 1, "the same bytes on every attempt"
    assert stored(delivery).status is DeliveryStatus.DELIVERED
    assert stored(delivery).attempts == 4
    assert stored(delivery).error is None


def test_retry_after_is_waited_for(queue: Queue, failed: Run, hook: Receiver) -> None:
    hook.plans = [answers(429, Retry_After="3600")]
    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due()

    assert stored(delivery).next_attempt_at == NOON + timedelta(hours=1)
    queue.deliver_due(until=timedelta(minutes=59))
    assert len(hook.received) == 1
    queue.deliver_due(until=timedelta(minutes=2))
    assert len(hook.received) == 2


def test_after_a_day_it_is_given_up_and_put_with_the_dead_letters(
    queue: Queue, failed: Run, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_to_dead_letters: list[object] = []
    monkeypatch.setattr(outbox, "send_to_dead_letters", send_to_dead_letters.append)
    hook.always = answers(500)
    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due(until=2 * DAY)

    assert stored(delivery).status is DeliveryStatus.FAILED
    assert stored(delivery).updated_at <= NOON + DAY + SECOND
    assert len(send_to_dead_letters) == 1
    assert 10 <= len(hook.received) <= 80
    assert not queue.messages


def test_there_is_an_alarm_for_dead_letters() -> None:
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    [alarm] = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "NotificationsDeadLetters" in str(resource["Properties"])
    ]

    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert "NotificationsDeadLetters" in str(resources["NotificationsQueue"]["Properties"]["RedrivePolicy"])


def test_a_receiver_that_answers_410_gets_no_more_attempts(
    queue: Queue, failed: Run, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "send_to_dead_letters", lambda _: pytest.fail("nobody need wake up for this"))
    hook.plans = [answers(410)]
    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due(until=DAY)

    assert stored(delivery).status is DeliveryStatus.FAILED
    assert len(hook.received) == 1


def test_a_name_that_resolves_to_a_private_address_at_send_is_refused_and_recorded(
    queue: Queue, failed: Run, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOWED_HOSTS", "")
    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due(until=DAY)

    record = stored(delivery)
    assert record.status is DeliveryStatus.FAILED
    assert "private, local or reserved" in str(record.error)
    assert not hook.received


def test_a_sender_that_is_killed_after_the_send_sends_again_under_the_same_id(
    queue: Queue, failed: Run, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> bool:
        raise Killed

    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    message = queue.messages[0]
    with monkeypatch.context() as during:
        during.setattr(deliveries, "record_result", killed)
        with pytest.raises(Killed):
            queue.deliver_due()
    assert len(hook.received) == 1

    # While the claim is valid, the message that is received again is not sent: its sender might only be slow.
    queue.messages = [message]
    queue.deliver_due(until=deliver.LEASE - SECOND)
    assert len(hook.received) == 1
    queue.deliver_due(until=5 * SECOND)

    assert [request.id for request in hook.received] == [delivery, delivery]
    assert stored(delivery).status is DeliveryStatus.DELIVERED


def test_a_sender_that_is_killed_before_the_send_loses_nothing(
    queue: Queue, failed: Run, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
    message = queue.messages[0]
    with monkeypatch.context() as during:
        during.setattr(http, "post", killed)
        with pytest.raises(Killed):
            queue.deliver_due()
    queue.messages = [message]
    queue.deliver_due(until=DAY)

    assert [request.id for request in hook.received] == [delivery]


def test_something_unexpected_on_our_side_is_tried_again(
    queue: Queue, failed: Run, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as during:
        during.setattr(webhook, "open_headers", lambda *_: 1 / 0)
        delivery = queue.queue_event(failed, Event.FAILURE, "webhook")
        queue.deliver_due()
    assert stored(delivery).error == "something went wrong on our side; it is tried again"
    queue.deliver_due(until=DAY)

    assert [request.id for request in hook.received] == [delivery]


def test_a_key_that_was_rotated_since_signs_too(queue: Queue, job: Job, failed: Run, hook: Receiver) -> None:
    after, key, _ = webhook.rotated(job, NOON)
    store.update_job(job, after)
    queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due()

    signatures = hook.received[0].headers["webhook-signature"].split()
    assert len(signatures) == 2
    sign = Webhook(key).sign(hook.received[0].id, NOON, hook.received[0].body.decode())
    assert signatures[0] == sign


def test_after_a_day_only_the_new_key_signs(queue: Queue, job: Job, failed: Run, hook: Receiver) -> None:
    after, _, _ = webhook.rotated(job, NOON - timedelta(hours=25))
    store.update_job(job, after)
    queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due()

    assert len(hook.received[0].headers["webhook-signature"].split()) == 1


def test_the_jobs_targets_at_the_runs_creation_decide(
    queue: Queue, job: Job, failed: Run, jaffle: Project, hook: Receiver
) -> None:
    after = job.changed({"webhook_enabled": False, "webhook_url": None}, jaffle, NOON, webhook.headers_of)
    store.update_job(job, webhook.with_sealed_webhook(job, after)[0])
    queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due()

    assert len(hook.received) == 1
    assert hook.received[0].headers["webhook-signature"]


def test_a_deleted_jobs_run_is_still_notified(queue: Queue, job: Job, failed: Run, hook: Receiver) -> None:
    store.delete_job(job, NOON)
    queue.queue_event(failed, Event.FAILURE, "webhook")
    queue.deliver_due()

    assert hook.received[0].headers["x-team"] == "s3cret"
    assert hook.received[0].headers["webhook-signature"]


def test_each_webhook_is_sent_by_itself(queue: Queue, job: Job, jaffle: Project, hook: Receiver) -> None:
    for minute in range(60):
        run = new_run(job, jaffle, RunStatus.FAILED, NOON + timedelta(minutes=minute))
        queue.queue_event(run, Event.FAILURE, "webhook")
    queue.deliver_due()

    assert len({request.id for request in hook.received}) == 60
