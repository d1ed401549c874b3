"""Deliveries as they are stored: with what a channel knows, both or neither, and for their own job alone."""

from datetime import timedelta

import pytest

from jobs_api.errors import DeliveryNotFound
from jobs_api.ids import new_id
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery, DeliveryStatus, new_delivery
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications.backoff import GIVE_UP_AFTER
from jobs_api.store import channel_memory, deliveries
from tests.functions.people import NOON
from tests.notifications.notification_world import new_job, new_run

LEASE = timedelta(seconds=30)


@pytest.fixture
def job(jaffle: Project) -> Job:
    return new_job(jaffle, webhook_enabled=True, webhook_url="https://hooks.example.com/jobs")[0]


def delivery_of(jaffle: Project, job: Job) -> Delivery:
    return new_delivery(new_run(job, jaffle, RunStatus.FAILED), Event.FAILURE, "webhook", NOON, GIVE_UP_AFTER)


def test_a_decision_on_an_old_memory_is_not_written(jaffle: Project, job: Job) -> None:
    key, versions = f"test#{new_id()}", list[int]()
    for count in range(3):
        memory, version = channel_memory.memory_at(key)
        versions.append(version)
        assert memory == ({"count": count - 1} if count else {})
        assert channel_memory.record_decision(key, {"count": count}, version, delivery_of(jaffle, job), None)

    assert versions == [0, 1, 2]
    for version in versions:
        refused = delivery_of(jaffle, job)
        assert not channel_memory.record_decision(key, {"count": 9}, version, refused, None)
        assert deliveries.find(refused.id) is None
    assert channel_memory.memory_at(key) == ({"count": 2}, 3)


def test_a_decision_for_a_delivery_that_has_changed_is_not_written(jaffle: Project, job: Job) -> None:
    key, delivery = f"test#{new_id()}", delivery_of(jaffle, job)
    assert channel_memory.record_decision(key, {}, 0, delivery, None)
    sent = delivery.model_copy(update={"updated_at": NOON.replace(hour=13)})
    assert deliveries.change(delivery, sent)

    assert not channel_memory.record_decision(key, {"count": 1}, 1, delivery, None)
    assert not channel_memory.record_decision(key, {"count": 1}, 1, delivery, delivery)

    assert channel_memory.memory_at(key) == ({}, 1)
    assert channel_memory.record_decision(key, {"count": 1}, 1, sent, sent)


def test_a_delivery_is_found_only_by_its_organization_and_job(jaffle: Project, job: Job) -> None:
    delivery = delivery_of(jaffle, job)
    assert deliveries.create(delivery)
    assert deliveries.get(job.organization_id, job.id, delivery.id) == delivery

    for organization_id, job_id in (("org-other", job.id), (job.organization_id, "job_other")):
        with pytest.raises(DeliveryNotFound):
            deliveries.get(organization_id, job_id, delivery.id)


def test_a_delivery_is_claimed_once_and_only_when_it_is_due(jaffle: Project, job: Job) -> None:
    delivery = delivery_of(jaffle, job)
    later = delivery.model_copy(update={"next_attempt_at": NOON + LEASE})
    assert deliveries.create(later)

    assert deliveries.claim(later, NOON, LEASE) is None
    mine = deliveries.claim(later, NOON + LEASE, LEASE)
    assert mine
    assert deliveries.claim(later, NOON + LEASE, LEASE) is None
    assert deliveries.claim(mine, NOON + LEASE, LEASE) is None
    next_one = deliveries.claim(mine, NOON + 2 * LEASE, LEASE)
    assert next_one
    assert next_one.cut_off == 1
    assert not deliveries.record_result(mine, mine.model_copy(update={"status": DeliveryStatus.FAILED}))
    assert deliveries.record_result(next_one, next_one.model_copy(update={"status": DeliveryStatus.FAILED}))


def test_a_delivery_that_was_read_before_it_changed_is_not_claimed(jaffle: Project, job: Job) -> None:
    delivery = delivery_of(jaffle, job)
    assert deliveries.create(delivery)
    assert deliveries.change(delivery, delivery.model_copy(update={"updated_at": NOON + LEASE}))

    assert deliveries.claim(delivery, NOON + LEASE, LEASE) is None
    assert not deliveries.change(delivery, delivery.model_copy(update={"updated_at": NOON + 2 * LEASE}))


def test_a_delivery_that_is_being_sent_is_not_changed(jaffle: Project, job: Job) -> None:
    """Also where it was claimed at the time of its last change."""
    delivery = delivery_of(jaffle, job)
    assert deliveries.create(delivery)
    assert deliveries.claim(delivery, NOON, LEASE)

    assert not deliveries.change(delivery, delivery.model_copy(update={"updated_at": NOON + LEASE}))


def test_a_page_has_only_deliveries_of_its_organization(jaffle: Project, job: Job) -> None:
    delivery = delivery_of(jaffle, job)
    assert deliveries.create(delivery)

    for organization_id, found in ((job.organization_id, [delivery]), ("org-other", [])):
        listed, _ = deliveries.page(organization_id, job.id, status=None, limit=10, before=None)
        assert [each for each in listed if each.id == delivery.id] == found
