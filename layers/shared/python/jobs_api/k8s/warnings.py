"""What Kubernetes' Events say is wrong with an object that does not get on: facts in, the last word out."""

from collections.abc import Iterable
from datetime import datetime

from jobs_api.k8s.pod_status import ZERO_TIME, Object, Waiting, moment


def latest(events: Iterable[Object], *, reason: str | None = None, since: datetime | None = None) -> Waiting | None:
    """Return the newest warning, with Kubernetes' reason and message; None where there is none.

    Args:
        events: of one object, as the API server lists them, in either of Kubernetes' two forms.
        reason: the only one that is wanted; None is any.
        since: aware; what was last said before that is left out.
    """
    wanted = [
        event
        for event in events
        if event.get("type") == "Warning"
        and reason in {None, event.get("reason")}
        and (since is None or said_at(event) >= since)
    ]
    last = max(wanted, key=said_at, default=None)
    return Waiting(last.get("reason") or "Warning", last.get("message") or last.get("note") or "") if last else None


def said_at(event: Object) -> datetime:
    """Return when an Event was last said; one that repeats is counted, and not written again.

    https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    """
    series = event.get("series") or {}
    known = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    times = (*known, event["metadata"].get("creationTimestamp"))
    return next((at for text in times if (at := moment(text))), ZERO_TIME)
