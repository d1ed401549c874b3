"""A first deployment in a new account: the order of creation, and what remains after a failure."""

import json
import re
from typing import Any

import pytest

from benchmarks import versions
from deploy.configuration import values_of
from tests.functions.people import ROOT

SOURCE = versions.source()
VALUES = values_of(SOURCE, [], {})
RESOURCES: dict[str, dict[str, Any]] = versions.transformed(json.dumps(SOURCE), json.dumps(VALUES))["Resources"]
ACCESS_ENTRIES = sorted(name for name, each in RESOURCES.items() if each["Type"] == "AWS::EKS::AccessEntry")
# A setting of the whole region, and the role that it names.
OF_THE_REGION = {"ApiGatewayAccount", "ApiGatewayLogsRole"}
KEPT = {"AuditTable", "OrganizationsTable", "ProjectsTable", "RunsTable", "LogsBucket", "SecretsKey"}


def of_policy(*policies: str) -> set[str]:
    return {
        name
        for name, resource in RESOURCES.items()
        if resource.get("DeletionPolicy") in policies and resource["Type"] != "AWS::Lambda::Version"
    }


def test_a_failed_deployment_leaves_only_what_the_whole_region_uses() -> None:
    """Versions go with their functions."""
    assert of_policy("Retain") == OF_THE_REGION


def test_a_deleted_stack_leaves_what_cannot_be_created_again() -> None:
    kept = of_policy("Retain", "RetainExceptOnCreate")

    layers = {name for name in kept if RESOURCES[name]["Type"] == "AWS::Lambda::LayerVersion"}
    assert kept - layers - OF_THE_REGION == KEPT
    assert len(layers) == 3
    # UpdateReplacePolicy does not accept RetainExceptOnCreate.
    assert {RESOURCES[name]["UpdateReplacePolicy"] for name in kept - layers} == {"Retain"}


def test_a_new_stack_can_import_all_that_a_deleted_stack_leaves() -> None:
    """As docs/operations.md does: CloudFormation imports no resource that refers to one that it would have to make."""
    (names,) = re.findall(r"IN\(([^)]*)\)", (ROOT / "docs/operations.md").read_text())

    assert set(json.loads(f"[{names}]")) == KEPT
    assert set().union(*(referred(RESOURCES[name]) for name in KEPT)) & RESOURCES.keys() <= KEPT


def test_no_concurrency_is_reserved_unless_a_parameter_asks_for_it() -> None:
    """An account that is new has 10 concurrent executions, and Lambda refuses to reserve any of them."""
    assert VALUES["ReserveConcurrency"] == "false"
    assert SOURCE["Conditions"]["ReservesConcurrency"] == {"Fn::Equals": [{"Ref": "ReserveConcurrency"}, "true"]}
    reserving = [each["Properties"].get("ReservedConcurrentExecutions", {"Fn::If": [None]}) for each in functions()]
    assert {reserved["Fn::If"][0] for reserved in reserving} == {"ReservesConcurrency", None}


@pytest.mark.parametrize("name", ACCESS_ENTRIES)
def test_an_access_entry_waits_until_its_role_is_known(name: str) -> None:
    """EKS says of a role that was made a moment ago that it is invalid."""
    entry = RESOURCES[name]
    (alias,) = depends_on(name)

    assert RESOURCES[alias]["Type"] == "AWS::Lambda::Alias"
    function = RESOURCES[alias]["Properties"]["FunctionName"]["Ref"]
    assert RESOURCES[function]["Properties"]["Role"] == entry["Properties"]["PrincipalArn"]


def test_there_is_an_access_entry_for_each_function_with_the_kubernetes_client() -> None:
    assert len(ACCESS_ENTRIES) == sum("KubernetesLayer" in str(each["Properties"]["Layers"]) for each in functions())


def test_the_settings_of_api_gateway_are_changed_after_its_first_resource_exists() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-account.html"""
    made = [RESOURCES[name]["Type"] for name in before("ApiGatewayAccount")]

    assert any(kind.startswith("AWS::ApiGateway::") for kind in made)


def test_a_stage_is_made_when_api_gateway_may_write_its_log() -> None:
    stages = [name for name, each in RESOURCES.items() if each["Type"] == "AWS::ApiGateway::Stage"]

    assert stages
    assert all("ApiGatewayAccount" in before(stage) for stage in stages)


def functions() -> list[dict[str, Any]]:
    return [each for each in RESOURCES.values() if each["Type"] == "AWS::Lambda::Function"]


def depends_on(name: str) -> list[str]:
    named = RESOURCES[name].get("DependsOn", [])
    return [named] if isinstance(named, str) else named


def before(name: str) -> set[str]:
    """Return all that CloudFormation makes before a resource."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        resource = waiting.pop()
        direct = {*depends_on(resource), *referred(RESOURCES[resource].get("Properties", {}))} & RESOURCES.keys()
        waiting += direct - found
        found |= direct
    assert name not in found, f"{name} waits for itself"
    return found


def referred(node: Any) -> set[str]:
    """Return what is referred to by Ref, GetAtt or Sub."""
    if isinstance(node, list):
        return set().union(*map(referred, node))
    if not isinstance(node, dict):
        return set()
    if set(node) == {"Ref"}:
        return {node["Ref"]}
    if set(node) == {"Fn::GetAtt"}:
        return {node["Fn::GetAtt"][0]}
    return set().union(*map(referred, node.values()))


def test_the_transformed_template_stays_below_what_cloudformation_takes() -> None:
    """A stack holds 500 resources, and a template from S3 1 MB, both counted after SAM's transform.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    assert len(RESOURCES) <= 500
    (said,) = re.findall(
        r"^\| CloudFormation, resources .*?\| (\d+) with", (ROOT / "docs/scale.md").read_text(), re.MULTILINE
    )
    assert int(said) - 5 <= len(RESOURCES) <= int(said)
    assert len(json.dumps({"Resources": RESOURCES}).encode()) <= 1_000_000
