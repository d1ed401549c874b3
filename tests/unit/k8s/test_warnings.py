"""The last word of Kubernetes' Events about an object that does not get on."""

from jobs_api.k8s import warnings
from jobs_api.k8s.pod_status import Waiting
from tests.objects import TWO, at, event


def test_the_newest_warning_is_told() -> None:
    events = [
        event("FailedCreate", "first", 10),
        event("FailedCreate", "last", 30),
        event("SuccessfulCreate", "Created pod", 40, kind="Normal"),
    ]

    assert warnings.latest(events) == Waiting("FailedCreate", "last")
    assert warnings.latest(reversed(events)) == Waiting("FailedCreate", "last")
    assert warnings.latest(events, reason="BackOff") is None
    assert warnings.latest([]) is None


def test_what_was_said_before_is_left_out() -> None:
    assert warnings.latest([event("FailedCreate", "x", -1)], since=TWO) is None
    assert warnings.latest([event("FailedCreate", "x", 0)], since=TWO)


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

    assert warnings.latest([old, new]) == Waiting("FailedScheduling", "0/3 nodes are available")
    assert warnings.said_at({"metadata": {}}) < TWO
