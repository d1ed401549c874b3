"""Watches: stream every change of some objects until the client disconnects."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from local.cluster.api import query
from local.cluster.api.responses import wants_table
from local.cluster.api.selectors import Matcher
from local.cluster.api.tables import table
from local.cluster.errors import BadRequest, Expired
from local.cluster.kinds import Kind
from local.cluster.storage import Change, Storage, Stored

type _Seen = tuple[str, Stored]

_LONGEST_SECONDS = 1800


class Watches:
    """The open watches, so that a cluster can end them when it stops."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._open: set[asyncio.Queue[Change | None]] = set()

    def open(self) -> asyncio.Queue[Change | None]:
        """Return a queue of the changes from now on; None ends it."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        if not self._open:
            self._stop_listening = self.storage.listen(self._pass_on)
        self._open.add(queue)
        return queue

    def close(self, queue: asyncio.Queue[Change | None]) -> None:
        """Stop sending changes to the queue."""
        self._open.discard(queue)
        if not self._open:
            self._stop_listening()

    def end(self) -> None:
        """End every watch."""
        for queue in self._open:
            queue.put_nowait(None)

    def _pass_on(self, change: Change) -> None:
        for queue in self._open:
            queue.put_nowait(change)


def watch(request: Request, kind: Kind, matches: Matcher | None, watches: Watches) -> Response:
    """Answer with a stream of watch events; raises BadRequest."""
    version = request.query_params.get("resourceVersion") or "0"
    if not (version.isascii() and version.isdigit() and len(version) <= 20):
        shown = version[:100]
        raise BadRequest(f'Invalid value: "{shown}": strconv.ParseUint: parsing "{shown}": invalid syntax')
    seconds = query.whole(request, "timeoutSeconds") or random.randint(_LONGEST_SECONDS, 2 * _LONGEST_SECONDS)  # noqa: S311
    events = _Events(request, kind, matches, watches.storage)
    return StreamingResponse(events.stream(watches, int(version), seconds), media_type="application/json")


class _Events:
    """The events of one watch."""

    def __init__(self, request: Request, kind: Kind, matches: Matcher | None, storage: Storage) -> None:
        self._kind = kind
        self._matches = matches
        self._storage = storage
        self._namespace = request.path_params.get("namespace")
        self._as_table = wants_table(request)
        self._include = request.query_params.get("includeObject", "Metadata")
        self._described = False

    async def stream(self, watches: Watches, version: int, seconds: int) -> AsyncIterator[bytes]:
        # The queue is opened before the history is read, without an await in between, so that no change is lost.
        queue = watches.open()
        try:
            try:
                past = b"".join([self._line(*seen) for seen in self._past_changes(version)])
            except Expired as error:
                yield json.dumps({"type": "ERROR", "object": error.status()}).encode() + b"\n"
                return
            # Sent even if empty, because it sends the headers, for which clients wait.
            yield past
            async for seen in self._future_changes(queue, seconds):
                yield self._line(*seen)
        finally:
            watches.close(queue)

    def _past_changes(self, version: int) -> Iterator[_Seen]:
        if version == 0:
            for stored in self._storage.ordered(self._kind.resource, self._namespace):
                if self._wanted(stored):
                    yield "ADDED", stored
            return
        if version < self._storage.compacted:
            raise Expired(f"too old resource version: {version} ({self._storage.compacted + 1})")
        for change in self._storage.history:
            if change.stored.version > version and (seen := self._seen(change)):
                yield seen

    async def _future_changes(self, queue: "asyncio.Queue[Change | None]", seconds: int) -> AsyncIterator[_Seen]:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            try:
                change = await asyncio.wait_for(queue.get(), until - loop.time())
            except TimeoutError:
                return
            if change is None:
                return
            if seen := self._seen(change):
                yield seen

    def _seen(self, change: Change) -> _Seen | None:
        """Return a change as this watch sees it: DELETED if the object no longer matches, ADDED if it now does."""
        if change.resource != self._kind.resource:
            return None
        now = change.type != "DELETED" and self._wanted(change.stored)
        before = change.previous is not None and self._wanted(change.previous)
        if not now and not before:
            return None
        return ("MODIFIED" if before else "ADDED") if now else "DELETED", change.stored

    def _wanted(self, stored: Stored) -> bool:
        if self._namespace is not None and stored.namespace != self._namespace:
            return False
        return self._matches is None or self._matches(stored)

    def _line(self, event: str, stored: Stored) -> bytes:
        body = self._table(stored) if self._as_table else stored.body
        return b'{"type":"' + event.encode() + b'","object":' + body + b"}\n"

    def _table(self, stored: Stored) -> bytes:
        version = {"resourceVersion": str(stored.version)}
        shown: dict[str, Any] = table(self._kind, [stored.object], self._storage.clock.now(), self._include, version)
        if self._described:
            shown["columnDefinitions"] = None  # sent once, in the first event
        self._described = True
        return json.dumps(shown, separators=(",", ":")).encode()
