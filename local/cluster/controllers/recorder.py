"""Writes Events, so that `kubectl describe` shows what was done and why."""

import hashlib
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from local.cluster.clock import parse_timestamp, timestamp
from local.cluster.errors import ApiError
from local.cluster.storage import Storage

_KEPT = timedelta(hours=1)  # as long as a Kubernetes API server keeps them
_TIME_FIELDS = ("firstTimestamp", "lastTimestamp")


class Note(NamedTuple):
    """The content of an Event about an object; `type` is Normal or Warning."""

    type: str
    reason: str
    message: str


class Recorder:
    """Records notes about objects on behalf of one component, such as job-controller."""

    def __init__(self, storage: Storage, component: str) -> None:
        self._storage = storage
        self._component = component
        # Events of an earlier start expire as well.
        known = (stored for stored in storage.view("events") if stored.object.get("reportingComponent") == component)
        self._written: deque[tuple[datetime, str, str]] = deque(
            sorted((parse_timestamp(one.object["firstTimestamp"]), one.namespace, one.name) for one in known)
        )

    def record(self, about: dict[str, Any], note: Note) -> None:
        """Store the note as an Event, or increase the count of an equal Event."""
        # The namespace may be deleted or being deleted, and its Events with it; or the disk is full.
        with suppress(ApiError):
            self._record(about, note)

    def _record(self, about: dict[str, Any], note: Note) -> None:
        now = self._storage.clock.now()
        self._forget_expired(now)
        namespace, name = about["metadata"]["namespace"], self._name(about, note)
        if known := self._storage.find("events", namespace, name):
            count = known.object["count"] + 1
            again = {**known.object, "count": count, "lastTimestamp": timestamp(now)}
            self._storage.replace("events", again)
            return
        self._storage.create("events", self._event(about, note, name, timestamp(now)))
        self._written.append((now, namespace, name))

    def _event(self, about: dict[str, Any], note: Note, name: str, at: str) -> dict[str, Any]:
        metadata = about["metadata"]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "involvedObject": {
                "kind": about["kind"],
                "apiVersion": about["apiVersion"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": note.type,
            "reason": note.reason,
            "message": note.message,
            "count": 1,
            **dict.fromkeys(_TIME_FIELDS, at),
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": "",
        }

    def _name(self, about: dict[str, Any], note: Note) -> str:
        same = "\n".join((about["metadata"]["uid"], self._component, *note))
        return f"{about['metadata']['name']}.{hashlib.sha256(same.encode()).hexdigest()[:16]}"

    def _forget_expired(self, now: datetime) -> None:
        while self._written and self._written[0][0] < now - _KEPT:
            _, namespace, name = self._written[0]
            if self._storage.find("events", namespace, name):
                self._storage.delete("events", namespace, name)
            self._written.popleft()
