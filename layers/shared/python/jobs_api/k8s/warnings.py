"""Reads Kubernetes' warnings about an object. Events in, the newest warning out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs_api.k8s.containers import Waiting
from jobs_api.k8s.json_fields import ZERO_TIME, Object, mapping, members, moment, text

# A kubelet's reasons where an image cannot be pulled or a container cannot be made.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/kubelet/events/event.go
START_FAILURES: Final = frozenset({"ErrImageNeverPull", "Failed", "InspectFailed"})


@dataclass(frozen=True)
class Warned:
    """An Event that warns: Kubernetes' reason and message, and when it last occurred and when first."""

    reason: str
    message: str
    occurred_at: datetime
    began_at: datetime


def read(events: Iterable[Object]) -> tuple[Warned, ...]:
    """Read the Events that warn, as the API server lists them, in either of Kubernetes' two forms."""
    return tuple(
        Warned(
            text(event.get("reason")),
            text(event.get("message")) or text(event.get("note")),
            occurred_at(event),
            began_at(event),
        )
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


def first_failure(warned: Iterable[Warned]) -> datetime | None:
    """Return since when a kubelet has failed to start a container of a Pod; None where no Event says so."""
    return min((one.began_at for one in warned if one.reason in START_FAILURES), default=None)


def occurred_at(event: Object) -> datetime:
    """Return when an Event last occurred; Kubernetes counts the repetitions of an Event and does not write it again.

    https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    """
    known = (mapping(event.get("series")).get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return _first_of(*known, mapping(event.get("metadata")).get("creationTimestamp"))


def began_at(event: Object) -> datetime:
    """Return when an Event first occurred."""
    made_at = mapping(event.get("metadata")).get("creationTimestamp")
    return _first_of(event.get("firstTimestamp"), event.get("eventTime"), made_at)


def _first_of(*times: object) -> datetime:
    return next((at for raw in times if (at := moment(raw))), ZERO_TIME)
