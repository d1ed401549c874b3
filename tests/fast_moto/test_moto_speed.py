"""The faster moto answers as the original, and its time does not grow with the table."""

import sys
import uuid
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import boto3
import pytest


@pytest.fixture
def table() -> Iterator[str]:
    name = f"table-{uuid.uuid4()}"
    client = boto3.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    client.delete_table(TableName=name)


@pytest.fixture
def indexed(table: str) -> str:
    index: Any = {
        "IndexName": "by_colour",
        "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    boto3.client("dynamodb").update_table(
        TableName=table,
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "colour", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )
    return table


def item(pk: str, sk: int, **attributes: Any) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"N": str(sk)}, **attributes}


def everything(table: str) -> list[Any]:
    items = boto3.client("dynamodb").scan(TableName=table)["Items"]
    return sorted(items, key=lambda found: (found["pk"]["S"], int(found["sk"]["N"])))


def parts(table: str, *, holds: bool) -> list[Any]:
    """A transaction of all four kinds; its condition holds or not."""
    update = {"UpdateExpression": "SET n = n + :one, deep.x = :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    condition = "attribute_exists(pk)" if holds else "attribute_not_exists(pk)"
    return [
        {"Put": {"TableName": table, "Item": item("a", 9)}},
        {"Put": {"TableName": table, "Item": item("new", 1)}},
        {"Update": {"TableName": table, "Key": item("a", 1), **update}},
        {"Update": {"TableName": table, "Key": item("a", 5), "UpdateExpression": "REMOVE n"}},
        {"Delete": {"TableName": table, "Key": item("a", 2)}},
        {"ConditionCheck": {"TableName": table, "Key": item("a", 3), "ConditionExpression": condition}},
    ]


@pytest.fixture
def filled(table: str) -> str:
    for sk in (1, 2, 3, 9):
        stored = item("a", sk, n={"N": "1"}, deep={"M": {"x": {"N": "0"}}})
        boto3.client("dynamodb").put_item(TableName=table, Item=stored)
    return table


def test_a_transaction_whose_condition_fails_changes_nothing(filled: str) -> None:
    client = boto3.client("dynamodb")
    before = everything(filled)

    with pytest.raises(client.exceptions.TransactionCanceledException) as canceled:
        client.transact_write_items(TransactItems=parts(filled, holds=False))

    reasons: Any = canceled.value.response
    codes = [reason["Code"] for reason in reasons["CancellationReasons"]]
    assert codes == ["None", "None", "None", "None", "None", "ConditionalCheckFailed"]
    assert everything(filled) == before


def test_a_transaction_whose_condition_holds_does_all_of_it(filled: str) -> None:
    boto3.client("dynamodb").transact_write_items(TransactItems=parts(filled, holds=True))

    after = {(found["pk"]["S"], found["sk"]["N"]): found for found in everything(filled)}
    assert after.keys() == {("a", "1"), ("a", "3"), ("a", "5"), ("a", "9"), ("new", "1")}
    assert after["a", "1"]["n"] == {"N": "2"}
    assert after["a", "1"]["deep"] == {"M": {"x": {"N": "1"}}}
    assert "n" not in after["a", "9"]


def test_a_transaction_on_one_item_twice_is_refused_and_undone(filled: str) -> None:
    client = boto3.client("dynamodb")
    before = everything(filled)
    twice: Any = {"Put": {"TableName": filled, "Item": item("a", 4)}}

    with pytest.raises(client.exceptions.ClientError, match="multiple operations on one item"):
        client.transact_write_items(TransactItems=[twice, twice])

    assert everything(filled) == before


def test_a_query_gives_its_partition_in_order_and_page_by_page(table: str) -> None:
    client = boto3.client("dynamodb")
    for pk in ("a", "b"):
        for sk in (10, 2, 1, 33):
            client.put_item(TableName=table, Item=item(pk, sk))
    of_a: Any = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "a"}}}

    pages = client.get_paginator("query").paginate(TableName=table, PaginationConfig={"PageSize": 3}, **of_a)

    assert [[found["sk"]["N"] for found in page["Items"]] for page in pages] == [["1", "2", "10"], ["33"]]
    nothing: Any = {**of_a, "ExpressionAttributeValues": {":pk": {"S": "c"}}}
    assert client.query(TableName=table, **nothing)["Items"] == []


def test_a_query_of_an_index_gives_its_partition_in_order(indexed: str) -> None:
    client = boto3.client("dynamodb")
    for sk, colour in ((10, "red"), (2, "red"), (1, "blue"), (33, "red")):
        client.put_item(TableName=indexed, Item=item("a", sk, colour={"S": colour}, n={"N": str(-sk)}))
    client.put_item(TableName=indexed, Item=item("a", 34, colour={"S": "red"}))  # without the index's range key

    def found(colour: str) -> list[Any]:
        of_colour: Any = {
            "IndexName": "by_colour",
            "KeyConditionExpression": "colour = :colour",
            "ExpressionAttributeValues": {":colour": {"S": colour}},
        }
        pages = client.get_paginator("query").paginate(TableName=indexed, PaginationConfig={"PageSize": 2}, **of_colour)
        return [[found["sk"]["N"] for found in page["Items"]] for page in pages]

    assert found("red") == [["33", "10"], ["2"]]
    assert found("blue") == [["1"]]
    assert found("green") == [[]]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("SET a = :x SET b = :x", 'The "SET" section can only be used once in an update expression'),
        ("SET a = :x REMOVE b REMOVE c", 'The "REMOVE" section can only be used once in an update expression'),
        ("SET a = :x, a = :x", "Two document paths overlap"),
        ("SET a = :x, b = :y", "An expression attribute value used in expression is not defined"),
        ("SET pk = :x", "This attribute is part of the key"),
        ("SET nobody.a = :x", "The document path provided in the update expression is invalid for update"),
        ("SET a = deep + :x", "Incorrect operand type"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused(filled: str, expression: str, message: str) -> None:
    client = boto3.client("dynamodb")
    before = everything(filled)
    values: Any = {":x": {"N": "1"}}

    with pytest.raises(client.exceptions.ClientError, match=message):
        client.update_item(
            TableName=filled, Key=item("a", 1), UpdateExpression=expression, ExpressionAttributeValues=values
        )

    assert everything(filled) == before


def test_an_update_does_all_that_it_says(filled: str) -> None:
    expression = (
        "SET n = n + :one, deep.y = if_not_exists(deep.y, :text), many = list_append(:list, :list) REMOVE deep.x"
    )
    values: Any = {":one": {"N": "1"}, ":text": {"S": "t"}, ":list": {"L": [{"N": "5"}]}}

    boto3.client("dynamodb").update_item(
        TableName=filled, Key=item("a", 1), UpdateExpression=expression, ExpressionAttributeValues=values
    )

    first = everything(filled)[0]
    assert (first["n"], first["deep"]) == ({"N": "2"}, {"M": {"y": {"S": "t"}}})
    assert first["many"] == {"L": [{"N": "5"}, {"N": "5"}]}


@pytest.mark.parametrize("parts", [1, 4])
def test_an_item_is_refused_just_beyond_dynamodbs_limit(table: str, parts: int) -> None:
    client = boto3.client("dynamodb")

    def put(size: int) -> None:
        texts = {f"text{part}": {"S": "x" * (size // parts)} for part in range(parts)}
        client.put_item(TableName=table, Item=item("large", 1, **texts))

    put(400_000)
    with pytest.raises(client.exceptions.ClientError, match="Item size has exceeded the maximum allowed size"):
        put(410_000)
    assert len(everything(table)[0]["text0"]["S"]) == 400_000 // parts


def test_an_update_beyond_the_limit_is_refused_and_changes_nothing(table: str) -> None:
    client = boto3.client("dynamodb")
    client.put_item(TableName=table, Item=item("large", 1, word={"S": "x"}))
    before = everything(table)
    values: Any = {":small": {"S": "y"}, ":half": {"S": "x" * 210_000}}

    with pytest.raises(client.exceptions.ClientError, match="size to update has exceeded"):
        client.update_item(
            TableName=table,
            Key=item("large", 1),
            UpdateExpression="SET word = :small, one = :half, two = :half",
            ExpressionAttributeValues=values,
        )

    assert everything(table) == before


def test_the_same_update_of_two_items_uses_the_values_of_each(filled: str) -> None:
    client = boto3.client("dynamodb")
    for sk, text in ((1, "first"), (2, "second")):
        client.update_item(
            TableName=filled,
            Key=item("a", sk),
            UpdateExpression="SET #text = :text",
            ConditionExpression="n = :one",
            ExpressionAttributeNames={"#text": "text"},
            ExpressionAttributeValues={":text": {"S": text}, ":one": {"N": "1"}},
        )

    assert [found.get("text") for found in everything(filled)] == [{"S": "first"}, {"S": "second"}, None, None]


def test_the_same_condition_is_asked_again_of_an_item_that_changed(filled: str) -> None:
    client = boto3.client("dynamodb")

    def count_on() -> None:
        client.update_item(
            TableName=filled,
            Key=item("a", 1),
            UpdateExpression="SET n = :two",
            ConditionExpression="n = :one",
            ExpressionAttributeValues={":one": {"N": "1"}, ":two": {"N": "2"}},
        )

    count_on()
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        count_on()


def calls_of(act: Callable[[], object]) -> int:
    """Count the calls of functions in this thread while it acts."""
    count = 0

    def called(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def test_sending_a_message_takes_no_longer_where_many_wait() -> None:
    client = boto3.client("sqs")
    queue = client.create_queue(QueueName=f"queue-{uuid.uuid4()}")["QueueUrl"]

    def send() -> None:
        client.send_message(QueueUrl=queue, MessageBody="a")

    send()  # imports and caches what a request needs
    alone = calls_of(send)
    entries: Any = [{"Id": str(n), "MessageBody": "b"} for n in range(10)]
    for _ in range(20):
        client.send_message_batch(QueueUrl=queue, Entries=entries)

    assert alone > 100
    assert calls_of(send) < alone + 100
    waiting = client.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert waiting["ApproximateNumberOfMessages"] == "203"
    client.delete_queue(QueueUrl=queue)


def test_a_write_takes_no_longer_where_much_is_stored(table: str) -> None:
    client = boto3.client("dynamodb")

    def write_and_read() -> None:
        client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item("w", 1)}}])
        of_w: Any = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "w"}}}
        client.query(TableName=table, **of_w)

    def calls() -> int:
        return calls_of(write_and_read)

    calls()  # imports and caches what a request needs
    empty = calls()
    for start in range(0, 1000, 25):
        puts: Any = [{"PutRequest": {"Item": item("other", start + n)}} for n in range(25)]
        client.batch_write_item(RequestItems={table: puts})

    # Without the change each of the thousand items would be copied, and checked, by at least one call.
    assert empty > 100
    assert calls() < empty + 1000
