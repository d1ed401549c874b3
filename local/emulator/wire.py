"""Connects this process's own botocore clients to the emulator by a function call instead of a socket.

Most calls are answered before botocore signs and sends them: the emulator gets the request's JSON and returns what
botocore would have parsed from the answer. So botocore retries nothing.
"""

import base64
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.loaders import JSONFileLoader

from local.emulator.errors import AwsError
from local.emulator.s3 import Answer
from local.emulator.services import Services

# Credential=<key>/<date>/<region>/<service>/aws4_request
SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
# Services whose JSON answers botocore returns unchanged, except for binary values.
_DIRECT = frozenset({"dynamodb", "sqs", "events"})


class InProcessTransport:
    """Answers the clients of this process whose endpoint is `url`."""

    # Turned off by tests that record requests or inject faults into them.
    direct = True

    def __init__(self, url: str, services: Services) -> None:
        """Answer with `services`."""
        self._url = url
        self._services = services

    def install(self) -> None:
        """Answer every client of the sessions that are created from now on."""
        _share_service_models()
        botocore.handlers.BUILTIN_HANDLERS += [("before-call", self.before_call), ("before-send", self)]

    def remove(self) -> None:
        """Let sessions that are created from now on use the socket."""
        botocore.handlers.BUILTIN_HANDLERS.remove(("before-call", self.before_call))
        botocore.handlers.BUILTIN_HANDLERS.remove(("before-send", self))

    def before_call(self, model: Any, params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]] | None:
        """Return what botocore would parse from the answer, or None to let botocore send the request."""
        service = model.service_model.service_name
        if not self.direct or service not in _DIRECT or not params["url"].startswith(self._url):
            return None
        try:
            parsed, status = self._services.by_operation[service](model.name, json.loads(params["body"] or b"{}")), 200
        except AwsError as error:
            about = {"Code": error.code, "Message": error.message}
            parsed, status = {"Error": about, "message": error.message, **error.more}, error.status
        except sqlite3.Error as error:
            parsed, status = {"Error": {"Code": "InternalServerError", "Message": str(error)}}, 500
        if service == "dynamodb":
            _decode(parsed)
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RequestId": "", "RetryAttempts": 0}
        return SimpleNamespace(status_code=status), parsed

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
        piece = self._file.read(wanted)
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
