"""Injects faults between a function and AWS, cluster and receivers; the same seed gives the same faults.

Faults of the cluster look as after the client's own retry, and faults of AWS as after botocore's retries. `refused`
prevents a write; `timed out` lets it happen and loses the answer.
"""

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError, ProtocolError
from urllib3.exceptions import ReadTimeoutError as ClusterTimeout

from jobs_api.notifications.slack import client as slack
from jobs_api.notifications.webhook import http
from tests.calls_to_aws import Call, intercept_aws
from tests.reliability.fake_cluster import Answer, Ask, FakeCluster, Request

THROTTLED: Final = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "s3": "SlowDown",
    "sqs": "ThrottlingException",
    "events": "ThrottlingException",
    "kms": "ThrottlingException",
}
# Calls that Lambda itself makes to a queue, and repeats.
POLLING: Final = frozenset({"ReceiveMessage", "DeleteMessageBatch"})
LAGGING: Final = "cluster: a cache that lags"
NOWHERE: Final = HTTPConnection("still")


@dataclass
class Faults:
    """All faults of a world, or `only` one kind; `happened` counts faults by kind.

    Threads call in no fixed order, so with a thread pool the faults repeat, but not the calls that they hit.
    """

    seed: int
    cluster: FakeCluster
    monkeypatch: pytest.MonkeyPatch
    share: float = 0.15
    only: str | None = None
    happened: Counter[str] = field(default_factory=Counter)
    _on: bool = False
    # The last answer of each list that may come from the cache, by request.
    _shown: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Intercept calls to AWS and to the cluster."""
        self._random = Random(self.seed)  # noqa: S311 - to be repeated, not to be secret
        self._lock = threading.Lock()
        self.cluster.wrap = self._cluster_call
        intercept_aws(self.monkeypatch, self._aws_call)
        self.monkeypatch.setattr(http, "post", self._receiving(http.post, _RECEIVER))
        self.monkeypatch.setattr(slack, "post", self._receiving(slack.post, _SLACK))

    @contextmanager
    def on(self) -> Iterator[None]:
        """Inject faults during the block."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _drawn(self, kinds: list[str]) -> str | None:
        """Draw a fault; mostly none."""
        with self._lock:
            kinds = [kind for kind in kinds if self.only in {None, kind, kind.partition(": ")[2]}]
            # Calls without a kind do not draw a random number; otherwise how many there are would change all other
            # faults.
            if not self._on or not kinds or self._random.random() > self.share:
                return None
            kind = self._random.choice(kinds)
            self.happened[kind] += 1
            return kind

    # -- the cluster's

    def _cluster_call(self, request: Request, ask: Ask) -> Answer:
        kinds = list(_CLUSTER)
        if request.method in {"PUT", "DELETE"}:
            kinds += ["cluster: 409"] * 2
        if "continue=" in request.query:
            kinds += ["cluster: 410 in the middle of a list"] * 3
        if request.path.endswith("/log"):
            kinds += ["cluster: log cut off", "cluster: log that stops coming"] * 3
        if "resourceVersion=0" in request.query:
            return self._cached_list(request, ask, kinds)
        kind = self._drawn(kinds)
        return ask(request) if kind is None else (_CLUSTER | _CLUSTER_RARE)[kind](request, ask, self.cluster)

    def _cached_list(self, request: Request, ask: Ask, kinds: list[str]) -> Answer:
        """Answer from a cache that may be as old as its last answer."""
        shown = self._shown.get((request.path, request.query))
        kind = self._drawn([*kinds, *([LAGGING] * 3 if shown is not None else [])])
        if kind == LAGGING and shown is not None:
            return Answer(200, {"content-type": "application/json"}, io.BytesIO(shown))
        if kind is not None:
            return (_CLUSTER | _CLUSTER_RARE)[kind](request, ask, self.cluster)
        answer = ask(request)
        if answer.status == 200:
            self._shown[request.path, request.query] = body = answer.body.read() or b""
            return Answer(answer.status, answer.headers, io.BytesIO(body))
        return answer

    # -- AWS's

    def _aws_call(self, call: Call) -> Any:
        service, operation = call.service, call.operation
        if service not in THROTTLED or operation in POLLING:
            return call.make()
        kinds = list(AWS[:-1])
        if operation == "SendMessageBatch" and len(call.arguments["Entries"]) > 1:
            kinds += AWS[-1:] * 4
        drawn = self._drawn([f"{service}: {kind}" for kind in kinds])
        if drawn is None:
            return call.make()
        kind = drawn.removeprefix(f"{service}: ")
        url = call.client.meta.endpoint_url
        match kind:
            case "throttled":
                raise ClientError({"Error": {"Code": THROTTLED[service], "Message": "Slow down"}}, operation)
            case "failed":
                raise ClientError({"Error": {"Code": "InternalServerError", "Message": "We failed"}}, operation)
            case "no connection":
                raise EndpointConnectionError(endpoint_url=url)
            case "took a part":
                left = call.arguments["Entries"].pop()
                return call.make() | {"Failed": [{"Id": left["Id"], "SenderFault": False, "Code": "InternalError"}]}
            case _:
                call.make()
                raise ReadTimeoutError(endpoint_url=url, error=f"{operation} took too long")

    # -- receivers

    def _receiving(self, post: Callable[..., Any], kinds: "Mapping[str, Receive]") -> Callable[..., Any]:
        def receive(*message: Any) -> Any:
            kind = self._drawn(list(kinds))
            return post(*message) if kind is None else kinds[kind](lambda: post(*message))

        return receive


class Cut(io.BytesIO):
    """A body that breaks off in the middle."""

    def __init__(self, content: bytes, error: Exception) -> None:
        """Return half of the content, then raise."""
        super().__init__(content[: len(content) // 2])
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        """Read, or break off."""
        found = super().read(size)
        if not found:
            raise self._error
        return found


def _status(code: int, reason: str, **headers: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": "on purpose", "code": code}
    return Answer(code, {"content-type": "application/json", **headers}, io.BytesIO(json.dumps(body).encode()))


def refused(_: Request, __: Ask, ___: FakeCluster | None = None) -> Answer:
    """Prevent the write."""
    raise NewConnectionError(NOWHERE, "Connection refused")


def timed_out(request: Request, ask: Ask, _: FakeCluster | None = None) -> Answer:
    """Let the write happen, and lose its answer."""
    ask(request)
    raise ClusterTimeout(NOWHERE, request.path, "Read timed out")  # type: ignore[arg-type]  # wants a pool; any will do


def _expired_token(request: Request, ask: Ask, cluster: FakeCluster) -> Answer:
    answer = ask(Request(request.method, request.path, request.query, request.body, {"authorization": "Bearer old"}))
    cluster.credentials.token = "old"
    return answer


def _cut(error: Exception) -> "Fault":
    def fault(request: Request, ask: Ask, _: FakeCluster) -> Answer:
        answer = ask(request)
        return Answer(answer.status, answer.headers, Cut(answer.body.read() or b"", error))

    return fault


def _answers(code: int, reason: str, **headers: str) -> "Fault":
    return lambda *_: _status(code, reason, **headers)


def _lost_answer(error: Exception) -> "Receive":
    def receive(post: Callable[[], Any]) -> Any:
        post()
        raise error

    return receive


def _raises(error: Exception) -> "Receive":
    def receive(_: Callable[[], Any]) -> Any:
        raise error

    return receive


type Receive = Callable[[Callable[[], Any]], Any]
type Fault = Callable[[Request, Ask, FakeCluster], Answer]

_CLUSTER: Final[dict[str, Fault]] = {
    "cluster: connection refused": refused,
    "cluster: timed out after the write": timed_out,
    "cluster: 429 with Retry-After": _answers(429, "TooManyRequests", **{"retry-after": "1"}),
    "cluster: 500": _answers(500, "InternalError"),
    "cluster: 503": _answers(503, "ServiceUnavailable"),
    "cluster: token expired": _expired_token,
}
_RECEIVER: Final[dict[str, Receive]] = {
    "receiver: unreachable": _raises(http.Unreachable("nobody listens there")),
    "receiver: 500": lambda _: http.Answer(500, "sorry"),
    "receiver: 429 with Retry-After": lambda _: http.Answer(429, "later", timedelta(seconds=90)),
    "receiver: took it, and its answer was lost": _lost_answer(http.Unreachable("no answer in time")),
}
_SLACK: Final[dict[str, Receive]] = {
    "Slack: 429 with Retry-After": _raises(
        slack.SlackFailed("Slack says ratelimited", permanent=False, status=429, retry_after=timedelta(seconds=90))
    ),
    "Slack: took it, and its answer was lost": _lost_answer(slack.SlackFailed("no answer", permanent=False)),
}
_CLUSTER_RARE: Final[dict[str, Fault]] = {
    "cluster: 409": _answers(409, "Conflict"),
    "cluster: 410 in the middle of a list": _answers(410, "Expired"),
    "cluster: log cut off": _cut(ProtocolError("Connection broken")),
    "cluster: log that stops coming": _cut(ClusterTimeout(NOWHERE, "/log", "Read timed out")),  # type: ignore[arg-type]
}
AWS: Final = ("throttled", "failed", "no connection", "timed out after the write", "took a part")
# Calls of all of AWS's services together.
KINDS: Final = (*_CLUSTER, *_CLUSTER_RARE, LAGGING, *_RECEIVER, *_SLACK, *AWS)
