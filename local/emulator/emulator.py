"""AWS on a laptop, stored in a folder: the template's tables, buckets, queues, keys and secrets, and their content."""

import json
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.aws_environment import environment_of, exported
from local.emulator.admission import new_access_key
from local.emulator.database import Database
from local.emulator.errors import AwsError
from local.emulator.server import Server
from local.emulator.services import Services
from local.emulator.wire import InProcessTransport
from local.intrinsics import UnsupportedTemplate
from local.template import Template

# As in the cloud, a message arrives some time after it was sent. So the answer to a request does not share the
# processor with the pass that it asked for.
_ARRIVES_SECONDS = 0.01
_ACCESS_KEY = "access key"
# Nothing waits for a sweep, and each sweep reads every table once.
_SWEEP_SECONDS = 3600.0
_FIRST_SWEEP_SECONDS = 60.0


class Emulator:
    """The template's resources in a folder; within its `with` block, new botocore clients of this process use them.

    Entering the block exports the functions' environment, an endpoint, and credentials that are valid only here.
    """

    def __init__(self, template: Template, folder: Path) -> None:
        """Open or create the folder.

        Raises:
            UnusableData: the folder's data cannot be read.
        """
        self._template = template
        self.database = Database(folder)
        self._access_key = self.database.setting(_ACCESS_KEY) or self._new_access_key()
        self._server = Server(None, self._access_key)
        self.services = self._server.services = Services(self.database, lambda: self.url, _ARRIVES_SECONDS)
        self.transport = InProcessTransport(self.url, self.services)
        self._environment = ExitStack()
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        """Where other processes (jobsctl, the aws command line) reach it, as AWS_ENDPOINT_URL."""
        return self._server.url

    def __enter__(self) -> Self:
        """Create the template's resources, start the server and export the environment."""
        self._install()
        self._server.start()
        self.transport.install()
        self._environment.enter_context(exported(self.environment()))
        threading.Thread(target=self._remove_expired, name="sweep", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server and restore the environment."""
        self._ended.set()
        self._environment.close()
        self.transport.remove()
        self.services.sqs.close()
        self._server.stop()
        self.database.close()

    def environment(self) -> dict[str, str]:
        """Return the environment with which a process uses this AWS as a function would."""
        return environment_of(self._template, self.url, self._access_key)

    def _new_access_key(self) -> str:
        key = new_access_key()
        self.database.keep_setting(_ACCESS_KEY, key)
        return key

    def _install(self) -> None:
        template, services = self._template, self.services
        for table in template.resources("AWS::DynamoDB::Table"):
            services.dynamodb.install(_table(table.properties, table.name))
        for bucket in template.resources("AWS::S3::Bucket"):
            services.s3.install(bucket.name, _keep_days(bucket.properties))
        for queue in template.resources("AWS::SQS::Queue"):
            if queue.properties.get("FifoQueue"):
                raise UnsupportedTemplate(f"{queue.logical_id}: FIFO queues are not known to the laptop stack")
            services.sqs.install(queue.name, queue.arn, _strings(queue.properties))
        for bus in template.resources("AWS::Events::EventBus"):
            services.events.install(bus.name)
        for key in template.resources("AWS::KMS::Key"):
            services.kms.install(key.name, key.arn)
        for plan in template.resources("AWS::ApiGateway::UsagePlan"):
            services.api_gateway.install(plan.name, plan.name)

    def _remove_expired(self) -> None:
        pause = _FIRST_SWEEP_SECONDS
        while not self._ended.wait(pause):
            # On a full disk the next sweep removes what this one did not.
            with suppress(AwsError, OSError):
                self.services.sweep()
            pause = _SWEEP_SECONDS


def _table(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    wanted = ("AttributeDefinitions", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")
    definition = {key: properties[key] for key in wanted if key in properties}
    expiry = properties.get("TimeToLiveSpecification", {})
    return {
        **definition,
        "TableName": name,
        "TimeToLive": expiry.get("AttributeName") if expiry.get("Enabled") else None,
    }


def _keep_days(properties: Mapping[str, Any]) -> dict[str, float]:
    """Return after how many days objects expire, by how their keys begin."""
    rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
    return {
        rule.get("Prefix", ""): float(rule["ExpirationInDays"])
        for rule in rules
        if rule.get("Status") == "Enabled" and "ExpirationInDays" in rule
    }


def _strings(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in properties.items()}
