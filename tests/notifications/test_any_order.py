"""With messages in any order, repeated or concurrent, and killed senders, receivers get each event, mostly once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs_api.ids import new_id
from jobs_api.model.alert_targets import Event
from jobs_api.model.commands import ProjectType
from jobs_api.model.delivery import DeliveryStatus
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications.deliver import deliver
from jobs_api.notifications.slack import client as slack
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook.http import Answer, Unreachable
from jobs_api.store import deliveries
from tests.functions.people import NOON, new_organization, new_project
from tests.notifications.notification_world import Clock, Queue, new_job, new_run

DAY = timedelta(days=1)


class Killed(BaseException):
    """The process is gone."""


@dataclass
class World:
    """Receivers that accept everything, unless the example says that they fail or the sender is killed."""

    got: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def webhook(self, _url: str, _body: bytes, headers: dict[str, str]) -> Answer:
        trouble = self.troubles.pop() if self.troubles else "none"
        if trouble == "killed before":
            raise Killed
        if trouble == "down":
            raise Unreachable("down")
        self.got[headers["webhook-id"]] += 1
        if trouble == "killed after":
            raise Killed
        return Answer(500 if trouble == "500 after taking it" else 200, "")

    def slack(self, _organization: str, _channel: str, message: dict[str, str]) -> int:
        self.said.append(message["text"])
        return 200


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "post", made.webhook)
        patch.setattr(slack, "post", made.slack)
        yield made


@pytest.fixture(scope="module")
def project() -> Project:
    return new_project(new_organization("order").id, "jaffle", ProjectType.DBT)


@pytest.fixture(scope="module")
def job(project: Project) -> Job:
    return new_job(
        project,
        slack_alerts_enabled=True,
        slack_channel="#d",
        webhook_enabled=True,
        webhook_url="https://x.example/",
        webhook_events=["started", "success", "failure"],
    )[0]


WEBHOOKS = [Event.STARTED, Event.FAILURE]
slowly = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@slowly
@given(repeated=st.lists(st.integers(0, 5), min_size=1, max_size=12), chance=st.randoms(use_true_random=False))
def test_without_crashes_each_event_arrives_exactly_once(
    repeated: list[int], chance: Random, world: World, job: Job, project: Project
) -> None:
    world.got.clear()
    queue = Queue(Clock(NOON))
    runs = [new_run(job, project, RunStatus.FAILED, NOON + timedelta(minutes=n)) for n in range(3)]
    expected = [queue.queue_event(run, event, "webhook") for run in runs for event in WEBHOOKS]
    queue.messages += [queue.messages[at] for at in repeated]
    chance.shuffle(queue.messages)

    queue.deliver_due(until=DAY)

    assert world.got == Counter(expected)
    assert not queue.messages


@slowly
@given(
    troubles=st.lists(
        st.sampled_from(["none", "killed before", "killed after", "down", "500 after taking it"]), max_size=8
    ),
    chance=st.randoms(use_true_random=False),
)
def test_with_crashes_each_event_arrives_at_least_once(
    troubles: list[str], chance: Random, world: World, job: Job, project: Project
) -> None:
    world.got.clear()
    world.troubles = list(troubles)
    queue = Queue(Clock(NOON))
    runs = [new_run(job, project, RunStatus.FAILED, NOON + timedelta(minutes=n)) for n in range(2)]
    expected = {queue.queue_event(run, event, "webhook") for run in runs for event in WEBHOOKS}
    chance.shuffle(queue.messages)
    every = [notice for _, notice in queue.messages]

    # A message whose consumer was killed can be received again, as in SQS after the visibility timeout.
    for _ in range(len(troubles) + 1):
        try:
            queue.deliver_due(until=DAY)
        except Killed:
            queue.messages = [(queue.clock.now, notice) for notice in every]

    assert set(world.got) == expected
    extra = sum(trouble in {"killed after", "500 after taking it"} for trouble in troubles)
    assert world.got.total() <= len(expected) + extra
    assert not queue.messages


@slowly
@given(
    ends=st.lists(st.tuples(st.integers(0, 1), st.sampled_from([RunStatus.FAILED, RunStatus.SUCCESS])), max_size=8),
    repeated=st.lists(st.integers(0, 50), max_size=8),
    chance=st.randoms(use_true_random=False),
)
def test_in_slack_each_end_has_one_message_or_is_part_of_one(
    ends: list[tuple[int, RunStatus]], repeated: list[int], chance: Random, world: World, project: Project
) -> None:
    world.said.clear()
    world.troubles.clear()
    # Each example has a channel of its own, without earlier messages.
    wanted = {"slack_alerts_enabled": True, "slack_channel": f"#order-{new_id()}"}
    jobs = [new_job(project, f"order {new_id()}", **wanted)[0] for _ in range(2)]
    queue = Queue(Clock(NOON + timedelta(minutes=len(ends))))
    failures, successes = set[str](), set[str]()
    for minute, (of, status) in enumerate(ends):
        run = new_run(jobs[of], project, status, NOON + timedelta(minutes=minute))
        if status is RunStatus.FAILED:
            failures.add(queue.queue_event(run, Event.FAILURE, "slack"))
        else:
            successes.add(queue.queue_event(run, Event.SUCCESS, "slack"))
    queue.messages += [queue.messages[at % len(queue.messages)] for at in repeated if queue.messages]
    chance.shuffle(queue.messages)

    queue.deliver_due(until=DAY)

    made = {delivery: deliveries.find(delivery) for delivery in failures | successes}
    known = {delivery: found.status for delivery, found in made.items() if found}
    assert failures <= known.keys(), "of a success as ever there may be no record, of a failure there is"
    assert set(known.values()) <= {DeliveryStatus.DELIVERED, DeliveryStatus.FOLDED}
    assert len(world.said) == list(known.values()).count(DeliveryStatus.DELIVERED)
    assert not queue.messages


def test_one_of_many_consumers_of_a_message_sends_it(world: World, job: Job, project: Project) -> None:
    world.got.clear()
    world.said.clear()
    world.troubles.clear()
    queue = Queue(Clock(NOON + 3 * DAY))
    run = new_run(job, project, RunStatus.FAILED, queue.clock.now)
    queue.queue_event(run, Event.FAILURE, "webhook")
    queue.queue_event(run, Event.FAILURE, "slack")
    notices = [notice for _, notice in queue.messages] * 8

    with ThreadPoolExecutor(8) as consumers:
        list(consumers.map(lambda notice: deliver(notice, queue.clock), notices))
    queue.clock.now += timedelta(seconds=10)
    with ThreadPoolExecutor(8) as consumers:
        list(consumers.map(lambda notice: deliver(notice, queue.clock), notices))

    assert world.got.total() == 1
    assert len(world.said) == 1


def test_jobs_that_fail_at_once_and_are_handled_at_once_share_one_message(world: World, project: Project) -> None:
    world.said.clear()
    clock = Clock(NOON + 6 * DAY)
    jobs = [new_job(project, f"at once {n}", slack_channel="#once", slack_alerts_enabled=True)[0] for n in range(10)]
    queue = Queue(clock)
    for job in jobs:
        queue.queue_event(new_run(job, project, RunStatus.FAILED, clock.now), Event.FAILURE, "slack")

    with ThreadPoolExecutor(8) as consumers:
        wakes = list(consumers.map(lambda entry: deliver(entry[1], clock), queue.messages))
    queue.messages = [(at, notice) for at, (_, notice) in zip(wakes, queue.messages, strict=True) if at]
    queue.deliver_due(until=DAY)

    assert world.said == ["10 jobs of jaffle fail, for the same cause"]
