"""Calls in process and over HTTP reach the same moto, whose DynamoDB writes are atomic."""

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import boto3
import botocore.handlers
import pytest
from botocore.exceptions import ClientError

from tests.fast_moto.wire import InProcessTransport

ITEM: Any = {
    "id": {"S": "1"},
    "bytes": {"B": b"\x00\xff"},
    "number": {"N": "1.50"},
    "deep": {"M": {"list": {"L": [{"BOOL": True}, {"NULL": True}, {"B": b"\x01"}, {"M": {}}]}}},
    "sets": {"SS": ["a", "b"]},
    "byte_sets": {"BS": [b"\x02"]},
}


@pytest.fixture
def table() -> Iterator[str]:
    name = f"table-{uuid.uuid4()}"
    client = boto3.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    client.delete_table(TableName=name)


def client_over_http(service: Any) -> Any:
    """Make a client whose calls go through a socket, as jobsctl's do."""
    [ours] = [entry[1] for entry in botocore.handlers.BUILTIN_HANDLERS if isinstance(entry[1], InProcessTransport)]
    ours.remove()
    try:
        return boto3.Session().client(service)
    finally:
        ours.install()


def test_a_write_over_http_is_read_in_process(table: str) -> None:
    client_over_http("dynamodb").put_item(TableName=table, Item=ITEM)

    assert boto3.client("dynamodb").get_item(TableName=table, Key={"id": {"S": "1"}})["Item"] == ITEM


def test_a_write_in_process_is_read_over_http(table: str) -> None:
    boto3.client("dynamodb").put_item(TableName=table, Item=ITEM)

    answer = client_over_http("dynamodb").scan(TableName=table)
    assert answer["Items"] == [ITEM]


def test_an_error_is_an_error_either_way(table: str) -> None:
    for client in (boto3.client("dynamodb"), client_over_http("dynamodb")):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_item(TableName=f"{table}-not", Key={"id": {"S": "1"}})


def _refusal(client: Any, operation: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """Return the error of a call: its class, and what it says."""
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**arguments)
    response: dict[str, Any] = dict(error.value.response)
    del response["ResponseMetadata"]
    return type(error.value).__name__, response


def test_a_refused_write_says_the_same_either_way(table: str) -> None:
    boto3.client("dynamodb").put_item(TableName=table, Item=ITEM)
    put: Any = {"TableName": table, "Item": ITEM, "ConditionExpression": "attribute_not_exists(id)"}
    put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"

    ways = [boto3.client("dynamodb"), client_over_http("dynamodb")]
    one, other = (_refusal(client, "put_item", **put) for client in ways)
    assert one == other
    assert one[0] == "ConditionalCheckFailedException"
    one, other = (_refusal(client, "transact_write_items", TransactItems=[{"Put": put}]) for client in ways)
    assert one == other
    assert [reason["Code"] for reason in one[1]["CancellationReasons"]] == ["ConditionalCheckFailed"]
    one, other = (_refusal(client, "get_item", TableName=table, Key={"no": {"S": "key"}}) for client in ways)
    assert one == other


def test_a_message_and_what_refuses_one_are_the_same_either_way() -> None:
    ways = [boto3.client("sqs"), client_over_http("sqs")]
    url = ways[0].create_queue(QueueName=f"queue-{uuid.uuid4()}")["QueueUrl"]
    for sender, receiver in (ways, ways[::-1]):
        sender.send_message(
            QueueUrl=url, MessageBody="ü", MessageAttributes={"a": {"DataType": "Binary", "BinaryValue": b"\0"}}
        )
        [message] = receiver.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
        assert message["Body"] == "ü"
        assert message["MessageAttributes"]["a"]["BinaryValue"] == b"\0"
    one, other = (_refusal(client, "get_queue_url", QueueName="nowhere") for client in ways)
    assert one == other
    assert one[1]["Error"]["QueryErrorCode"] == "QueueDoesNotExist"


@pytest.mark.parametrize("over_http", [False, True])
def test_one_of_many_concurrent_conditional_writes_wins(table: str, over_http: bool) -> None:  # noqa: FBT001
    client = client_over_http("dynamodb") if over_http else boto3.client("dynamodb")

    def claim(number: int) -> bool:
        item = {"id": {"S": "lock"}, "by": {"N": str(number)}}
        put: Any = {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}
        try:
            client.transact_write_items(TransactItems=[{"Put": put}])
        except client.exceptions.TransactionCanceledException:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(claim, range(32))) == 1


def test_a_presigned_link_works_for_anyone() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="runs/a b/ü.log", Body=b"hello")

    link = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "runs/a b/ü.log"})

    assert link.startswith(os.environ["AWS_ENDPOINT_URL"])
    with urlopen(link, timeout=60) as answer:  # noqa: S310  # it is an http link
        assert answer.read() == b"hello"
