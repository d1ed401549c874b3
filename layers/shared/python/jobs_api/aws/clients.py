"""The AWS clients of a process, one for each service, made when first asked for. The only module that knows botocore.

`SETTINGS` has the time-outs and retries of each. PynamoDB, which reads and writes the tables, makes its own client with
the settings of `dynamodb`.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.signers import RequestSigner

if TYPE_CHECKING:
    from botocore.config import _S3Dict
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# The errors of a call: ClientError if AWS answered with an error, BotoCoreError if there was no answer.
__all__ = ["CONNECT_SECONDS", "SETTINGS", "BotoCoreError", "ClientError", "Settings", "client", "signed_url"]

type Service = Literal["dynamodb", "eks", "events", "kms", "s3", "secretsmanager", "sqs"]

CONNECT_SECONDS: Final = 2


@dataclass(frozen=True)
class Settings:
    """How long a call to a service may take, and how many calls may run at once."""

    read_seconds: int
    # The number of all attempts, the first included.
    attempts: int
    # As many connections as threads that call at once; botocore's default is 10.
    connections: int = 10
    signature: str | None = None


SETTINGS: Final[Mapping[Service, Settings]] = {
    # Caps the time-out, so that one hanging call cannot use up a function's 25 seconds. An ingest has 16 threads.
    "dynamodb": Settings(read_seconds=5, attempts=4, connections=16),
    # A request waits for this call, and must call the cluster afterwards.
    "eks": Settings(read_seconds=5, attempts=2),
    # An event only starts a sync sooner, so a request does not wait long for the bus.
    "events": Settings(read_seconds=3, attempts=2),
    # A sync opens the secrets of many jobs at once.
    "kms": Settings(read_seconds=5, attempts=3, connections=16),
    # A log may be long. Links with the older signature version do not work in every region.
    "s3": Settings(read_seconds=10, attempts=3, connections=16, signature="s3v4"),
    "secretsmanager": Settings(read_seconds=5, attempts=3),
    "sqs": Settings(read_seconds=5, attempts=3),
}

_clients: Final[dict[str, Any]] = {}
_making: Final = threading.Lock()


@overload
def client(service: Literal["dynamodb"]) -> "DynamoDBClient": ...
@overload
def client(service: Literal["eks"]) -> "EKSClient": ...
@overload
def client(service: Literal["events"]) -> "EventBridgeClient": ...
@overload
def client(service: Literal["kms"]) -> "KMSClient": ...
@overload
def client(service: Literal["s3"]) -> "S3Client": ...
@overload
def client(service: Literal["secretsmanager"]) -> "SecretsManagerClient": ...
@overload
def client(service: Literal["sqs"]) -> "SQSClient": ...
def client(service: Service) -> Any:
    """Return this process's client of a service; threads may share it."""
    made = _clients.get(service)
    if made is not None:
        return made
    # Sessions are not thread-safe, and without the lock each of the first threads would make a client.
    with _making:
        if service not in _clients:
            _clients[service] = botocore.session.get_session().create_client(service, config=_config(service))
        return _clients[service]


def signed_url(service: str, query: str, headers: Mapping[str, str], seconds: int) -> str | None:
    """Sign the URL of a GET that somebody else will send, with these headers; None if there are no credentials.

    Args:
        service: the service, such as `sts`.
        query: the query of the URL.
        headers: headers that must be sent with exactly these values.
        seconds: for how long the URL is valid.
    """
    session = _signing_session()
    credentials = session.get_credentials()
    if credentials is None:
        return None
    with _making:
        about = session.create_client(service).meta
    events = session.get_component("event_emitter")
    signer = RequestSigner(about.service_model.service_id, about.region_name, service, "v4", credentials, events)
    request = {
        "method": "GET",
        "url": f"{about.endpoint_url}/?{query}",
        "body": {},
        "headers": dict(headers),
        "context": {},
    }
    url: str = signer.generate_presigned_url(request, operation_name="", expires_in=seconds)
    return url


@cache
def _signing_session() -> botocore.session.Session:
    return botocore.session.get_session()


def _config(service: Service) -> Config:
    settings = SETTINGS[service]
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=settings.read_seconds,
        retries={"total_max_attempts": settings.attempts},
        max_pool_connections=settings.connections,
        signature_version=settings.signature,
        s3=_addresses_of_links() if service == "s3" else None,
    )


def _addresses_of_links() -> "_S3Dict | None":
    """Return what makes botocore put the region into links, None where an emulator has an address of its own.

    Otherwise a link leads to <bucket>.s3.amazonaws.com. There S3 refuses it for regions from after March 2019. For the
    others it redirects it, for up to a day after the bucket was made, to an address for which the signature is wrong.
    https://github.com/boto/boto3/issues/3015
    """
    if os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        return None
    return {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
