"""Slow calls of one organization delay no other, in the gateway and all functions."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from jobs_api.ids import new_id
from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Role
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook.http import Answer as Posted
from jobs_api.store.waiting_calls import AT_ONCE, Waits
from jobsctl import operations, usage_keys
from local import usage_plans
from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.listening import listen
from local.template import read
from tests.functions.people import ROOT, new_project
from tests.local.conftest import Answer, Client
from tests.notifications.notification_world import new_job

MANY = {"OrganizationRate": "1000", "OrganizationBurst": "2000"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    template = read(ROOT / "template.yaml", parameters=MANY, cache=ROOT / ".local" / "cache")
    monkeypatch.setenv("SHARED_USAGE_KEY", new_id() * 2)
    plans = usage_plans.create(template, new_id() * 2)
    monkeypatch.setenv("USAGE_PLAN", plans.plan_id)
    with Gateway(definition_of(template), Functions(template.functions()), listen(), knows_key=plans.knows) as running:
        yield Client(running.url)


class Somebody:
    """A developer of an organization of their own, at the gateway."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.organization_id = f"org-{new_id()}"
        operations.create_organization(self.organization_id)
        usage_keys.give(self.organization_id, settling=timedelta())
        self.project = new_project(self.organization_id, "jaffle", ProjectType.DBT)

    def call(self, method: str, path: str) -> Answer:
        """Ask with a new token, so that the authorizer is asked too."""
        token, _ = operations.create_token(self.organization_id, Role.DEVELOPER, days=None)
        return self.client.call(method, path, ("Authorization", f"Bearer {token}"))


def test_sixty_tests_at_once_of_a_receiver_that_never_answers_cost_another_organization_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy, other = Somebody(client), Somebody(client)
    job, _ = new_job(noisy.project, webhook_url="https://hooks.example/")
    path = f"/api/v1/projects/{noisy.project.id}/jobs/{job.id}/notifications/test"
    answered = Event()

    def never(*_: object) -> Posted:
        answered.wait(20)
        raise http.Unreachable("it does not answer")

    monkeypatch.setattr(http, "post", never)
    other.call("GET", f"/api/v1/projects/{other.project.id}/jobs")  # imports the function before the time is measured
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(noisy.call, "POST", path) for _ in range(60)]
        took = []
        for _ in range(5):
            began_at = time.monotonic()
            assert other.call("GET", f"/api/v1/projects/{other.project.id}/jobs").status == 200
            took.append(time.monotonic() - began_at)
        assert not answered.is_set()
        while sum(one.done() for one in asked) < 60 - AT_ONCE[Waits.TESTS]:
            time.sleep(0.01)
        answered.set()

    statuses = sorted(one.result().status for one in asked)
    assert statuses == [200] * AT_ONCE[Waits.TESTS] + [429] * (60 - AT_ONCE[Waits.TESTS])
    refused = next(one.result() for one in asked if one.result().status == 429)
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("too_many_requests", "5")
    # This one process handles sixty requests meanwhile, and none of these waited for the receiver's 20 seconds.
    assert max(took) < 10
