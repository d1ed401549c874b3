"""Answered writes survive a kill of the process, and failed writes leave no part behind."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.database import FILE, SCHEMA_VERSION, Database
from local.emulator.dynamodb import DynamoDB
from local.home import DamagedData, UnusableData
from tests.local.emulator.conftest import RUNS, Running, install

ROOT = Path(__file__).parents[3]
# Writes an item, a transaction of two, a message and an object in turn, and prints each once it is answered.
WRITER = """
import io, itertools, sys
from pathlib import Path
from tests.local.emulator.conftest import Running, install
running = install(Running(Path(sys.argv[1])))
tables, objects, queue = (running.client(name) for name in ("dynamodb", "s3", "sqs"))
url = queue.get_queue_url(QueueName="work")["QueueUrl"]
item = lambda number, part: {
    "pk": {"S": str(number)}, "sk": {"S": part}, "group": {"S": "all"}, "rank": {"N": str(number)}
}
for number in itertools.count():
    tables.put_item(TableName="runs", Item=item(number, "one"))
    print("item", number, flush=True)
    puts = [{"Put": {"TableName": "runs", "Item": item(number, part)}} for part in ("left", "right")]
    tables.transact_write_items(TransactItems=puts)
    print("transaction", number, flush=True)
    objects.put_object(Bucket="logs", Key=str(number), Body=io.BytesIO(str(number).encode() * 5000))
    print("object", number, flush=True)
    queue.send_message(QueueUrl=url, MessageBody=str(number))
    print("message", number, flush=True)
"""


def environment() -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT / "layers/shared/python"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": paths}


def killed_writer(folder: Path, seconds: float) -> list[tuple[str, int]]:
    """Let the writer work and kill it; what it was answered until then."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()) as process:
        assert process.stdout
        first = process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        lines = [first, *process.stdout.read().splitlines()]
    return [(line.split()[0], int(line.split()[1])) for line in lines if len(line.split()) == 2]


@pytest.mark.slow
def test_all_that_was_answered_is_there_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    chance = random.Random(11)  # noqa: S311 - moments, not secrets
    for _ in range(4):
        answered = killed_writer(folder, chance.uniform(0, 0.7))
        running = install(Running(folder))
        try:
            _all_there(running, answered)
            _nothing_half_there(running)
        finally:
            running.close()


def _all_there(running: Running, answered: list[tuple[str, int]]) -> None:
    tables, objects = running.client("dynamodb"), running.client("s3")
    with running.database.reading() as connection:
        sent = {int(body) for (body,) in connection.execute("SELECT body FROM messages")}
    parts = {"item": ("one",), "transaction": ("left", "right")}
    for kind, number in answered:
        for part in parts.get(kind, ()):
            key = {"pk": {"S": str(number)}, "sk": {"S": part}}
            assert tables.get_item(TableName="runs", Key=key).get("Item", {}).get("rank") == {"N": str(number)}
        if kind == "object":
            content = objects.get_object(Bucket="logs", Key=str(number))["Body"].read()
            assert content == str(number).encode() * 5000
        if kind == "message":
            assert number in sent
    assert answered


def _nothing_half_there(running: Running) -> None:
    tables: Any = running.client("dynamodb")
    found: list[dict[str, Any]] = []
    for page in tables.get_paginator("scan").paginate(TableName="runs"):
        found += page["Items"]
    places = {(item["pk"]["S"], item["sk"]["S"]) for item in found}
    assert {pk for pk, sk in places if sk == "left"} == {pk for pk, sk in places if sk == "right"}
    ranked: list[int] = []
    query = {"KeyConditionExpression": "#g = :g", "ExpressionAttributeValues": {":g": {"S": "all"}}}
    pages = tables.get_paginator("query").paginate(
        TableName="runs", IndexName="by_rank", ExpressionAttributeNames={"#g": "group"}, **query
    )
    for page in pages:
        ranked += [int(item["rank"]["N"]) for item in page["Items"]]
    assert ranked == sorted(int(item["rank"]["N"]) for item in found)


def test_files_of_objects_that_were_never_named_go(running: Running) -> None:
    objects = running.database.folder / "objects"
    running.client("s3").put_object(Bucket="logs", Key="kept", Body=b"kept")
    (objects / "cut-short").write_bytes(b"half")

    running.services.s3.sweep(older_than=-1)

    assert not (objects / "cut-short").exists()
    assert running.client("s3").get_object(Bucket="logs", Key="kept")["Body"].read() == b"kept"


def filled(folder: Path) -> Path:
    """A store with items in it, closed."""
    running = install(Running(folder))
    tables = running.client("dynamodb")
    for number in range(300):
        item = {"pk": {"S": str(number)}, "sk": {"S": "one"}, "note": {"S": "x" * 300}}
        tables.put_item(TableName="runs", Item=item)
    running.close()
    return folder / FILE


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"this is no database" * 100,
        lambda content: content[: len(content) // 2],
        lambda content: content[:4096] + b"\xff" * 8192 + content[12288:],
        lambda content: b"\x00" * 100 + content[100:],
    ],
    ids=["empty", "no database", "half of it", "pages overwritten", "head overwritten"],
)
def test_a_damaged_file_is_reported_and_left_unchanged(tmp_path: Path, damage: Any) -> None:
    path = filled(tmp_path / "store")
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)

    with pytest.raises(DamagedData, match=str(path)) as told:
        Database(tmp_path / "store")

    assert "\n" not in str(told.value)
    assert path.read_bytes() == damaged


def test_a_missing_file_is_reported_and_not_created_again(tmp_path: Path) -> None:
    path = filled(tmp_path / "store")
    path.unlink()

    with pytest.raises(DamagedData, match="missing"):
        Database(tmp_path / "store")

    assert not path.exists()


def test_another_version_of_the_file_is_reported(tmp_path: Path) -> None:
    path = filled(tmp_path / "store")
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()

    with pytest.raises(UnusableData, match=f"version {SCHEMA_VERSION + 1}, and this version of the service reads"):
        Database(tmp_path / "store")


def test_a_store_whose_creation_was_interrupted_is_created_again(tmp_path: Path) -> None:
    draft = tmp_path / "store.new"
    draft.mkdir()
    (draft / FILE).write_bytes(b"half")

    Database(tmp_path / "store").close()


# Writes until the file may not grow any more, as on a full disk; then makes room and continues.
FULL = """
import io, json, resource, signal, sys
from pathlib import Path
from botocore.exceptions import ClientError
from tests.local.emulator.conftest import Running, install
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
running = install(Running(Path(sys.argv[1])))
tables, objects, queue = (running.client(name) for name in ("dynamodb", "s3", "sqs"))
url = queue.get_queue_url(QueueName="work")["QueueUrl"]
item = lambda number: {"pk": {"S": str(number)}, "sk": {"S": "one"}, "note": {"S": "x" * 3000}}
put = lambda number: tables.put_item(TableName="runs", Item=item(number))
both = lambda number: tables.transact_write_items(TransactItems=[
    {"Put": {"TableName": "runs", "Item": {**item(number), "sk": {"S": side}}}} for side in ("left", "right")])
done, refused = [], []
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
for number in range(400):
    try:
        put(number)
        both(number)
        done.append(number)
    except ClientError as error:
        refused.append((error.response["Error"]["Code"], error.response["Error"]["Message"]))
        break
for write in (
    lambda: objects.put_object(Bucket="logs", Key="large", Body=io.BytesIO(b"x" * 600_000)),
    lambda: queue.send_message(QueueUrl=url, MessageBody="x" * 900_000),
):
    try:
        write()
    except ClientError as error:
        refused.append((error.response["Error"]["Code"], error.response["Error"]["Message"]))
read = tables.get_item(TableName="runs", Key={"pk": {"S": "0"}, "sk": {"S": "one"}})["Item"]["pk"]["S"]
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
put(1000)
print(json.dumps({"done": done, "refused": refused, "read": read}))
"""


def test_a_full_disk_is_reported_nothing_is_half_written_and_work_continues_once_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    command = [sys.executable, "-c", FULL, str(folder)]
    found = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    told = json.loads(found.stdout)

    assert [code for code, _ in told["refused"]] == ["DiskFull", "DiskFull", "DiskFull"]
    assert all(str(folder) in message and "Make room" in message for _, message in told["refused"])
    assert told["read"] == "0"
    running = install(Running(folder))
    try:
        client = running.client("dynamodb")
        items = [item for page in client.get_paginator("scan").paginate(TableName="runs") for item in page["Items"]]
        places = {(int(item["pk"]["S"]), item["sk"]["S"]) for item in items}
        assert {pk for pk, sk in places if sk == "left"} == {pk for pk, sk in places if sk == "right"}
        assert {pk for pk, sk in places if sk == "one"} >= {*told["done"], 1000}
        with pytest.raises(ClientError, match="404"):
            running.client("s3").head_object(Bucket="logs", Key="large")
        assert list((folder / "objects").iterdir()) == []
    finally:
        running.close()


def test_two_processes_may_write_one_store(running: Running) -> None:
    other = Running(running.database.folder)
    install(other)
    try:
        clients = [running.client("dynamodb"), other.client("dynamodb")]
        counter = {"pk": {"S": "counter"}, "sk": {"S": "one"}}
        for number in range(40):
            clients[number % 2].update_item(
                TableName="runs",
                Key=counter,
                UpdateExpression="ADD seen :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        assert clients[0].get_item(TableName="runs", Key=counter)["Item"]["seen"] == {"N": "40"}
    finally:
        other.close()


def test_a_table_whose_indexes_change_keeps_its_items(tmp_path: Path) -> None:
    database = Database(tmp_path / "store")
    before = {**RUNS, "GlobalSecondaryIndexes": RUNS["GlobalSecondaryIndexes"][:1]}
    tables = DynamoDB(database)
    tables.install(before)
    for number in range(450):
        item = {"pk": {"S": str(number)}, "sk": {"S": "one"}, "group": {"S": "all"}, "note": {"S": "x"}}
        tables("PutItem", {"TableName": "runs", "Item": item})
    database.close()

    database = Database(tmp_path / "store")
    tables = DynamoDB(database)
    tables.install(RUNS)
    asked = {
        "TableName": "runs",
        "IndexName": "short",
        "KeyConditionExpression": "#g = :g",
        "ExpressionAttributeNames": {"#g": "group"},
        "ExpressionAttributeValues": {":g": {"S": "all"}},
        "Select": "COUNT",
    }
    assert tables("Query", asked)["Count"] == 450
    database.close()
