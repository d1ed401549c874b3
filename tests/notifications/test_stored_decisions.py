"""Deliveries as they are stored: with what a channel knows, both or neither, and for their own job alone."""

import pytest

from jobs_api.errors import DeliveryNotFound
from jobs_api.ids import new_id
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery, new_delivery
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications.backoff import GIVE_UP_AFTER
from jobs_api.store import channel_memory, deliveries
from tests.functions.people import NOON
from tests.notifications.notification_world import new_job, new_run


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
