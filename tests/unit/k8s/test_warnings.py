"""The newest warning in Kubernetes' Events about an object that does not make progress."""

from collections.abc import Iterable
from typing import Any

from jobs_api.k8s import warnings
from jobs_api.k8s.containers import Waiting
from jobs_api.k8s.json_fields import Object
from tests.objects import TWO, at, event


def latest(events: Iterable[Object], **wanted: Any) -> Waiting | None:
    return warnings.latest(warnings.read(events), **wanted)


def test_the_newest_warning_is_reported() -> None:
    events = [
        event("FailedCreate", "first", 10),
        event("FailedCreate", "last", 30),
        event("SuccessfulCreate", "Created pod", 40, kind="Normal"),
    ]

    assert latest(events) == Waiting("FailedCreate", "last")
    assert latest(reversed(events)) == Waiting("FailedCreate", "last")
    assert latest(events, reason="BackOff") is None
    assert latest([]) is None


def test_earlier_warnings_are_omitted() -> None:
    assert latest([event("FailedCreate", "x", -1)], since=TWO) is None
    assert latest([event("FailedCreate", "x", 0)], since=TWO)


def test_both_of_kubernetes_forms_are_read() -> None:
    old = event("FailedScheduling", "old", 10)
    new = {
        "metadata": {"name": "x.2", "creationTimestamp": at(5)},
        "type": "Warning",
        "reason": "FailedScheduling",
        "note": "0/3 nodes are available",
        "eventTime": at(5),
        "series": {"count": 3, "lastObservedTime": at(60)},
        "lastTimestamp": None,
    }

    assert latest([old, new]) == Waiting("FailedScheduling", "0/3 nodes are available")
    assert warnings.occurred_at({"metadata": {}}) < TWO
