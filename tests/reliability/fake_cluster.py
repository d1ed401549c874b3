"""The embedded cluster without threads, sockets or processes: it only works when a test calls it, and is deterministic.

Its API, its storage and its controllers are the embedded cluster's own; only the kubelet is a fake. A command's words
say what it does: `fail` exits with 1, `hang` never ends, `slow` takes three minutes, `seconds_7` seven seconds,
`noimage` cannot be pulled, and all others exit with 0 at once. All end with code 143 at SIGTERM, which a pod's deadline
sends.
"""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from starlette.types import Message

from jobs_api.cluster.client import Cluster
from jobs_api.cluster.connection import Connection
from jobs_api.cluster.lazy_client import Configuration
from local.cluster.api import app
from local.cluster.clock import TestClock, parse_timestamp, timestamp
from local.cluster.controllers import Controllers
from local.cluster.kubelet.status import Container, Verdict, pod_status
from local.cluster.log_options import LogOptions
from local.cluster.rules.admission import Rules
from local.cluster.service_accounts import TokenIssuer
from local.cluster.storage import Object, Storage

TOKEN = "still"
SLOW = timedelta(minutes=3)
DEADLINE = Verdict("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
SECONDS = "seconds_"


@dataclass
class Answer:
    """An answer of the API; `body` is a stream, so that a fault can interrupt it."""

    status: int
    headers: dict[str, str]
    body: io.RawIOBase | io.BytesIO


@dataclass(frozen=True)
class Request:
    """A request to the API."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


type Ask = Callable[[Request], Answer]
type Wrap = Callable[[Request, Ask], Answer]


@dataclass
class FakeCluster:
    """A cluster and its clock; `wrap` intercepts requests to its API, for faults and kills."""

    clock: TestClock
    wrap: Wrap = field(default=lambda request, ask: ask(request))
    cluster: Cluster = field(init=False)
    storage: Storage = field(init=False)
    # Deleted pods too, because their logs are only here.
    started: list[str] = field(default_factory=list)
    # The first and the last thing that a pod's process does; the last one with its exit code.
    begins: Callable[[Object], None] = lambda _: None
    ends: Callable[[Object, int], None] = lambda *_: None

    def __post_init__(self) -> None:
        """Build the parts and the functions' client."""
        self.storage = Storage(self.clock, Rules())
        self._controllers = Controllers(self.storage, self.clock)
        self._queue = self._controllers._queue
        self.storage.listen(self._controllers._changed)
        self._app, _ = app.build(self.storage, self, TOKEN, TokenIssuer())[0], None
        self._loop = asyncio.new_event_loop()
        # Functions call from many threads.
        self._lock = threading.RLock()
        self.credentials = Credentials()
        connection = Connection(Configuration(host="http://still"), self.credentials)
        connection._pool = Pool(self)  # type: ignore[assignment]
        self.cluster = Cluster(connection)

    def close(self) -> None:
        """Close the loop."""
        self._loop.close()

    # -- time

    def run_until_idle(self) -> None:
        """Run controllers and kubelet until only time can bring more work."""
        with self._lock:
            while self._work() or self._play():
                pass

    def advance(self, until: datetime) -> None:
        """Let time pass, stopping at each moment at which something is due."""
        with self._lock:
            self.run_until_idle()
            while (next_at := self._next_at()) and next_at <= until:
                self.clock.set(max(next_at, self.clock.now()))
                self.run_until_idle()
            self.clock.set(until)
            self.run_until_idle()

    def evict(self, pod: Object) -> None:
        """Delete a pod as a drained node does: the Job controller replaces it, and the run continues."""
        with self._lock:
            disrupted = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
            status = {**pod["status"], "conditions": [*pod["status"].get("conditions", []), disrupted]}
            self.storage.replace_status("pods", {**pod, "status": status})
            self.storage.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
            self.run_until_idle()

    def _work(self) -> bool:
        self._queue._collect_due(self.clock.now())
        keys = list(self._queue._ready)
        self._queue._ready.clear()
        for key in keys:
            self._controllers._work_on(key)
        return bool(keys)

    def _next_at(self) -> datetime | None:
        ends = (at for pod in self._running() for at in (self._ends_at(pod), deadline_of(pod)))
        times = [self._queue._collect_due(self.clock.now()), *ends]
        return min((time for time in times if time), default=None)

    # -- the kubelet's part

    def _play(self) -> bool:
        played = False
        for stored in list(self.storage.view("pods")):
            played |= self._play_pod(stored.object)
        return played

    def _play_pod(self, pod: Object) -> bool:
        phase = pod.get("status", {}).get("phase", "Pending")
        if "deletionTimestamp" in pod["metadata"]:
            if phase in {"Pending", "Running"}:
                self._end(pod, 143)
            metadata = pod["metadata"]
            self.storage.delete("pods", metadata["namespace"], metadata["name"], grace_seconds=0)
            # If the Job controller's finalizer is still on the pod, the controller deletes the pod.
            return phase in {"Pending", "Running"}
        if phase in {"Pending", "Running"} and self._is_past_its_deadline(pod):
            self._end(pod, 143, DEADLINE)
            return True
        if phase == "Pending":
            return self._start(pod)
        ends_at = self._ends_at(pod) if phase == "Running" else None
        if ends_at and ends_at <= self.clock.now():
            self._end(pod, 1 if "fail" in words(pod) else 0)
            return True
        return False

    def _start(self, pod: Object) -> bool:
        if "noimage" in words(pod):
            if pod["status"].get("containerStatuses"):
                return False
            self._publish(pod, {"waiting": {"reason": "ErrImagePull", "message": "not found"}})
        else:
            self.started.append(pod["metadata"]["uid"])
            self.begins(pod)
            self._publish(pod, {"running": {"startedAt": timestamp(self.clock.now())}})
        return True

    def _end(self, pod: Object, code: int, verdict: Verdict | None = None) -> None:
        if pod.get("status", {}).get("phase") == "Running":
            self.ends(pod, code)
        self._publish(pod, self._terminated(pod, code), verdict)

    def _is_past_its_deadline(self, pod: Object) -> bool:
        """Return whether a pod's deadline ends it before its command ends by itself."""
        deadline, ends_at = deadline_of(pod), self._ends_at(pod)
        return bool(deadline and deadline <= self.clock.now() and not (ends_at and ends_at <= deadline))

    def _publish(self, pod: Object, state: Object, verdict: Verdict | None = None) -> None:
        containers = [Container(one, state=state) for one in pod["spec"]["containers"]]
        status = pod_status(pod, containers, self.clock.now(), stopping=verdict is not None, verdict=verdict)
        self.storage.replace_status("pods", {**pod, "status": status})

    def _terminated(self, pod: Object, code: int) -> Object:
        now = timestamp(self.clock.now())
        started = self._started_at(pod)
        began = timestamp(started) if started else now
        reason = "Error" if code else "Completed"
        return {"terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": now}}

    def _started_at(self, pod: Object) -> datetime | None:
        statuses = pod.get("status", {}).get("containerStatuses") or [{"state": {}}]
        began = statuses[0]["state"].get("running", {}).get("startedAt")
        return parse_timestamp(began) if began else None

    def _ends_at(self, pod: Object) -> datetime | None:
        began = self._started_at(pod)
        if began is None or "hang" in words(pod):
            return None
        took = [int(word.removeprefix(SECONDS)) for word in words(pod) if word.startswith(SECONDS)]
        return began + (SLOW if "slow" in words(pod) else timedelta(seconds=sum(took)))

    def _running(self) -> list[Object]:
        pods = [stored.object for stored in self.storage.view("pods")]
        return [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]

    async def read_log(self, namespace: str, pod: str, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Yield a container's log, as the API gets it from a kubelet; all its lines were written at its start."""
        del container
        found = self.storage.get("pods", namespace, pod)
        began = self._began(found) if options.timestamps else None
        stamp = f"{began:%Y-%m-%dT%H:%M:%S.000000000Z} " if began else ""
        yield "".join(f"{stamp}{line}" for line in log_of(found).splitlines(keepends=True)).encode()

    def _began(self, pod: Object) -> datetime | None:
        statuses = pod.get("status", {}).get("containerStatuses") or [{"state": {}}]
        began = statuses[0]["state"].get("terminated", {}).get("startedAt")
        return parse_timestamp(began) if began else self._started_at(pod)

    # -- the API

    def ask(self, request: Request) -> Answer:
        """Send a request to the API, through `wrap`."""
        return self.wrap(request, self._answer)

    def _answer(self, request: Request) -> Answer:
        with self._lock:
            return self._loop.run_until_complete(_serve(self._app, request))


class Pool:
    """Replaces urllib3's pool."""

    def __init__(self, cluster: FakeCluster) -> None:
        """Send requests to this cluster."""
        self._cluster = cluster

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        preload_content: bool,
        **_: Any,
    ) -> urllib3.HTTPResponse:
        """Send a request."""
        parts = urlsplit(url)
        answer = self._cluster.ask(Request(method, parts.path, parts.query, body or b"", headers))
        return urllib3.HTTPResponse(
            body=answer.body, headers=answer.headers, status=answer.status, preload_content=preload_content
        )


class Credentials:
    """A token that may have expired, and is valid again after `renew`."""

    def __init__(self) -> None:
        """Begin with a valid token."""
        self.token = TOKEN

    def authorization(self) -> str:
        """Return the header's value."""
        return f"Bearer {self.token}"

    def renew(self) -> None:
        """Get a new one."""
        self.token = TOKEN


def deadline_of(pod: Object) -> datetime | None:
    """Return when the kubelet ends a pod that it has taken."""
    taken, seconds = pod.get("status", {}).get("startTime"), pod["spec"].get("activeDeadlineSeconds")
    return parse_timestamp(taken) + timedelta(seconds=seconds) if taken and seconds else None


def words(pod: Object) -> list[str]:
    """Return the words of a pod's command."""
    command: list[str] = pod["spec"]["containers"][0]["command"]
    return [part for word in command for part in word.split(":")]


def log_of(pod: Object) -> str:
    """Return a pod's log, which is unique."""
    return f"{' '.join(words(pod))}\nthis is {pod['metadata']['name']}\n"


async def _serve(application: Any, request: Request) -> Answer:
    """Run an ASGI application on one request."""
    sent: list[Message] = []
    incoming: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> Message:
        if incoming:
            return incoming.pop(0)
        if not _complete(sent):
            # Code that streams an answer waits for a disconnect; this client never disconnects.
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await application(_scope(request), receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], head, io.BytesIO(b"".join(message.get("body", b"") for message in sent[1:])))


def _complete(sent: list[Message]) -> bool:
    return bool(sent) and sent[-1]["type"] == "http.response.body" and not sent[-1].get("more_body")


def _scope(request: Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        "server": ("still", 80),
        "client": ("127.0.0.1", 1),
        "state": {},
    }
