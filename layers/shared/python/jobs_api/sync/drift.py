"""How a CronJob in the cluster differs from the one that was asked for, apart from what an API server adds."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jobs_api.k8s.pod_template import Manifest

# The API server's defaults for fields that a manifest omits, by the field's name. Any other value that is in no
# manifest was written by somebody else.
# https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go, and batch/v1/defaults.go
DEFAULTS: Final[dict[str, tuple[Any, ...]]] = {
    "completionMode": ("NonIndexed",),
    "completions": (1,),
    "dnsPolicy": ("ClusterFirst",),
    "imagePullPolicy": ("Always", "IfNotPresent"),
    "parallelism": (1,),
    "podReplacementPolicy": ("Failed",),
    "schedulerName": ("default-scheduler",),
    "suspend": (False,),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
}
# Maps in which every key is ours: another key is never a default.
OURS_ALONE: Final = frozenset({"annotations", "labels", "limits", "requests"})


def has_drifted(wanted: Manifest, live: Manifest) -> bool:
    """Return whether a CronJob differs from what was asked for; other people's labels and annotations do not count."""
    for part in ("labels", "annotations"):
        there = live["metadata"].get(part) or {}
        # Versions and the hash of the spec are among them, so a changed job is found here, without comparing specs.
        if not wanted["metadata"][part].items() <= there.items():
            return True
    return _differs(wanted["spec"], live.get("spec"))


def _differs(wanted: Any, live: Any) -> bool:
    """Compare what was asked for with what is stored, apart from what an API server adds to it."""
    if wanted == live:
        return False
    if isinstance(wanted, dict) and isinstance(live, dict):
        if any(key in OURS_ALONE or _differs(wanted[key], live.get(key)) for key in _unequal(wanted, live)):
            return True
        return any(_was_added(key, live[key]) for key in live.keys() - wanted.keys())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) != len(live) or any(map(_differs, wanted, live))
    return True


def _unequal(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[str]:
    return (key for key, value in wanted.items() if value != live.get(key))


def _was_added(key: str, value: Any) -> bool:
    # Empty values mean nothing; the API server writes some of them, such as `creationTimestamp: null`.
    return value not in (None, "", {}, []) and value not in DEFAULTS.get(key, ())
