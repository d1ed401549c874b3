"""Quantities that are refused because they cannot be meant, and resources that a project must allow."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.errors import InvalidRequest
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.resources import parse_quantity
from tests.a_project import project

BYTES = ["memory", "ephemeral-storage"]


def faults(resources: Any, in_project: Project | None = None) -> dict[str, str]:
    fields = {"name": "n", "command": "dbt build", "schedule": "@daily", "resources": resources}
    try:
        JobSettings.of(fields, in_project or project())
    except InvalidRequest as invalid:
        return {fault.field.removeprefix("resources."): fault.message for fault in invalid.faults}
    return {}


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("512m", "512Mi"),
        ("1500m", "1500Mi"),
        ("0.1Gi", "103Mi"),
        ("1.5", "1.5Gi"),
        ("0.5", "0.5Gi"),
        ("123456789123m", "118Mi"),
        ("1.0000000001", "1025Mi"),
        (".5", ".5Gi"),
        ("0.001", "4Mi"),
        ("1m", "4Mi"),
        ("1n", "4Mi"),
    ],
)
def test_a_fraction_of_a_byte_is_refused_and_what_was_meant_is_guessed(name: str, text: str, meant: str) -> None:
    told = faults({"limits": {name: text}})

    assert told == {f"limits.{name}": f"{text} is a fraction of a byte; did you mean {meant}?"}
    assert faults({"limits": {name: meant}}) == {}


@given(st.decimals(min_value=0, max_value=10**13, places=4), st.sampled_from(["", "m", "k", "Ki", "Mi", "M", "e3"]))
def test_a_request_is_refused_where_an_api_server_warns_of_it(number: Decimal, suffix: str) -> None:
    text = f"{number:f}{suffix}"
    told = faults({"requests": {"memory": text}})

    # https://github.com/kubernetes/kubernetes/blob/master/pkg/api/pod/warnings.go: MilliValue() % 1000 != 0
    warns = parse_quantity(text) * 1000 % 1000 != 0
    too_much = parse_quantity(text) > 64 * 1024**4
    assert bool(told) == (warns or too_much), told


@pytest.mark.parametrize(
    "resources",
    [
        {"requests": {"cpu": "512m"}, "limits": {"cpu": "0.5123", "memory": "512Mi"}},
        {"limits": {"memory": "1000000k", "ephemeral-storage": "1e9"}},
        {"limits": {"memory": "1.5Gi", "ephemeral-storage": "100Gi"}, "requests": {"memory": "0"}},
        {"limits": {"memory": "4Mi", "cpu": "2000", "ephemeral-storage": "128Ti"}},
        {"requests": {"memory": "1000m"}},
    ],
)
def test_plausible_quantities_are_accepted(resources: dict[str, Any]) -> None:
    assert faults(resources) == {}


@pytest.mark.parametrize(
    ("resources", "advice"),
    [
        ({"ephemeral-storage": "8E"}, "at most 128Ti"),
        ({"ephemeral-storage": "9e400"}, "at most 128Ti"),
        ({"memory": "65Ti"}, "at most 64Ti"),
        ({"cpu": "512Mi"}, "at most 2000"),
        ({"memory": "512"}, "at least 4Mi; did you mean 512Mi?"),
        ({"memory": "2"}, "at least 4Mi; did you mean 2Gi?"),
        ({"memory": "."}, "write 0 if that is meant"),
        ({"cpu": "+"}, "write 0 if that is meant"),
        ({"memory": "1k"}, "at least 4Mi"),
    ],
)
def test_more_than_any_node_has_and_less_than_any_process_needs_are_refused(
    resources: dict[str, str], advice: str
) -> None:
    (message,) = faults({"limits": resources}).values()

    assert advice in message


@pytest.mark.parametrize("text", ["4194303", "1M", "1024Ki"])
def test_no_unit_is_suggested_that_would_be_refused_or_is_present(text: str) -> None:
    assert faults({"limits": {"memory": text}}) == {
        "limits.memory": f"{text} is too little for any container; at least 4Mi"
    }


def test_an_unknown_resource_has_one_error_message() -> None:
    (message,) = faults({"limits": {"Memory": "1Gi"}}).values()

    assert message.endswith("did you mean memory?")


@pytest.mark.parametrize("name", ["nvidia.com/gpu", "smarter-devices/fuse", "example.com/fpga", "hugepages-2Mi"])
def test_other_resources_are_the_project_s_to_allow(name: str) -> None:
    asked = {"requests": {name: "2Mi", "cpu": "1"}, "limits": {name: "2Mi", "cpu": "1"}}
    if "/" in name:
        asked = {"limits": {name: "1"}}

    told = faults(asked)

    assert told[f"limits.{name}"] == (
        f"{name} is not allowed in this project; an operator can add it to the project's allowed_resources"
    )
    assert faults(asked, project(allowed_resources=[name])) == {}
    assert faults(asked, project(allowed_resources=["vendor.example/other"])).keys() == told.keys()


def test_no_node_has_a_thousand_devices() -> None:
    told = faults({"limits": {"nvidia.com/gpu": "1000"}}, project(allowed_resources=["nvidia.com/gpu"]))

    assert told == {"limits.nvidia.com/gpu": "1000 is more than any node has; at most 256"}


@pytest.mark.parametrize("name", ["gpu", "pods", "a b/c", "kubernetes.io/x/y", "NVIDIA.com/gpu"])
def test_a_project_allows_what_kubernetes_knows(name: str) -> None:
    with pytest.raises(ValueError, match="allowed_resources"):
        project(allowed_resources=[name])


def test_all_faults_of_a_jobs_resources_are_reported() -> None:
    told = faults({"limits": {"memory": "512m", "cpu": "lots", "nvidia.com/gpu": "1", "gpu": "1"}})

    assert told.keys() == {"limits.memory", "limits.cpu", "limits.nvidia.com/gpu", "limits.gpu"}
