"""What the walks and the stories found, each by itself."""

import botocore.client
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.exceptions import UpdateError

from jobs_api import store
from jobs_api.store.conditions import was_refused
from tests.reliability.faults import refused, timed_out
from tests.reliability.still import Answer, Ask, Request
from tests.reliability.world import World


def test_a_table_that_times_out_is_told_from_a_condition_that_does_not_hold() -> None:
    refused = ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")

    assert was_refused(UpdateError("x", refused))
    assert not was_refused(UpdateError("x", ReadTimeoutError(endpoint_url="http://x")))
    assert not was_refused(UpdateError("x"))


def test_a_table_that_times_out_is_a_500_in_our_shape(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.create()
    ask = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def time_out(client: object, operation: str, arguments: object) -> object:
        if operation == "UpdateItem":
            raise ReadTimeoutError(endpoint_url="http://x")
        return ask(client, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", time_out)

    answer = world.call("PUT", f"/{job}", {"description": "new"})

    assert (answer.status, answer.json["code"]) == (500, "internal_error")


def test_a_job_that_was_made_in_a_pause_is_accounted_for_as_soon_as_the_pause_is_over(world: World) -> None:
    world.operate(suspended=True)
    job = world.create()
    world.tick()
    world.operate(suspended=False)
    resumed_at = world.now()

    world.tick()

    _, stored = store.get_job(world.organization.id, world.project.id, job)
    assert stored.due_at
    assert (stored.due_at - resumed_at).total_seconds() <= 60


@pytest.mark.parametrize("happens", [False, True], ids=["refused", "timed out after the write"])
def test_a_renamed_job_has_never_two_cronjobs_that_both_fire(world: World, happens: bool) -> None:  # noqa: FBT001
    job = world.create("old")
    world.minute()
    world.call("PUT", f"/{job}", {"name": "new"})

    def keep_the_old_one(request: Request, ask: Ask) -> Answer:
        if request.method == "DELETE":
            return timed_out(request, ask) if happens else refused(request, ask)
        return ask(request)

    world.cluster.wrap = keep_the_old_one
    world.minute()
    world.minute()
    assert len(list(world.cluster.storage.view("cronjobs"))) <= 1
    world.cluster.wrap = lambda request, ask: ask(request)
    world.until_settled()

    (cronjob,) = world.cluster.storage.view("cronjobs")
    assert cronjob.name == "jaffle-new"
    assert world.audit().findings() == []
