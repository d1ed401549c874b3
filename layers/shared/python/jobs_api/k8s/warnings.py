"""Reads Kubernetes' warnings about an object. Events in, the newest warning out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs_api.k8s.containers import Waiting
from jobs_api.k8s.json_fields import ZERO_TIME, Object, mapping, members, moment, text


@dataclass(frozen=True)
class Warned:
    """An Event that warns: Kubernetes' reason and message, and when it last occurred."""

    reason: str
    message: str
    occurred_at: datetime


def read(events: Iterable[Object]) -> tuple[Warned, ...]:
    """Read the Events that warn, as the API server lists them, in either of Kubernetes' two forms."""
    return tuple(
        Warned(text(event.get("reason")), text(event.get("message")) or text(event.get("note")), occurred_at(event))
        for event in members(list(events))
        if event.get("type") == "Warning"
    )


def latest(warned: Iterable[Warned], *, reason: str | None = None, since: datetime | None = None) -> Waiting | None:
    """Return the newest warning, with Kubernetes' reason and message; None where there is none.

    Args:
        warned: the warnings about one object.
        reason: only warnings with this reason; None means any.
        since: aware; older warnings are left out.
    """
    wanted = [one for one in warned if reason in {None, one.reason} and (since is None or one.occurred_at >= since)]
    last = max(wanted, key=lambda one: one.occurred_at, default=None)
    return Waiting(last.reason or "Warning", last.message) if last else None


def occurred_at(event: Object) -> datetime:
    """Return when an Event last occurred; Kubernetes counts the repetitions of an Event and does not write it again.

    https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    """
    known = (mapping(event.get("series")).get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    times = (*known, mapping(event.get("metadata")).get("creationTimestamp"))
    return next((at for raw in times if (at := moment(raw))), ZERO_TIME)
