"""Two transports to one moto: HTTP for other processes, and function calls for clients in this process.

A client of this process whose service speaks JSON makes no HTTP request either: signing one and reading its answer took
a third of a call's time. `items.py` answers the calls for items.
"""

import hmac
import json
import re
import select
import socket
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import botocore.handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.parsers import ResponseParserFactory
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import normalize_request
from werkzeug.exceptions import HTTPException

from local.intrinsics import REGION
from local.loopback import is_loopback
from tests.fast_moto import items

# Credential=<key>/<date>/<region>/<service>/aws4_request
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
# Signature version 4, and the older versions 2 and 3.
_CREDENTIAL = re.compile(r"(?:Credential=|^AWS |AWSAccessKeyId=)([^/:,\s]+)")
_REFUSED = b"Sign with the access key of .local/env: source it, and no web page has it.\n"
# moto's DynamoDB checks a condition and then writes, so without this lock two threads could both pass the check.
_DYNAMODB = threading.RLock()
# Services that take one kind of request: JSON at the path `/`.
_JSON_SERVICES = {"events", "kms", "secretsmanager", "sqs"}
_parsers = ResponseParserFactory()


def _held(*, dynamodb: bool) -> AbstractContextManager[Any]:
    return _DYNAMODB if dynamodb else nullcontext()


class MotoServer:
    """moto's server on a free port of 127.0.0.1; `url` once it is started.

    It answers only requests that name `access_key`. Otherwise every web page could use it: moto does not check
    signatures, accepts any `Host`, and lets pages of any origin read the answers.
    """

    url: str

    def __init__(self, access_key: str) -> None:
        self._access_key = access_key
        self._listener = socket.socket()
        self._thread = threading.Thread(target=self._serve, name="moto", daemon=True)
        self._server: Any = None
        self._stopped = False

    def start(self) -> None:
        """Listen, and answer in a thread of the server."""
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; stored data stay in this process."""
        self._stopped = True
        if self._server:
            self._server.shutdown()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        # Flask is imported at the first connection: often there is none, because this process needs no socket.
        while not select.select([self._listener], [], [], 0.2)[0]:
            if self._stopped:
                return
        self._server = _http_server(self._listener, self._access_key)
        self._server.serve_forever(poll_interval=0.1)
        self._server.server_close()


def _http_server(listener: socket.socket, access_key: str) -> Any:
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    class Handler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing: a line for each call would hide what the functions log."""

    application = DomainDispatcherApplication(create_backend_app)

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        if not may_pass(environ, access_key):
            start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", str(len(_REFUSED)))])
            return [_REFUSED]

        def without_cors(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            return start_response(status, kept, *error)

        with _held(dynamodb=environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_")):
            return application(environ, without_cors)

    host, port = listener.getsockname()
    return make_server(host, port, serve, threaded=True, request_handler=Handler, fd=listener.fileno())


def may_pass(environ: dict[str, Any], access_key: str) -> bool:
    """Return whether a request names the access key and does not come from a web page."""
    if "HTTP_ORIGIN" in environ or not is_loopback(environ.get("HTTP_HOST", "")):
        return False
    return hmac.compare_digest(_stated_key(environ).encode(), access_key.encode())


def _stated_key(environ: dict[str, Any]) -> str:
    """Return the access key that a request names in its header or presigned link."""
    if signed := _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", "")):
        return str(signed[1])
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    stated: str = query.get("X-Amz-Credential", "").partition("/")[0] or query.get("AWSAccessKeyId", "")
    return stated


class InProcessTransport:
    """Answers the clients of this process whose endpoint is the server, without a socket."""

    def __init__(self, url: str) -> None:
        """Answer calls whose address begins with `url`."""
        self._url = url
        self._moto = BotocoreStubber()
        self._handlers: list[Any] = [("before-call", self.call), ("before-send", self)]

    def install(self) -> None:
        """Answer every client of the sessions that are created from now on."""
        botocore.handlers.BUILTIN_HANDLERS.extend(self._handlers)

    def remove(self) -> None:
        """Let sessions that are created from now on use the socket."""
        for handler in self._handlers:
            botocore.handlers.BUILTIN_HANDLERS.remove(handler)

    def call(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: object) -> Any:
        """Answer a call whose arguments botocore has checked and written as JSON: the response, and what it says.

        Return None where the call needs a request that only botocore makes, such as S3's.
        """
        service, region = model.service_model.service_name, context["client_region"]
        if not params["url"].startswith(self._url):
            return None
        headers, body = params["headers"], params["body"]
        answer = None
        if service == "dynamodb":
            with _held(dynamodb=True):
                answer = items.answer(headers["X-Amz-Target"], body, headers, region)
        elif service in _JSON_SERVICES:
            answer = _answer_of_service(service, region, headers, body)
        if answer is None:
            return None
        response = AWSResponse(params["url"], answer[0], answer[1], MockRawResponse(answer[2]))  # type: ignore[arg-type]
        return response, _read_answer(model, answer[0], response.headers, _bytes(answer[2]))

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """Answer a signed request, or return None to let botocore send it."""
        scope = _SCOPE.search(_text(request.headers.get("Authorization", "")))
        if not scope or not request.url.startswith(self._url):
            return None
        region, service = scope.groups()
        with _held(dynamodb=service == "dynamodb"):
            answer = self._of_items(request, region) if service == "dynamodb" else None
            if answer is None:
                mapped = self._mapped(request, region, service)
                answer = _answer_of_s3(mapped) if service == "s3" else self._moto.process_request(mapped)
        if answer is None:
            return None
        status, headers, body = answer
        # The headers may be any mapping, and a dict is the fastest.
        return AWSResponse(request.url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]

    def _of_items(self, request: AWSPreparedRequest, region: str) -> items.Answer | None:
        target = _text(request.headers.get("X-Amz-Target", ""))
        return items.answer(target, request.body, request.headers, region)

    def _mapped(self, request: AWSPreparedRequest, region: str, service: str) -> AWSPreparedRequest:
        """Address a request to the endpoint by which moto knows the service."""
        return AWSPreparedRequest(
            method=request.method,
            url=f"https://{service}.{region}.amazonaws.com{request.url.removeprefix(self._url)}",
            headers=request.headers,
            body=request.body,
            stream_output=request.stream_output,
        )


def _answer_of_service(service: str, region: str, headers: dict[str, str], body: bytes) -> items.Answer:
    """Ask a service of moto's as its HTTP layer would."""
    url = f"https://{service}.{region}.amazonaws.com/"
    request = AWSPreparedRequest("POST", url, HTTPHeaders.from_dict(headers), body, stream_output=False)
    respond = next(respond for pattern, respond in _responders(service, REGION) if pattern.match(url))
    return _answer_of(respond, request)


def _answer_of_s3(request: AWSPreparedRequest) -> items.Answer:
    """Ask moto's S3 as its HTTP layer would, which first tries the addresses of a hundred other services."""
    url = request.url.partition("?")[0]
    respond = next(respond for pattern, respond in _responders("s3", "aws") if pattern.match(url))
    return _answer_of(respond, request)


def _answer_of(respond: Any, request: AWSPreparedRequest) -> items.Answer:
    normalized = normalize_request(request)
    try:
        status, headers, text = respond(normalized, normalized.raw_url, normalized.headers)
    except HTTPException as error:
        return error.code or 500, dict(error.get_headers()), error.get_body()
    return status, headers, text


@cache
def _responders(service: Any, region: str) -> list[tuple[re.Pattern[str], Any]]:
    from moto import backends  # noqa: PLC0415 - it takes long to import

    backend: Any = backends.get_backend(service)[DEFAULT_ACCOUNT_ID]
    return [(re.compile(pattern), respond) for pattern, respond in backend[region].urls.items()]


def _read_answer(model: Any, status: int, headers: Any, body: bytes) -> dict[str, Any]:
    """Return what botocore would read of an answer, with the fields of an error that the service's model knows."""
    parser = _parsers.create_parser("json")
    response = {"status_code": status, "headers": headers, "body": body, "context": {}}
    read: dict[str, Any]
    if status < 300 and model.service_model.service_name == "dynamodb" and not items.BYTES.search(body):
        # botocore returns the values of the answer unchanged, because JSON has types for all of them.
        members = model.output_shape.members
        read = {name: value for name, value in json.loads(body).items() if value is not None and name in members}
        read["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": dict(headers)}
    else:
        read = parser.parse(response, model.output_shape)
    if status >= 300 and (error := model.service_model.shape_for_error_code(read["Error"].get("Code"))):
        read.update(parser.parse(response, error))
    read["ResponseMetadata"]["RetryAttempts"] = 0
    return read


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
