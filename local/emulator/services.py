"""The services of an emulator, by the names that signatures give them."""

import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from local.emulator import s3_answers, s3_forms, sts
from local.emulator.admission import SECRET_KEY
from local.emulator.api_gateway import ApiGateway
from local.emulator.database import Database
from local.emulator.dynamodb import DynamoDB
from local.emulator.errors import AwsError
from local.emulator.events import Events
from local.emulator.key_management import KMS
from local.emulator.s3 import S3
from local.emulator.s3_answers import Answer
from local.emulator.s3_bodies import Asked, Readable
from local.emulator.secrets_manager import SecretsManager
from local.emulator.sqs import SQS

type Operation = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class Services:
    """All services that use one database, and the buses, which store nothing."""

    def __init__(self, database: Database, url: Callable[[], str], arrives_seconds: float = 0.0) -> None:
        """Create the services; `url()` returns the address of the emulator, and messages take `arrives_seconds`."""
        self.dynamodb = DynamoDB(database)
        self.sqs = SQS(database, url, arrives_seconds=arrives_seconds)
        self.s3 = S3(database)
        self.kms = KMS(database)
        self.events = Events()
        self.api_gateway = ApiGateway(database)
        # Services whose requests name an operation and are JSON.
        self.by_operation: dict[str, Operation] = {
            "dynamodb": self.dynamodb,
            "sqs": self.sqs,
            "kms": self.kms,
            "events": self.events,
            "secretsmanager": SecretsManager(database),
        }

    def answer(self, service: str, method: str, url: str, headers: Mapping[str, str], content: Readable) -> Answer:
        """Answer an HTTP request; header names are in lower case."""
        if service == "s3":
            return self._s3(method, url, headers, content)
        if service == "sts":
            return sts.answer(b"".join(iter(lambda: content.read(1 << 20), b"")))
        try:
            return _json(200, self._asked(service, method, url, headers, content))
        except AwsError as error:
            return _refusal(service, error)

    def sweep(self) -> None:
        """Remove expired items, objects and queue messages, as AWS does."""
        self.dynamodb.sweep()
        self.sqs.sweep()
        self.s3.sweep()

    def _asked(
        self, service: str, method: str, url: str, headers: Mapping[str, str], content: Readable
    ) -> dict[str, Any]:
        text = b"".join(iter(lambda: content.read(1 << 20), b""))
        try:
            request = json.loads(text or b"{}")
        except ValueError:
            raise AwsError("SerializationException", "The request is no JSON") from None
        if service == "apigateway":
            parts = urlsplit(url)
            return self.api_gateway(method, unquote(parts.path), dict(parse_qsl(parts.query)), request)
        if service not in self.by_operation:
            raise AwsError("UnrecognizedClientException", f"There is no {service} in the laptop's AWS")
        try:
            return self.by_operation[service](headers.get("x-amz-target", "").rpartition(".")[2], request)
        except (KeyError, TypeError, AttributeError) as error:
            raise AwsError("ValidationException", f"The request is not as the service has it: {error!r}") from error

    def form(self, url: str, headers: Mapping[str, str], content: Readable, access_key: str) -> Answer:
        """Answer a form with a file for S3, whose policy was signed with the access key."""
        bucket = unquote(urlsplit(url).path).strip("/")
        try:
            sent = s3_forms.read_form(headers.get("content-type", ""), content.read)
            s3_forms.check(sent, bucket, access_key, SECRET_KEY, datetime.now(UTC))
            asked = Asked("PUT", bucket, sent.fields["key"], {}, sent.fields, io.BytesIO(sent.content))
            return Answer(204, self.s3(asked).headers)
        except (KeyError, ValueError) as error:
            return s3_answers.refusal(AwsError("MalformedPOSTRequest", f"The form is not as S3 has it: {error!r}"))
        except AwsError as error:
            return s3_answers.refusal(error)

    def _s3(self, method: str, url: str, headers: Mapping[str, str], content: Readable) -> Answer:
        parts = urlsplit(url)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            return self.s3(Asked(method, bucket, key, query, headers, content))
        except AwsError as error:
            refused = s3_answers.refusal(error)
            # An answer to HEAD has no content, so it cannot name the error.
            return s3_answers.Answer(refused.status) if method == "HEAD" else refused


def _json(status: int, content: Any, headers: Mapping[str, str] = {}) -> Answer:
    return Answer(status, {"content-type": "application/x-amz-json-1.0", **headers}, json.dumps(content).encode())


def _refusal(service: str, error: AwsError) -> Answer:
    headers = {"x-amzn-errortype": error.code}
    if service == "sqs":
        # SQS also returns the error codes of its older XML protocol.
        headers["x-amzn-query-error"] = f"{error.code};Sender"
    return _json(error.status, {"__type": error.code, "message": error.message, **error.more}, headers)
