"""Lists from the API server, in pages, from its storage or its cache. An answer is never whole in memory.

Where a list may be old, it comes from the API server's cache, which has no pages: it ignores a limit, and a namespace
of 20,000 Jobs is an answer of 160 MB. So an answer is written to a file as it arrives, and read object by object.
https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
"""

import codecs
import json
from collections.abc import Iterator
from contextlib import closing
from itertools import batched, islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from jobs_api.cluster.connection import JSON, Connection, reading
from jobs_api.cluster.errors import Expired
from jobs_api.errors import ClusterUnavailable

type Object = dict[str, Any]

PAGE: Final = 500
# How often one list may start again; each time the list took longer than the cluster kept its history.
RESTARTS: Final = 3
# https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json"

LIST_CHUNK_BYTES: Final = 64 * 1024
# Larger than a page of Jobs; a larger answer is stored on disk.
IN_MEMORY_BYTES: Final = 8 * 1024 * 1024
_DECODER: Final = json.JSONDecoder()


class Lists:
    """The lists of one cluster; threads may share it."""

    def __init__(self, connection: Connection) -> None:
        """Ask over a connection."""
        self._connection = connection

    def pages(
        self, path: str, selector: str, *, cached: bool = False, accept: str = JSON, limit: int | None = None
    ) -> Iterator[list[Object]]:
        """Yield what a label selector matches, in parts of at most 500, each object once.

        Where a list has to start again, objects that were already yielded are left out.

        Args:
            path: of the collection.
            selector: see `labels.selector`.
            cached: from the API server's cache: some seconds old, and perhaps older than an earlier list.
            accept: METADATA for the metadata alone.
            limit: how many objects the server should send at once; by default as many as a page has. With 0, for all,
                a server from 1.31 on reads its cache, and makes sure that it is not old.

        Raises:
            ClusterUnavailable: also where an answer is incomplete.
        """
        given: set[str] = set()
        for attempt in range(RESTARTS + 1):
            try:
                for items in self._answers(path, selector, accept, limit, cached=cached and attempt == 0):
                    fresh = [item for item in items if item["metadata"]["uid"] not in given]
                    given.update(item["metadata"]["uid"] for item in fresh)
                    yield fresh
            except Expired:
                continue
            return
        raise ClusterUnavailable("The cluster keeps its history for less time than a list takes; try again in a while")

    def _answers(
        self, path: str, selector: str, accept: str, limit: int | None, *, cached: bool
    ) -> Iterator[tuple[Object, ...]]:
        query: dict[str, Any] = {"labelSelector": selector, "limit": PAGE if limit is None else limit}
        if cached:
            query["resourceVersion"] = "0"
        while True:
            with SpooledTemporaryFile(IN_MEMORY_BYTES) as body:
                self._write_to_file(path, query, accept, body)
                answer = ListAnswer(body)
                items = iter(answer)
                # An empty list is a page too.
                yield tuple(islice(items, PAGE))
                yield from batched(items, PAGE, strict=False)
            if not answer.token:
                return
            query.pop("resourceVersion", None)  # the token says which
            query["continue"] = answer.token

    def _write_to_file(self, path: str, query: Object, accept: str, body: IO[bytes]) -> None:
        """Write an answer into a file as fast as it comes: an API server closes connections of slow clients."""
        response = self._connection.send("GET", path, query, whole=False, accept=accept)
        with closing(response):
            chunks = response.stream(LIST_CHUNK_BYTES)
            while chunk := reading(lambda: next(chunks, b"")):
                body.write(chunk)
        body.seek(0)


class ListAnswer:
    """A list as the API server writes it, read object by object; afterwards `token` gives the rest."""

    def __init__(self, body: IO[bytes]) -> None:
        """Read from a file, from where it stands."""
        self.token = ""
        self._body = body
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._at = 0

    def __iter__(self) -> Iterator[Object]:
        """Yield the items; raises ClusterUnavailable for anything that is not a list."""
        try:
            yield from self._items()
        except (ValueError, AttributeError, TypeError) as error:
            raise ClusterUnavailable("The cluster did not answer with a list") from error

    def _items(self) -> Iterator[Object]:
        self._expect("{")
        while True:
            name = self._value()
            self._expect(":")
            if name == "items" and self._next() == "[":
                yield from self._array()
            elif name == "metadata":
                self.token = self._value().get("continue") or ""
            else:
                self._value()
            if self._expect(",}") == "}":
                return

    def _array(self) -> Iterator[Object]:
        self._expect("[")
        if self._next() == "]":
            self._expect("]")
            return
        while True:
            yield self._value()
            if self._expect(",]") == "]":
                return

    def _expect(self, wanted: str) -> str:
        found = self._next()
        if not found or found not in wanted:
            raise ValueError(f"{found!r} in place of one of {wanted!r}")
        self._at += 1
        return found

    def _next(self) -> str:
        """Return the next character that is not a space, "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_more():
                return ""

    def _value(self) -> Any:
        """Decode the next value. An incomplete one is tried again with twice as much, so the work grows with its size.

        No value of a list is a number, which would look complete where it is not.
        """
        self._next()
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._read_more():
                    raise
            else:
                return value

    def _read_more(self) -> bool:
        left = self._text[self._at :]
        chunk = self._body.read(max(LIST_CHUNK_BYTES, len(left)))
        self._text, self._at = left + self._decoder.decode(chunk, final=not chunk), 0
        return bool(chunk)
