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


@pytest.mark.parametrize("over_http", [False, True])
def test_of_many_conditional_writes_at_once_one_wins(table: str, over_http: bool) -> None:  # noqa: FBT001
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
    with urlopen(link, timeout=5) as answer:  # noqa: S310  # it is an http link
        assert answer.read() == b"hello"
