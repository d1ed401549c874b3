"""The answers of the emulator's services, to clients in its process and in another."""

import io
import threading
import time
import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.conftest import KEY, Running

WAYS = ("direct", "wire", "http")
each_way = pytest.mark.parametrize("way", WAYS)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@each_way
def test_items_are_returned_unchanged(running: Running, way: str) -> None:
    tables = running.client("dynamodb", way)
    item = {
        "pk": {"S": "é\u0000\U0001f600"},
        "sk": {"S": "one"},
        "bytes": {"B": b"\x00\xff"},
        "set": {"BS": [b"\x01"]},
        "deep": {"M": {"list": {"L": [{"B": b"x"}, {"NULL": True}, {"N": "1.5"}, {"M": {}}]}, "B": {"S": "b"}}},
        "number": {"N": "12345678901234567890123456789012345678"},
    }
    tables.put_item(TableName="runs", Item=item)

    key = {"pk": item["pk"], "sk": item["sk"]}
    assert tables.get_item(TableName="runs", Key=key, ConsistentRead=True)["Item"] == item


@each_way
def test_a_refusal_has_its_code(running: Running, way: str) -> None:
    tables = running.client("dynamodb", way)
    key = {"pk": {"S": "a"}, "sk": {"S": "one"}}
    with pytest.raises(tables.exceptions.ResourceNotFoundException):
        tables.get_item(TableName="none", Key=key)
    with pytest.raises(tables.exceptions.ConditionalCheckFailedException):
        tables.put_item(TableName="runs", Item=key, ConditionExpression="attribute_exists(pk)")
    put = {"TableName": "runs", "Item": key, "ConditionExpression": "attribute_exists(pk)"}
    with pytest.raises(tables.exceptions.TransactionCanceledException) as error:
        tables.transact_write_items(TransactItems=[{"Put": put}])
    assert [reason["Code"] for reason in error.value.response["CancellationReasons"]] == ["ConditionalCheckFailed"]
    for wrong in ("SET", "SET a = ", "SET pk = :x", "FOO a", "SET a.b.c = :x", "SET a = :x, a = :x", "(" * 3000):
        values = {":x": {"S": "x"}}
        with pytest.raises(ClientError) as refused:
            tables.update_item(TableName="runs", Key=key, UpdateExpression=wrong, ExpressionAttributeValues=values)
        assert code(refused) == "ValidationException"
    assert "Item" not in tables.get_item(TableName="runs", Key=key)


def test_a_transaction_that_is_sent_twice_is_done_once(running: Running) -> None:
    tables = running.client("dynamodb")
    key = {"pk": {"S": "a"}, "sk": {"S": "one"}}
    add: dict[str, Any] = {
        "TableName": "runs",
        "Key": key,
        "UpdateExpression": "ADD seen :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for _ in range(2):
        tables.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="same")
    assert tables.get_item(TableName="runs", Key=key)["Item"]["seen"] == {"N": "1"}

    delete = {"TableName": "runs", "Key": key}
    with pytest.raises(tables.exceptions.IdempotentParameterMismatchException):
        tables.transact_write_items(TransactItems=[{"Delete": delete}], ClientRequestToken="same")


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("index", [None, "by_rank"])
def test_pages_hold_each_item_once_in_order(running: Running, forward: bool, index: str | None) -> None:  # noqa: FBT001
    tables = running.client("dynamodb")
    numbers = ["-10.5", "-10", "-9", "-0.5", "0", "0.05", "0.5", "1", "9", "10", "10.5", "100"]
    for place, number in enumerate(numbers):
        item = {"pk": {"S": "p"}, "sk": {"S": f"{place:02}"}, "group": {"S": "g"}, "rank": {"N": number}}
        tables.put_item(TableName="runs", Item=item)
    name, value = ("group", "g") if index else ("pk", "p")
    asked = {"KeyConditionExpression": "#k = :k", "ExpressionAttributeNames": {"#k": name}}
    more = {"IndexName": index} if index else {}
    pages = tables.get_paginator("query").paginate(
        TableName="runs",
        ExpressionAttributeValues={":k": {"S": value}},
        ScanIndexForward=forward,
        PaginationConfig={"PageSize": 5},
        **asked,
        **more,
    )
    found = [item["rank"]["N"] for page in pages for item in page["Items"]]
    assert found == (numbers if forward else numbers[::-1])


def test_a_page_holds_a_megabyte(running: Running) -> None:
    tables = running.client("dynamodb")
    for place in range(12):
        item = {"pk": {"S": "p"}, "sk": {"S": f"{place:02}"}, "note": {"S": "x" * 200_000}}
        tables.put_item(TableName="runs", Item=item)
    asked = {"KeyConditionExpression": "pk = :k", "ExpressionAttributeValues": {":k": {"S": "p"}}}

    first = tables.query(TableName="runs", **asked)

    assert 4 <= first["Count"] <= 6
    assert first["LastEvaluatedKey"]["sk"]["S"] == f"{first['Count'] - 1:02}"


def test_expired_items_are_removed(running: Running) -> None:
    tables = running.client("dynamodb")
    now = time.time()
    for name, at in (("over", now - 10), ("coming", now + 1000)):
        tables.put_item(TableName="runs", Item={"pk": {"S": name}, "sk": {"S": "x"}, "expires_at": {"N": str(int(at))}})
    tables.put_item(TableName="runs", Item={"pk": {"S": "for ever"}, "sk": {"S": "x"}})

    assert running.services.dynamodb.sweep() == 1

    assert {item["pk"]["S"] for item in tables.scan(TableName="runs")["Items"]} == {"coming", "for ever"}


def test_objects_go_by_how_their_keys_begin(running: Running) -> None:
    objects, begin = running.client("s3"), time.time()
    for key in ("downloads/x", "logs/downloads/x", "download"):
        objects.put_object(Bucket="logs", Key=key, Body=b"x")

    def left(days: float) -> set[str]:
        running.services.s3._clock = lambda: begin + days * 86_400
        running.services.s3.sweep()
        return {one["Key"] for one in objects.list_objects_v2(Bucket="logs").get("Contents", [])}

    assert left(0.9) == {"downloads/x", "logs/downloads/x", "download"}
    assert left(1.1) == {"logs/downloads/x", "download"}
    assert left(401) == set()


@each_way
def test_messages_are_received_once_until_they_are_seen_again(running: Running, way: str) -> None:
    clock = [1000.0]
    running.services.sqs._clock = lambda: clock[0]
    queue = running.client("sqs", way)
    url = queue.get_queue_url(QueueName="work")["QueueUrl"]
    attribute = {"kind": {"StringValue": "x", "DataType": "String"}}
    queue.send_message(QueueUrl=url, MessageBody="one", MessageAttributes=attribute)
    queue.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=5)

    (first,) = receive(queue, url)
    assert (first["Body"], first["MessageAttributes"]["kind"]["StringValue"]) == ("one", "x")
    assert receive(queue, url) == []
    clock[0] += 6
    assert [message["Body"] for message in receive(queue, url)] == ["later"]
    clock[0] += 5
    (again,) = receive(queue, url)
    assert (again["Body"], again["Attributes"]["ApproximateReceiveCount"]) == ("one", "2")
    queue.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    queue.change_message_visibility(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=0)
    assert receive(queue, url) == []
    waste = queue.get_queue_url(QueueName="waste")["QueueUrl"]
    assert [message["Body"] for message in receive(queue, waste)] == ["one"]


def receive(queue: Any, url: str) -> list[dict[str, Any]]:
    asked = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    messages: list[dict[str, Any]] = queue.receive_message(QueueUrl=url, **asked).get("Messages", [])
    return messages


def test_a_waiting_receiver_gets_a_message_at_once(running: Running) -> None:
    queue = running.client("sqs")
    url = queue.get_queue_url(QueueName="work")["QueueUrl"]
    sender = threading.Timer(0.2, lambda: queue.send_message(QueueUrl=url, MessageBody="one"))
    begun = time.monotonic()
    sender.start()

    found = queue.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]

    assert [message["Body"] for message in found] == ["one"]
    assert time.monotonic() - begun < 5


@each_way
def test_a_queue_that_does_not_exist_is_refused(running: Running, way: str) -> None:
    queue = running.client("sqs", way)
    with pytest.raises(queue.exceptions.QueueDoesNotExist):
        queue.get_queue_url(QueueName="none")
    with pytest.raises(queue.exceptions.QueueDoesNotExist):
        queue.send_message(QueueUrl=f"{running.server.url}/123456789012/none", MessageBody="x")


@each_way
def test_a_batch_of_messages(running: Running, way: str) -> None:
    queue = running.client("sqs", way)
    url = queue.get_queue_url(QueueName="work")["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": f"body {number}"} for number in range(3)]
    sent = queue.send_message_batch(QueueUrl=url, Entries=entries)
    assert [answer["Id"] for answer in sent["Successful"]] == ["0", "1", "2"]
    assert queue.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "10"
    with pytest.raises(ClientError):
        queue.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}] * 2)
    assert len(receive(queue, url)) == 3


@pytest.mark.parametrize("way", ["wire", "http"])
@pytest.mark.parametrize("key", ["plain", "with space/é?&=+#%25", "logs/org/run.log.gz"])
def test_objects_are_returned_with_their_metadata(running: Running, way: str, key: str) -> None:
    objects = running.client("s3", way)
    content = b"0123456789" * 100_000
    about = {"ContentType": "text/plain", "ContentEncoding": "gzip", "Metadata": {"size": "7"}}
    objects.put_object(Bucket="logs", Key=key, Body=io.BytesIO(content), **about)

    found = objects.get_object(Bucket="logs", Key=key)
    assert found["Body"].read() == content
    assert {name: found[name] for name in about} == about
    assert objects.head_object(Bucket="logs", Key=key)["ContentLength"] == len(content)
    part = objects.get_object(Bucket="logs", Key=key, Range="bytes=-10")
    assert (part["Body"].read(), part["ContentRange"]) == (content[-10:], "bytes 999990-999999/1000000")
    assert [each["Key"] for each in objects.list_objects_v2(Bucket="logs")["Contents"]] == [key]
    objects.put_object(Bucket="logs", Key=key, Body=b"")
    assert objects.get_object(Bucket="logs", Key=key)["Body"].read() == b""
    assert len(list((running.database.folder / "objects").iterdir())) == 1
    objects.delete_objects(Bucket="logs", Delete={"Objects": [{"Key": key}], "Quiet": True})
    with pytest.raises(objects.exceptions.NoSuchKey):
        objects.get_object(Bucket="logs", Key=key)
    assert list((running.database.folder / "objects").iterdir()) == []


@pytest.mark.parametrize("way", ["wire", "http"])
def test_a_list_of_objects_has_pages(running: Running, way: str) -> None:
    objects = running.client("s3", way)
    for number in range(7):
        objects.put_object(Bucket="logs", Key=f"a/{number}", Body=b"x")
    objects.put_object(Bucket="logs", Key="b", Body=b"x")
    pages = objects.get_paginator("list_objects_v2").paginate(
        Bucket="logs", Prefix="a/", PaginationConfig={"PageSize": 3}
    )
    assert [each["Key"] for page in pages for each in page["Contents"]] == [f"a/{number}" for number in range(7)]


@pytest.mark.parametrize("signature", ["s3", "s3v4"])
def test_a_link_to_an_object_opens_without_a_signature_of_its_own_until_it_is_over(
    running: Running, signature: str
) -> None:
    objects = running.client("s3", "http", signature)
    objects.put_object(Bucket="logs", Key="log", Body=b"content")
    asked = {"Bucket": "logs", "Key": "log", "ResponseContentType": "text/html"}

    with urllib.request.urlopen(objects.generate_presigned_url("get_object", Params=asked), timeout=60) as answer:  # noqa: S310 - it is http
        assert (answer.read(), answer.headers["Content-Type"]) == (b"content", "text/html")

    over = objects.generate_presigned_url("get_object", Params=asked, ExpiresIn=-1)
    for link in (over, f"{running.server.url}/logs/log"):
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(link, timeout=60)  # noqa: S310 - it is http
        with refused.value:
            assert refused.value.code == 403


@each_way
def test_a_ciphertext_decrypts_only_in_its_context(running: Running, way: str) -> None:
    keys = running.client("kms", way)
    blob = keys.encrypt(KeyId=KEY, Plaintext=b"secret", EncryptionContext={"a": "1", "b": "2"})["CiphertextBlob"]

    assert keys.decrypt(CiphertextBlob=blob, EncryptionContext={"b": "2", "a": "1"})["Plaintext"] == b"secret"
    for wrong in ({"context": {"a": "1"}, "blob": blob}, {"context": {"a": "1", "b": "2"}, "blob": blob[:-1]}):
        with pytest.raises(keys.exceptions.InvalidCiphertextException):
            keys.decrypt(CiphertextBlob=wrong["blob"], EncryptionContext=wrong["context"])
    with pytest.raises(keys.exceptions.NotFoundException):
        keys.encrypt(KeyId="none", Plaintext=b"x")


@each_way
def test_secrets_have_their_latest_value(running: Running, way: str) -> None:
    secrets = running.client("secretsmanager", way)
    secrets.create_secret(Name="jobs/slack", SecretString="one")
    with pytest.raises(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name="jobs/slack", SecretString="two")
    secrets.put_secret_value(SecretId="jobs/slack", SecretString="three")
    assert secrets.get_secret_value(SecretId="jobs/slack")["SecretString"] == "three"
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId="none")


@each_way
def test_a_plan_knows_its_keys(running: Running, way: str) -> None:
    gateway = running.client("apigateway", way)
    key = gateway.create_api_key(name="jobs-api org-a", value="v" * 20, enabled=True, description="d")
    with pytest.raises(gateway.exceptions.ConflictException):
        gateway.create_api_key(name="jobs-api org-a", value="v" * 20)
    assert not running.services.api_gateway.knows("plan", "v" * 20)
    gateway.create_usage_plan_key(usagePlanId="plan", keyId=key["id"], keyType="API_KEY")
    with pytest.raises(gateway.exceptions.ConflictException):
        gateway.create_usage_plan_key(usagePlanId="plan", keyId=key["id"], keyType="API_KEY")
    assert running.services.api_gateway.knows("plan", "v" * 20)
    (found,) = gateway.get_api_keys(nameQuery="jobs-api org", includeValues=True)["items"]
    assert found["value"] == "v" * 20
    assert [each["id"] for each in gateway.get_usage_plan_keys(usagePlanId="plan")["items"]] == [key["id"]]
    gateway.delete_api_key(apiKey=key["id"])
    assert not running.services.api_gateway.knows("plan", "v" * 20)


@each_way
def test_events_reach_listeners_or_are_refused(running: Running, way: str) -> None:
    heard: list[Any] = []
    running.services.events.listen(lambda entry, _: heard.append(entry["DetailType"]))
    events = running.client("events", way)
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    named = "arn:aws:events:us-east-1:123456789012:event-bus/bus"

    answer = events.put_events(Entries=[{**entry, "EventBusName": named}, {**entry, "EventBusName": "none"}])

    assert (answer["FailedEntryCount"], heard) == (1, ["t"])


@each_way
@pytest.mark.parametrize(("service", "operation"), [("dynamodb", "list_backups"), ("kms", "list_aliases")])
def test_unknown_operations_are_refused(running: Running, way: str, service: str, operation: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(running.client(service, way), operation)()
    assert code(refused) == "UnknownOperationException"


def test_an_update_of_nothing_leaves_the_item(running: Running) -> None:
    tables = running.client("dynamodb")
    key = {"pk": {"S": "a"}, "sk": {"S": "one"}}
    tables.put_item(TableName="runs", Item={**key, "note": {"S": "kept"}})

    tables.update_item(TableName="runs", Key=key)

    assert tables.get_item(TableName="runs", Key=key)["Item"] == {**key, "note": {"S": "kept"}}


@each_way
def test_credentials_are_those_of_the_laptops_user(running: Running, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "alice & bob")
    client = running.client("sts", way)

    assert client.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/alice & bob"
    with pytest.raises(ClientError) as refused:
        client.get_session_token()
    assert code(refused) == "InvalidAction"


def test_a_waiting_receiver_wakes_when_a_message_is_sent_or_due_or_when_it_is_stopped(running: Running) -> None:
    queues, stopped = running.services.sqs, threading.Event()
    client = running.client("sqs")
    url = client.get_queue_url(QueueName="work")["QueueUrl"]
    waits = [threading.Thread(target=queues.await_message, args=("work", stopped)) for _ in range(2)]
    begun = time.monotonic()
    for wait in waits:
        wait.start()
    client.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    for wait in waits:
        wait.join(60)
    assert time.monotonic() - begun >= 1
    assert len(client.receive_message(QueueUrl=url)["Messages"]) == 1

    last = threading.Thread(target=queues.await_message, args=("work", stopped))
    last.start()
    stopped.set()
    queues.wake()
    last.join(60)

    assert not any(wait.is_alive() for wait in [*waits, last])
