"""The emulator's services, and clients that reach them in process or over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from local.emulator.admission import new_access_key
from local.emulator.database import Database
from local.emulator.server import Server
from local.emulator.services import Services
from local.emulator.wire import InProcessTransport
from tests.aws_of_template import within_its_policy

__all__ = ["within_its_policy"]

RUNS = {
    "TableName": "runs",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("pk", "S"), ("sk", "S"), ("group", "S"), ("rank", "N"))
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_rank",
            "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        },
        {
            "IndexName": "short",
            "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]},
        },
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
CONFIG = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


class Running:
    """Services in a folder, with a server; `client` makes clients of this process or such as another one has."""

    def __init__(self, folder: Path, clock: Callable[[], float] | None = None) -> None:
        self.database = Database(folder)
        self.access_key = new_access_key()
        self.server = Server(None, self.access_key)
        self.services = self.server.services = Services(self.database, lambda: self.server.url)
        if clock:
            self.services.sqs._clock = clock
            self.services.dynamodb._clock = clock
            self.services.s3._clock = clock
        self.server.start()

    def client(self, service: str, way: str = "direct", signature: str | None = None) -> Any:
        session = botocore.session.Session()
        if way != "http":
            transport = InProcessTransport(self.server.url, self.services)
            transport.direct = way == "direct"
            session.get_component("event_emitter").register("creating-client-class", transport.shorten)
            session.get_component("event_emitter").register("before-send", transport)
        return session.create_client(
            service,
            endpoint_url=self.server.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key="local",
            config=CONFIG.merge(Config(signature_version=signature)),
        )

    def close(self) -> None:
        self.services.sqs.close()
        self.server.stop()
        self.database.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Services with a table, a bucket, a queue and its dead letters, a bus, a key and a plan."""
    made = install(Running(tmp_path / "store"))
    yield made
    made.close()


def install(made: Running) -> Running:
    arn = "arn:aws:sqs:us-east-1:123456789012:"
    policy = f'{{"deadLetterTargetArn": "{arn}waste", "maxReceiveCount": 2}}'
    made.services.dynamodb.install({**RUNS, "TimeToLive": "expires_at"})
    made.services.s3.install("logs", keep_days={"": 400, "downloads/": 1})
    made.services.sqs.install("work", f"{arn}work", {"VisibilityTimeout": 10, "RedrivePolicy": policy})
    made.services.sqs.install("waste", f"{arn}waste", {})
    made.services.events.install("bus")
    made.services.kms.install(KEY, f"arn:aws:kms:us-east-1:123456789012:key/{KEY}")
    made.services.api_gateway.install("plan", "plan")
    return made


KEY = "ec969966-e446-5d78-95a8-946ec2a43b00"
