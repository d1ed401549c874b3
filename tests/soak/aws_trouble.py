"""Injects faults between functions and AWS at the HTTP level, below botocore's own retries.

Only functions' calls get faults. Calls of the stack itself, which replaces Lambda, SQS and EventBridge, and an
operator's commands do not.
"""

import json
import re
import threading
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from local.emulator.s3_answers import Answer
from local.emulator.services import Services
from local.emulator.wire import InProcessTransport, Raw
from local.powertools import LAMBDA_CONTEXT
from tests.soak.trouble import Trouble

THROTTLED = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "s3": "SlowDown",
    "sqs": "com.amazonaws.sqs#ThrottlingException",
    "events": "ThrottlingException",
    "kms": "ThrottlingException",
}
KINDS = {"throttled": 3, "failed": 3, "no connection": 2, "timed out after the write": 2}
# The faults of forms that pods send, by weight.
UPLOADS = {"throttled": 3, "timed out after the write": 2}
# Threads that functions start, which do not know the invocation that they belong to.
THEIR_THREADS = ("ingest", "outbox", "deliver")
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")


def install_uploads(trouble: Trouble, services: Any = Services) -> None:
    """Stand before every form with a file that a pod sends to S3."""
    take: Callable[..., Answer] = services.form

    def form(self: Any, *sent: object) -> Answer:
        kind = trouble.drawn(UPLOADS, "s3 upload")
        if kind == "timed out after the write":
            take(self, *sent)
        return take(self, *sent) if kind is None else Answer(503, content=b"<Error><Code>SlowDown</Code></Error>")

    services.form = form


def install(trouble: Trouble, transports: Any = InProcessTransport) -> None:
    """Stand before every client of this process from now on, whose requests are then all seen as on the wire."""
    ask: Callable[..., AWSResponse | None] = transports.__call__
    transports.direct = False

    def call(transport: Any, request: AWSPreparedRequest, **more: object) -> AWSResponse | None:
        service = _service(request)
        if service not in THROTTLED or not _in_a_function():
            return ask(transport, request, **more)
        kind = trouble.drawn(KINDS, service)
        match kind:
            case None:
                return ask(transport, request, **more)
            case "throttled":
                return _refused(request, service, 503 if service == "s3" else 400, THROTTLED[service])
            case "failed":
                return _refused(request, service, 500, "InternalError" if service == "s3" else "InternalServerError")
            case "no connection":
                raise EndpointConnectionError(endpoint_url=request.url)
            case _:
                ask(transport, request, **more)
                raise ReadTimeoutError(endpoint_url=request.url)

    transports.__call__ = call


def _service(request: AWSPreparedRequest) -> str:
    stated: Any = request.headers.get("Authorization", "")
    found = _SERVICE.search(stated.decode() if isinstance(stated, bytes) else stated)
    return found[1] if found else ""


def _in_a_function() -> bool:
    return LAMBDA_CONTEXT.get(None) is not None or threading.current_thread().name.startswith(THEIR_THREADS)


def _refused(request: AWSPreparedRequest, service: str, status: int, code: str) -> AWSResponse:
    if service == "s3":
        kind, body = "application/xml", f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>"
    else:
        kind, body = "application/x-amz-json-1.0", json.dumps({"__type": code, "message": "on purpose"})
    headers: Any = {"content-type": kind}
    return AWSResponse(request.url, status, headers, Raw(Answer(status, content=body.encode())))
