"""Every request is accepted or refused, and never fails with an internal error."""

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.cluster.api.decoding import decode_object
from local.cluster.api.selectors import Matcher, field_matcher, label_matcher
from local.cluster.clock import Clock
from local.cluster.errors import ApiError
from local.cluster.kinds import KINDS
from local.cluster.rules.admission import Rules
from local.cluster.rules.warnings import warnings_of
from local.cluster.storage import Storage
from local.cluster.versions import Stored
from tests.cluster.manifests import cron_job

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def complete_pod() -> dict[str, Any]:
    made = cron_job("nightly", labels={"a": "b"})
    made["metadata"] |= {"annotations": {"a": "b"}, "finalizers": ["a/b"], "ownerReferences": [{"kind": "Job"}]}
    job = made["spec"]["jobTemplate"]["spec"]
    job |= {"podFailurePolicy": {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]}}
    pod = job["template"]["spec"]
    pod |= {
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "s", "secret": {"secretName": "s"}}],
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "securityContext": {"runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
        "nodeSelector": {"a": "b"},
        "imagePullSecrets": [{"name": "x"}],
    }
    pod["containers"][0] |= {
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1"}}},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "envFrom": [{"secretRef": {"name": "s"}}],
        "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False},
    }
    return made


WHOLE = complete_pod()


@given(place=st.sampled_from(places(WHOLE)), value=JSON)
def test_any_value_at_any_place_is_accepted_or_refused(place: tuple[str | int, ...], value: Any) -> None:
    storage = Storage(Clock(), Rules())
    storage.create("namespaces", {"metadata": {"name": "default"}})
    changed: Any = copy.deepcopy(WHOLE)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    code = 201
    try:
        decoded = decode_object(changed, KINDS["cronjobs"], "Warn")
        decoded.object["metadata"]["namespace"] = "default"
        warnings_of(KINDS["cronjobs"], storage.create("cronjobs", decoded.object))
    except ApiError as error:
        code = error.code
    assert code in {201, 400, 422}


@given(st.text(alphabet="ab=!,() in<>\\.notx/", max_size=20))
def test_any_selector_is_read_or_refused(selector: str) -> None:
    codes = [_code(lambda: label_matcher(selector)), _code(lambda: field_matcher(KINDS["pods"], selector))]
    assert set(codes) <= {200, 400}


def _code(read: Callable[[], Matcher | None]) -> int:
    try:
        matches = read()
    except ApiError as error:
        return error.code
    if matches:
        matches(
            Stored({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {}}, 1)
        )
    return 200
