"""Writes to the tables are published on the account's bus, from the tables' streams, in order and at least once."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from moto.dynamodb.models import dynamodb_backends

from functions.publish_events import app
from jobs_api import store
from jobs_api.aws import account_bus
from jobs_api.aws.clients import client
from jobs_api.ids import new_id
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.recent import Recent
from jobs_api.store.run_rows import RunRow
from local.intrinsics import ACCOUNT, REGION
from tests.calls_to_aws import note_operations
from tests.functions.people import NOON, ROOT, Context, Person
from tests.notifications.notification_world import new_job, new_run

type Event = dict[str, Any]


@pytest.fixture
def bus() -> Iterator[str]:
    """Return the URL of a queue to which a rule of the account's owner sends all events of the bus."""
    sqs, events = client("sqs"), client("events")
    url = sqs.create_queue(QueueName="of-the-account")["QueueUrl"]
    pattern = json.dumps({"detail-type": [{"prefix": "Run "}, {"prefix": "Job "}]})
    events.put_rule(Name="everything", EventBusName=os.environ["EVENT_BUS"], EventPattern=pattern)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    target = {"Id": "1", "Arn": arn}
    events.put_targets(Rule="everything", EventBusName=os.environ["EVENT_BUS"], Targets=[target])  # type: ignore[list-item]
    yield url
    events.remove_targets(Rule="everything", EventBusName=os.environ["EVENT_BUS"], Ids=["1"])
    events.delete_rule(Name="everything", EventBusName=os.environ["EVENT_BUS"])
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def written() -> Iterator["Streams"]:
    """Enable the streams only here, since moto would keep all records of other tests."""
    yield Streams()
    for name in ("RUNS_TABLE", "PROJECTS_TABLE"):
        table: Any = dynamodb_backends[ACCOUNT][REGION].tables[os.environ[name]]
        table.stream_shard = table.stream_specification = None


class Streams:
    """The records of both streams since this was made, as Lambda hands them over; moto keeps them with its tables."""

    def __init__(self) -> None:
        tables = dynamodb_backends[ACCOUNT][REGION].tables
        self._shards = []
        for name in ("RUNS_TABLE", "PROJECTS_TABLE"):
            table: Any = tables[os.environ[name]]
            table.set_stream_specification({"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
            self._shards.append((f"{table.table_arn}/stream/{table.latest_stream_label}", table.stream_shard.items))

    def records(self) -> list[Event]:
        """Return what was written since the last call."""
        found = []
        for arn, items in self._shards:
            found += [_json(item.to_json(), arn) for item in items]
            items.clear()
        return found


def _json(record: Event, arn: str) -> Event:
    change = {name: value for name, value in record["dynamodb"].items() if name != "ApproximateCreationDateTime"}
    copied: Event = json.loads(json.dumps({**record, "dynamodb": change, "eventSourceARN": arn}))
    return copied


def publish(records: list[Event]) -> list[str]:
    answer = app.lambda_handler({"Records": records}, cast("LambdaContext", Context()))
    return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]


def events_on(bus: str) -> list[Event]:
    messages: list[Event] = []
    while found := client("sqs").receive_message(QueueUrl=bus, MaxNumberOfMessages=10).get("Messages"):
        messages += [json.loads(message["Body"]) for message in found]
    return messages


def test_a_rule_gets_the_events_of_a_run_from_start_to_end(jaffle: Project, bus: str, written: Streams) -> None:
    job, _ = new_job(jaffle)
    run = new_run(job, jaffle, RunStatus.PENDING, start_time=None)
    running = run.model_copy(update={"status": RunStatus.RUNNING, "start_time": NOON})
    assert store.advance_run(run, running)
    failed = running.model_copy(
        update={"status": RunStatus.FAILED, "end_time": NOON + timedelta(minutes=3), "error_message": "no such model"}
    )
    assert store.advance_run(running, failed)

    assert publish(written.records()) == []

    told = {event["detail-type"]: event for event in events_on(bus)}
    assert set(told) == {"Job Changed", "Run Started", "Run Ended"}
    ended = told["Run Ended"]
    assert (ended["source"], ended["detail"]["project"]["name"]) == ("jobs-api", "jaffle")
    assert ended["detail"]["job"] == {"id": job.id, "name": "nightly"}
    assert (ended["detail"]["run"]["status"], ended["detail"]["run"]["error_message"]) == ("failed", "no such model")
    assert told["Run Started"]["detail"]["run"]["status"] == "running"
    assert told["Job Changed"]["detail"]["action"] == "created"


def test_a_bus_without_rules_gets_no_events_and_a_new_rule_misses_none(
    jaffle: Project, written: Streams, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_bus._rules.clear()
    new_job(jaffle, "before")
    with monkeypatch.context() as patched:
        calls = note_operations(patched)
        assert publish(written.records()) == []
    assert calls == ["ListRules"]

    bus = request.getfixturevalue("bus")
    new_job(jaffle, "after")
    assert publish(written.records()) == []
    assert [event["detail"]["job"]["name"] for event in events_on(bus)] == ["after"]


def test_a_bus_whose_rules_cannot_be_listed_gets_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> bool:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListRules")

    monkeypatch.setattr(account_bus, "_rules", Recent(denied, 60))

    assert account_bus.has_rules()


def test_an_event_has_no_internal_fields_of_a_run(jaffle: Project, bus: str, written: Streams) -> None:
    job, _ = new_job(jaffle)
    new_run(job, jaffle, RunStatus.FAILED, launch={"spec": "of the Job"}, sealed_environment="sealed")

    publish(written.records())

    run = next(event for event in events_on(bus) if event["detail-type"] == "Run Ended")["detail"]["run"]
    assert not {"launch", "sealed_environment", "alerts", "log", "notify", "organization_id"} & run.keys()


def test_a_change_of_a_job_is_published_and_a_sync_result_is_not(
    alice: Person, jaffle: Project, bus: str, written: Streams
) -> None:
    path = f"/api/v1/projects/{jaffle.id}/jobs"
    job = alice.call("POST", path, {"name": "nightly", "command": "dbt build", "schedule": "@daily"}).json
    alice.call("PUT", f"{path}/{job['id']}", {"schedule": "@hourly"})
    alice.call("DELETE", f"{path}/{job['id']}")

    publish(written.records())

    told = [event["detail"] for event in events_on(bus) if event["detail-type"] == "Job Changed"]
    assert [detail["action"] for detail in told] == ["created", "updated", "deleted"]
    assert told[1]["fields"] == ["schedule"]


def test_a_repeated_batch_publishes_the_same_events(jaffle: Project, bus: str, written: Streams) -> None:
    job, _ = new_job(jaffle)
    new_run(job, jaffle, RunStatus.SUCCESS)
    records = written.records()

    publish(records)
    publish(records)

    ids = [event["detail"]["event_id"] for event in events_on(bus)]
    assert len(ids) == 2 * len(set(ids)) == 6


def test_the_stream_continues_from_the_record_that_the_bus_refused(
    jaffle: Project, written: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = new_job(jaffle)
    for _ in range(8):
        new_run(job, jaffle, RunStatus.SUCCESS)
    records = written.records()
    taken: list[str] = []

    class Bus:
        def put_events(self, Entries: list[Event]) -> Event:  # noqa: N803 - botocore's name
            answers = [{} if len(taken) + at != 12 else {"ErrorCode": "InternalFailure"} for at in range(len(Entries))]
            taken.extend(entry["DetailType"] for entry in Entries)
            return {"FailedEntryCount": sum(map(len, answers)), "Entries": answers}

    monkeypatch.setattr(account_bus, "client", lambda _: Bus())

    [again_from] = publish(records)

    # Each run has two events, and the streams are read one after the other, so the 13th event is the seventh run's.
    assert again_from == records[6]["dynamodb"]["SequenceNumber"]
    assert len(taken) == 17, "the call with the refused event is the last"


def test_a_bus_that_is_down_leaves_the_batch_to_the_stream(
    jaffle: Project, written: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_run(new_job(jaffle)[0], jaffle, RunStatus.SUCCESS)
    records = written.records()

    class Down:
        def put_events(self, **_: Any) -> Event:
            raise ClientError({"Error": {"Code": "InternalException", "Message": ""}}, "PutEvents")

    monkeypatch.setattr(account_bus, "client", lambda _: Down())

    with pytest.raises(ClientError):
        publish(records)


def test_a_malformed_record_is_skipped_and_delays_no_other(jaffle: Project, bus: str, written: Streams) -> None:
    new_run(new_job(jaffle)[0], jaffle, RunStatus.SUCCESS)
    records = written.records()
    spoilt = json.loads(json.dumps(records[0]))
    spoilt["dynamodb"]["NewImage"]["status"] = {"S": "melted"}

    assert publish([spoilt, *records[1:]]) == []

    assert [event["detail-type"] for event in events_on(bus)] == ["Job Changed"]
    [message] = client("sqs").receive_message(QueueUrl=os.environ["DEAD_EVENTS"])["Messages"]
    assert json.loads(message["Body"])["sequence_number"] == spoilt["dynamodb"]["SequenceNumber"]
    assert "melted" not in message["Body"]
    client("sqs").delete_message(QueueUrl=os.environ["DEAD_EVENTS"], ReceiptHandle=message["ReceiptHandle"])


def test_long_details_go_in_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    class Bus:
        def put_events(self, Entries: list[Event]) -> Event:  # noqa: N803 - botocore's name
            calls.append(len(Entries))
            assert sum(len(entry["Detail"].encode()) for entry in Entries) <= account_bus.BYTES_PER_CALL
            return {"FailedEntryCount": 0, "Entries": [{}] * len(Entries)}

    monkeypatch.setattr(account_bus, "client", lambda _: Bus())

    account_bus.put([account_bus.BusEntry("Run Ended", NOON, "é" * 50_000)] * 7)

    assert sum(calls) == 7
    assert max(calls) == 2


def test_the_sample_is_of_a_run_that_failed(bus: str) -> None:
    sample = json.loads((ROOT / "events" / "publish_events.json").read_text())

    assert publish(sample["Records"]) == []

    assert [event["detail-type"] for event in events_on(bus)] == ["Run Started", "Run Ended"]


@pytest.mark.parametrize(
    ("status", "values"),
    [
        ("failed", {"retried_as": "run_2"}),
        ("success", {"triggered_by": "retry", "attempt": 2, "retry_of": "run_1"}),
        ("success", {"triggered_by": "chained", "caused_by": "run_1"}),
        ("cancelled", {"cancel_reason": "wrong target", "cancelled_by": {"token_id": "token", "name": "data team"}}),
        ("success", {"expected_by": "2026-04-28T11:00:00Z", "late_at": "2026-04-28T11:00:05Z"}),
        ("failed", {"expected_minutes": 45, "long_at": "2026-04-28T11:45:00Z"}),
        ("failed", {"triggered_by": "manual", "cause": "Backfill", "git_sha": "1f0a9c3"}),
    ],
)
def test_an_end_says_how_the_run_came_about_and_what_follows_it(
    jaffle: Project, bus: str, written: Streams, status: str, values: dict[str, Any]
) -> None:
    job, _ = new_job(jaffle)
    running = new_run(job, jaffle, RunStatus.RUNNING, launch={"spec": "of the Job"})
    ended = running.model_dump() | values | {"id": new_id("run_"), "status": status, "end_time": NOON}
    assert store.create_run(Run.model_validate(ended))

    publish(written.records())

    (run,) = [event["detail"]["run"] for event in events_on(bus) if event["detail-type"] == "Run Ended"]
    assert run == run | values | {"id": ended["id"], "status": status}


def test_writes_between_the_start_of_a_run_and_after_its_end_are_no_events(
    jaffle: Project, bus: str, written: Streams
) -> None:
    job, _ = new_job(jaffle)
    running = new_run(job, jaffle, RunStatus.RUNNING)
    publish(written.records())
    events_on(bus)

    late = running.model_copy(update={"late_at": NOON, "long_at": NOON, "late_status": RunStatus.RUNNING})
    assert store.record_found(running, late)
    publish(written.records())
    assert events_on(bus) == []

    ended = late.model_copy(update={"status": RunStatus.SUCCESS, "end_time": NOON})
    assert store.advance_run(late, ended)
    RunRow(running.id).update(actions=[RunRow.skipped.set([{"job_id": job.id, "reason": "paused"}])])
    publish(written.records())

    assert [event["detail-type"] for event in events_on(bus)] == ["Run Ended"]
