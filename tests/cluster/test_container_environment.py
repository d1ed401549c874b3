"""The environment and command line of a container."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cluster.kubelet.environment import ConfigError, command_line, expand, variables

POD = {
    "metadata": {
        "name": "work-x1x2x",
        "namespace": "org-acme",
        "uid": "u-1",
        "labels": {"jobs-api.dev/job-id": "job_1"},
        "annotations": {"note": "hi"},
    },
    "spec": {"nodeName": "embedded"},
}
HELD = {
    ("secrets", "keys"): {"data": {"token": "czNjcmV0", "raw": "/w=="}},
    ("configmaps", "settings"): {"data": {"level": "high", "token": "not so secret"}},
}


def environment(**container: Any) -> dict[str, str]:
    return variables(POD, container, Path("/venv"), Path("/pod"), lambda resource, name: HELD.get((resource, name)))


def env(name: str, value_from: dict[str, Any]) -> dict[str, str]:
    return environment(env=[{"name": name, "valueFrom": value_from}])


def test_every_container_has_a_path_a_home_and_places_for_temporary_files_and_for_dbt() -> None:
    assert environment() == {
        "DBT_TARGET_PATH": "/pod/target",
        "PATH": "/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/pod/home",
        "TMPDIR": "/pod/tmp",
        "HOSTNAME": "work-x1x2x",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "a"),
        ("x$(A)$(A)y", "xaay"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$$$$(A)", "$$(A)"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("cost: $5", "cost: $5"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expected: str) -> None:
    assert expand(text, {"A": "a"}) == expected


@given(st.text())
def test_any_text_without_a_dollar_stays_as_it_is(text: str) -> None:
    plain = text.replace("$", "")
    assert expand(plain, {"A": "a"}) == plain


def test_a_replaced_value_is_not_expanded_again() -> None:
    assert expand("$(A)", {"A": "$(B)", "B": "b"}) == "$(B)"


def test_a_variable_sees_those_before_it_and_not_those_after() -> None:
    entries = [{"name": "B", "value": "$(A)-$(C)"}, {"name": "A", "value": "a"}, {"name": "C", "value": "$(A)"}]
    found = environment(env=entries)
    assert (found["B"], found["C"]) == ("$(A)-$(C)", "a")


def test_env_wins_over_env_from_and_a_later_source_over_an_earlier() -> None:
    sources = [{"secretRef": {"name": "keys"}}, {"configMapRef": {"name": "settings"}}]
    found = environment(envFrom=sources, env=[{"name": "level", "value": "low"}])
    assert (found["token"], found["level"]) == ("not so secret", "low")


def test_a_source_may_have_a_prefix() -> None:
    assert environment(envFrom=[{"prefix": "CFG_", "configMapRef": {"name": "settings"}}])["CFG_level"] == "high"


def test_a_job_may_replace_the_path() -> None:
    assert environment(env=[{"name": "PATH", "value": "/opt:$(PATH)"}])["PATH"].startswith("/opt:/venv/bin:")


def test_bytes_that_are_no_text_reach_the_process() -> None:
    found = env("RAW", {"secretKeyRef": {"name": "keys", "key": "raw"}})["RAW"]
    assert found.encode(errors="surrogateescape") == b"\xff"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "work-x1x2x"),
        ("metadata.namespace", "org-acme"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['jobs-api.dev/job-id']", "job_1"),
        ("metadata.annotations['note']", "hi"),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "embedded"),
        ("status.podIP", "127.0.0.1"),
    ],
)
def test_fields_of_the_pod(path: str, expected: str) -> None:
    assert env("FIELD", {"fieldRef": {"fieldPath": path}})["FIELD"] == expected


def test_resources_of_the_container() -> None:
    entry = {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}
    assert environment(env=[entry], resources={"limits": {"memory": "1Gi"}})["MEMORY"] == "1Gi"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"secretKeyRef": {"name": "none", "key": "k"}}, 'secret "none" not found'),
        ({"configMapKeyRef": {"name": "none", "key": "k"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "keys", "key": "k"}}, "couldn't find key k in Secret org-acme/keys"),
        ({"configMapKeyRef": {"name": "settings", "key": "k"}}, "couldn't find key k in ConfigMap org-acme/settings"),
        (
            {"fieldRef": {"fieldPath": "spec.hostname"}},
            "failed to resolve fieldPath: unsupported fieldPath: spec.hostname",
        ),
    ],
)
def test_a_missing_reference_is_named_in_kubernetes_words(reference: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as missing:
        env("X", reference)
    assert str(missing.value) == message


@pytest.mark.parametrize("name", ["none", "keys"])
def test_an_optional_reference_may_be_missing(name: str) -> None:
    assert "X" not in env("X", {"secretKeyRef": {"name": name, "key": "k", "optional": True}})
    assert "token" not in environment(envFrom=[{"secretRef": {"name": "none", "optional": True}}])


def test_a_command_line_is_command_and_args_expanded() -> None:
    container = {"command": ["dbt", "$(WHAT)"], "args": ["--vars", "{a: $$(b)}"]}
    assert command_line(container, {"WHAT": "build"}) == ["dbt", "build", "--vars", "{a: $(b)}"]
    assert command_line({}, {}) == []
