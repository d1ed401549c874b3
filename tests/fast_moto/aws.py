"""AWS for tests and benchmarks: moto in this process, with the tables, buckets, queues and buses of template.yaml."""

import json
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self
from unittest import mock

from local.aws_environment import environment_of, exported
from local.emulator.admission import new_access_key
from local.intrinsics import REGION
from local.template import Template
from tests.fast_moto.speed import speed_up
from tests.fast_moto.wire import InProcessTransport, MotoServer

# boto3 is imported where it is used, because its sessions must be created after the transport is installed.

_TABLE_PROPERTIES = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "TableName",
)


class LocalAws:
    """moto with the template's resources; in its `with` block, new botocore clients of this process use it.

    Entering the block exports the functions' environment, an endpoint, and credentials that are valid only here.
    """

    def __init__(self, template: Template) -> None:
        """Prepare for the resources of `template`."""
        self._template = template
        self._access_key = new_access_key()
        self._server = MotoServer(self._access_key)
        self._transport: InProcessTransport | None = None
        self._environment = ExitStack()

    @property
    def url(self) -> str:
        """Where other processes (jobsctl, the aws command line) reach it, as AWS_ENDPOINT_URL."""
        return self._server.url

    def __enter__(self) -> Self:
        """Start moto, export the environment and create the template's resources."""
        self._server.start()
        speed_up()
        self._transport = InProcessTransport(self.url)
        self._transport.install()
        self._environment.enter_context(exported(self.environment()))
        create_resources(self._template)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop moto and restore the environment."""
        self._environment.close()
        if self._transport:
            self._transport.remove()
        self._server.stop()

    def environment(self) -> dict[str, str]:
        """Return the environment with which a process uses this AWS as a function would."""
        return environment_of(self._template, self.url, self._access_key)


def create_resources(template: Template) -> None:
    """Create the template's tables, buckets, queues and buses, as CloudFormation would name and key them."""
    from boto3.session import Session  # noqa: PLC0415

    # The template's properties are untyped, as YAML is. A client is created only if there is something for it to do.
    session: Any = Session(region_name=REGION)
    for table in template.resources("AWS::DynamoDB::Table"):
        _create_table(session.client("dynamodb"), {**table.properties, "TableName": table.name})
    for bucket in template.resources("AWS::S3::Bucket"):
        session.client("s3").create_bucket(Bucket=bucket.name)
    # A dead letter queue must exist before the queue that names it.
    for queue in sorted(template.resources("AWS::SQS::Queue"), key=lambda queue: "RedrivePolicy" in queue.properties):
        session.client("sqs").create_queue(QueueName=queue.name, Attributes=_queue_attributes(queue.properties))
    for bus in template.resources("AWS::Events::EventBus"):
        session.client("events").create_event_bus(Name=bus.name)
    for key in template.resources("AWS::KMS::Key"):
        _create_key(session.client("kms"), key.name)


def _create_table(dynamodb: Any, properties: dict[str, Any]) -> None:
    dynamodb.create_table(**{name: properties[name] for name in _TABLE_PROPERTIES if name in properties})
    expiry = properties.get("TimeToLiveSpecification")
    if expiry:
        dynamodb.update_time_to_live(TableName=properties["TableName"], TimeToLiveSpecification=expiry)


def _create_key(kms: Any, identity: str) -> None:
    """Create a key with an id that the template decides, not moto."""
    kms.list_keys()  # imports moto's module, which is then changed
    with mock.patch("moto.kms.models.generate_key_id", return_value=identity):
        kms.create_key()


def _queue_attributes(properties: dict[str, Any]) -> dict[str, str]:
    """Turn CloudFormation's queue properties into the API's, whose values are all strings."""
    names = (
        "ContentBasedDeduplication",
        "DelaySeconds",
        "FifoQueue",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "RedrivePolicy",
        "VisibilityTimeout",
    )
    given = {name: properties[name] for name in names if name in properties}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
