"""A deployment's name in a cluster: the label on its objects, and its RBAC groups."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.k8s import labels
from local.template import read
from tests.deployment.conftest import with_parameters
from tests.functions.people import ROOT

MANIFEST = (ROOT / "deploy/kubernetes/jobs-api.yaml").read_text()
TEMPLATE = (ROOT / "template.yaml").read_text()


def bindings(manifest: str) -> dict[str, tuple[str, list[str]]]:
    """Return each role binding's role and groups, by its name."""
    found: list[Any] = [one for one in yaml.safe_load_all(manifest) if one["kind"] == "RoleBinding"]
    return {
        one["metadata"]["name"]: (one["roleRef"]["name"], [subject["name"] for subject in one["subjects"]])
        for one in found
    }


def test_a_deployment_is_marked_by_its_stack_unless_it_is_named() -> None:
    stack = read(ROOT / "template.yaml", stack_name="data-jobs", cache=ROOT / ".local" / "cache")

    assert stack.environment()["DEPLOYMENT"] == "data-jobs"
    assert with_parameters(DeploymentName="prod").environment()["DEPLOYMENT"] == "prod"


def test_a_group_of_another_name_has_a_reader_group_of_that_name() -> None:
    entries = with_parameters(KubernetesGroup="jobs-api-test").resources("AWS::EKS::AccessEntry")

    groups = [group for entry in entries for group in entry.properties["KubernetesGroups"]]
    assert sorted(groups) == ["jobs-api-test"] * 4 + ["jobs-api-test-reader"] * 6


def test_the_line_in_the_manifest_and_in_the_docs_gives_another_deployment_bindings_of_its_own() -> None:
    line = "sed 's/\\(&[a-z]*\\) jobs-api/\\1 jobs-api-test/' deploy/kubernetes/jobs-api.yaml | kubectl apply -f -"
    assert line in MANIFEST
    assert line in (ROOT / "docs/operations.md").read_text()

    assert bindings(MANIFEST) == {
        "jobs-api": ("jobs-api", ["jobs-api"]),
        "jobs-api-reader": ("jobs-api-reader", ["jobs-api-reader"]),
    }
    assert bindings(re.sub(r"(&[a-z]*) jobs-api", r"\1 jobs-api-test", MANIFEST)) == {
        "jobs-api-test": ("jobs-api", ["jobs-api-test"]),
        "jobs-api-test-reader": ("jobs-api-reader", ["jobs-api-test-reader"]),
    }


@pytest.fixture(scope="module")
def pattern() -> re.Pattern[str]:
    found = re.search(r"DeploymentName:\n.*?AllowedPattern: (\S+)\n", TEMPLATE, re.DOTALL)
    assert found
    return re.compile(found[1])


@given(st.text("aZ09-_.", max_size=70))
def test_a_name_that_the_template_accepts_is_a_valid_label(pattern: re.Pattern[str], name: str) -> None:
    assert (pattern.fullmatch(name) is not None) == (not name or labels.label_value(name) == name)
