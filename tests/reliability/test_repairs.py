"""Faults that the crash walk and the fault stories found, each in a test of its own."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.exceptions import UpdateError

from jobs_api import store
from jobs_api.store.conditions import was_refused
from tests.calls_to_aws import Call, intercept_aws
from tests.reliability.fake_cluster import Answer, Ask, Request
from tests.reliability.faults import refused, timed_out
from tests.reliability.world import World


def test_a_time_out_of_a_table_is_not_taken_for_a_failed_condition() -> None:
    refused = ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")

    assert was_refused(UpdateError("x", refused))
    assert not was_refused(UpdateError("x", ReadTimeoutError(endpoint_url="http://x")))
    assert not was_refused(UpdateError("x"))


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let an operation of DynamoDB time out from now on, on the table whose name contains a word."""

    def failing(failed: str, *, table: str) -> None:
        def answer(call: Call) -> object:
            if call.operation == failed and table in str(call.arguments):
                raise ReadTimeoutError(endpoint_url="http://x")
            return call.make()

        intercept_aws(monkeypatch, answer)

    return failing


def test_a_table_that_times_out_is_a_500_in_our_shape(world: World, fail: Callable[..., None]) -> None:
    job = world.create()
    fail("TransactWriteItems", table="Projects")

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


@pytest.mark.parametrize("operation", ["UpdateItem", "DeleteItem"])
@pytest.mark.parametrize("deployed", [True, False])
def test_an_answer_whose_record_fails_is_given_all_the_same(
    world: World,
    fail: Callable[..., None],
    operation: str,
    deployed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    job = world.create(enabled=False)
    world.operate(deployed=deployed)
    fail(operation, table="Idempotency")

    answer = world.call("POST", f"/{job}/trigger", {}, key="once")

    assert answer.status == (202 if deployed else 409), answer.text


def test_a_key_whose_record_cannot_be_made_is_a_500_in_our_shape_and_starts_nothing(
    world: World, fail: Callable[..., None]
) -> None:
    job = world.create(enabled=False)
    fail("PutItem", table="Idempotency")

    answer = world.call("POST", f"/{job}/trigger", {}, key="once")

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert world.runs() == []
