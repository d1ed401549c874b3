"""Connects this process's own botocore clients to the emulator by a function call instead of a socket.

Most calls are answered before botocore makes a request of them: the emulator gets the arguments and returns what
botocore would have parsed from the answer. So botocore checks no argument and retries nothing.
"""

import base64
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.client import BaseClient
from botocore.loaders import JSONFileLoader

from local.emulator.errors import AwsError
from local.emulator.s3_answers import Answer
from local.emulator.services import Services

# Credential=<key>/<date>/<region>/<service>/aws4_request
SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
# Services whose JSON has the names and values of botocore's arguments and answers, except for binary values.
_DIRECT = frozenset({"dynamodb", "sqs"})


class InProcessTransport:
    """Answers the clients of this process whose endpoint is `url`."""

    # Turned off by tests that record requests or inject faults into them.
    direct = True

    def __init__(self, url: str, services: Services) -> None:
        """Answer with `services`."""
        self._url = url
        self._services = services
        self._handlers: list[tuple[str, Any]] = [("creating-client-class", self.shorten), ("before-send", self)]

    def install(self) -> None:
        """Answer every client of the sessions that are created from now on."""
        _share_service_models()
        botocore.handlers.BUILTIN_HANDLERS += self._handlers

    def remove(self) -> None:
        """Let sessions that are created from now on use the socket."""
        for handler in self._handlers:
            botocore.handlers.BUILTIN_HANDLERS.remove(handler)

    def shorten(self, class_attributes: dict[str, Any], **_: object) -> None:
        """Let clients of a class that botocore is about to make call the emulator in place of making a request.

        Nothing of a request is needed here, and botocore takes longer to make it than the emulator to answer it.
        """
        class_attributes["_make_api_call"] = self._called

    @property
    def _called(self) -> Callable[[BaseClient, str, dict[str, Any]], Any]:
        transport = self
        ask: Any = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 - botocore has no hook before it

        def _make_api_call(self: BaseClient, operation_name: str, api_params: dict[str, Any]) -> Any:
            service = self.meta.service_model.service_name
            ours = transport.direct and service in _DIRECT and self.meta.endpoint_url.startswith(transport._url)
            if not ours:
                return ask(self, operation_name, api_params)
            parsed = transport._answer(service, operation_name, api_params)
            if "Error" in parsed:
                error: Any = self.exceptions.from_code(parsed["Error"]["Code"])
                raise error(parsed, operation_name)
            return parsed

        return _make_api_call

    def _answer(self, service: str, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what botocore would parse from the answer."""
        # The caller may change its objects after the call, and the emulator must see them as JSON would carry them.
        request = json.loads(json.dumps(asked, default=_base64))
        try:
            parsed, status = self._services.by_operation[service](operation, request), 200
        except AwsError as error:
            about = {"Code": error.code, "Message": error.message}
            parsed, status = {"Error": about, "message": error.message, **error.more}, error.status
        except sqlite3.Error as error:
            parsed, status = {"Error": {"Code": "InternalServerError", "Message": str(error)}}, 500
        if service == "dynamodb":
            _decode(parsed)
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RequestId": "", "RetryAttempts": 0}
        return parsed

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """Answer a signed request, or return None to let botocore send it."""
        scope = SCOPE.search(_text(request.headers.get("Authorization", "")))
        if not scope or not request.url.startswith(self._url):
            return None
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        url = request.url.removeprefix(self._url)
        answer = self._services.answer(scope[1], request.method, url, headers, _readable(request.body))
        # Headers need a mapping that ignores the case of names.
        return AWSResponse(request.url, answer.status, HeadersDict(answer.headers), Raw(answer))  # type: ignore[arg-type]


class Raw:
    """The object from which botocore reads an answer."""

    def __init__(self, answer: Answer) -> None:
        """Hold the parts of the answer."""
        content = answer.content
        self._file = io.BytesIO(content) if isinstance(content, bytes) else content
        self._left = len(content) if isinstance(content, bytes) else answer.size or 0

    def read(self, amt: int | None = None, **_: object) -> bytes:
        """Return up to so many bytes, or all that are left; the file is closed at its end."""
        wanted = self._left if amt is None or amt < 0 else min(amt, self._left)
        # A client that reads in pieces reads once more after the last piece, as from urllib3.
        piece = self._file.read(wanted) if wanted else b""
        self._left -= len(piece)
        if not self._left:
            self._file.close()
        return piece

    def stream(self, amt: int = 65536, **_: object) -> Iterator[bytes]:
        """Yield the rest in pieces."""
        while self._left:
            yield self.read(amt)

    def close(self) -> None:
        """Stop reading."""
        self._file.close()


def _readable(body: Any) -> Any:
    if hasattr(body, "read"):
        return body
    return io.BytesIO(body.encode() if isinstance(body, str) else body or b"")


def _base64(value: object) -> str:
    """Return a binary value as JSON has it; raises TypeError for anything else, as `json.dumps` does."""
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    raise TypeError(f"{value!r} is no value of a request")


def _decode(found: Any) -> None:
    """Turn binary values from base64 into bytes, in place: `{"B": text}` and `{"BS": [text]}`."""
    for content in found.values() if isinstance(found, dict) else found:
        if not isinstance(content, dict | list):
            continue
        if isinstance(content, dict) and len(content) == 1:
            if isinstance(content.get("B"), str):
                content["B"] = base64.b64decode(content["B"])
                continue
            if isinstance(content.get("BS"), list):
                content["BS"] = [base64.b64decode(each) for each in content["BS"]]
                continue
            if "S" in content or "N" in content:
                continue
        _decode(content)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _share_service_models() -> None:
    """Let botocore parse the description of a service once.

    Otherwise every session parses it again (0.1 s for DynamoDB), and PynamoDB creates a session for each of its models.
    Clients of one session share the parsed description, so clients of several sessions may share it too.
    """
    loader: Any = JSONFileLoader
    if not hasattr(loader.load_file, "cache_info"):
        loader.load_file = staticmethod(cache(loader().load_file))
