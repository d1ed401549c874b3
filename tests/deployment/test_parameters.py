"""Parameters for an account's rules: a boundary and a path for every role, a firewall, a single endpoint."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from benchmarks.notifications import mapping_of_the_queue
from local.gateway.definition import definition_of
from local.template import Template, read
from tests.deployment.conftest import with_parameters

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "template.yaml").read_text()
PARAMETERS = yaml_parse(TEMPLATE)["Parameters"]
BOUNDARY = "arn:aws:iam::123456789012:policy/everybody"
ACL = "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/jobs/00000000-0000-0000-0000-000000000000"


def roles(template: Template) -> dict[str, dict[str, Any]]:
    return {role.logical_id: role.properties for role in template.resources("AWS::IAM::Role")}


def test_every_role_is_within_the_given_boundary_those_that_sam_makes_too() -> None:
    template = with_parameters(PermissionsBoundary=BOUNDARY)
    found = roles(template)

    # One for each function, and API Gateway's for its logs.
    assert len(found) == len(list(template.resources("AWS::Lambda::Function"))) + 1
    assert {role["PermissionsBoundary"] for role in found.values()} == {BOUNDARY}


def test_a_given_boundary_leaves_no_policy_of_ours_to_make() -> None:
    assert not list(with_parameters(PermissionsBoundary=BOUNDARY).resources("AWS::IAM::ManagedPolicy"))


def test_without_one_the_functions_have_ours(template: Template) -> None:
    ours = {name for name, role in roles(template).items() if "PermissionsBoundary" in role}

    assert roles(template).keys() - ours == {"ApiGatewayLogsRole"}


def test_every_role_and_policy_has_the_given_path() -> None:
    template = with_parameters(RolePath="/jobs-api/")
    policies = {policy.logical_id: policy.properties for policy in template.resources("AWS::IAM::ManagedPolicy")}

    assert {made["Path"] for made in (roles(template) | policies).values()} == {"/jobs-api/"}


def test_the_path_is_the_root_by_default(template: Template) -> None:
    assert {role["Path"] for role in roles(template).values()} == {"/"}


def test_a_web_acl_protects_the_stage() -> None:
    template = with_parameters(WebAclArn=ACL)
    api = definition_of(template)

    (association,) = template.resources("AWS::WAFv2::WebACLAssociation")
    (stage,) = template.resources("AWS::ApiGateway::Stage")
    assert association.properties == {
        "ResourceArn": f"arn:aws:apigateway:us-east-1::/restapis/{api.api_id}/stages/{stage.name}",
        "WebACLArn": ACL,
    }


def test_without_a_web_acl_there_is_no_association(template: Template) -> None:
    assert not list(template.resources("AWS::WAFv2::WebACLAssociation"))


def test_the_gateways_own_address_can_be_closed() -> None:
    def closed(template: Template) -> bool:
        (api,) = template.resources("AWS::ApiGateway::RestApi")
        (server,) = api.properties["Body"]["servers"]
        return bool(server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"])

    assert not closed(with_parameters())
    assert closed(with_parameters(DisableExecuteApiEndpoint="true", DomainName="jobs.example.com"))


def test_a_refusal_by_the_firewall_has_the_shape_of_other_errors(template: Template) -> None:
    refused = definition_of(template).responses["WAF_FILTERED"]

    assert refused.status == 403
    assert json.loads(refused.template or "").keys() == {"message", "code", "request_id"}


@pytest.mark.parametrize(
    ("parameters", "address"),
    [
        ({}, "https://jobs-api.execute-api.us-east-1.amazonaws.com/dev"),
        ({"DomainName": "jobs.example.com"}, "https://jobs.example.com"),
        (
            {"DomainName": "jobs.internal", "PublicUrl": "https://proxy.example.com/jobs"},
            "https://proxy.example.com/jobs",
        ),
    ],
)
def test_links_begin_with_the_address_that_people_reach(parameters: dict[str, str], address: str) -> None:
    functions = {one.logical_id: one for one in with_parameters(**parameters).functions()}

    assert functions["SendNotificationsFunction"].environment["PUBLIC_URL"] == address
    # A function that the API invokes cannot refer to the API: the references would be circular.
    assert [name for name, one in functions.items() if "PUBLIC_URL" in one.environment] == ["SendNotificationsFunction"]


@pytest.mark.parametrize("url", ["", "https://jobs.example.com", "https://jobs.example.com:8443/a/b"])
def test_a_valid_public_url_is_accepted(url: str) -> None:
    assert re.fullmatch(PARAMETERS["PublicUrl"]["AllowedPattern"], url)


@pytest.mark.parametrize(
    "url", ["http://x.example", "https://x.example/", "https://x|y", "https://x>y", "x.example", "https://"]
)
def test_an_invalid_public_url_is_refused(url: str) -> None:
    assert not re.fullmatch(PARAMETERS["PublicUrl"]["AllowedPattern"], url)


@pytest.mark.parametrize("prefix", ["system", "eks", "aws", "amazon", "iam"])
def test_a_group_that_eks_refuses_in_an_access_entry_is_refused(prefix: str) -> None:
    """EKS: "The kubernetes group name system:masters is invalid, it cannot start with system:"."""
    pattern = PARAMETERS["KubernetesGroup"]["AllowedPattern"]

    assert not re.fullmatch(pattern, f"{prefix}:masters")
    assert re.fullmatch(pattern, f"{prefix}-masters")
    assert re.fullmatch(pattern, f"team:{prefix}:masters")


@pytest.mark.parametrize(
    ("hosts", "allowed"),
    [
        ("", True),
        ("localhost:8443", True),
        ("hooks.internal, ci.internal:8443,10.1.2.3", True),
        ("fd00::1", True),
        ("https://hooks.internal", False),
        ("hooks.internal/path", False),
        ("hooks.internal;ci.internal", False),
        ("hooks.internal,", False),
    ],
)
def test_hosts_that_would_match_no_webhook_are_refused(hosts: str, allowed: bool) -> None:  # noqa: FBT001
    assert bool(re.fullmatch(PARAMETERS["WebhookAllowedHosts"]["AllowedPattern"], hosts)) == allowed


def test_the_longest_values_fit_into_the_environment_of_a_function() -> None:
    """Lambda allows 4 KB for all variables of a function. A stack's name of 64 characters is in many of them."""
    longest = {name: "x" * each["MaxLength"] for name, each in PARAMETERS.items() if "MaxLength" in each}
    named = {"DefaultCluster": "x" * 100, "DeploymentName": "x" * 63}
    template = read(ROOT / "template.yaml", stack_name="x" * 64, parameters=longest | named)

    # CloudFormation adds 13 characters to the names of tables, queues and the bucket; a region's name may be longer.
    added = 300
    for function in template.resources("AWS::Lambda::Function"):
        variables = function.properties["Environment"]["Variables"]
        assert sum(len(name) + len(str(value)) for name, value in variables.items()) + added <= 4096


def test_every_text_that_functions_get_in_their_environment_has_a_limit() -> None:
    used = set(re.findall(r"^        \w+: (?:&\w+ )?(?:!If \[\w+, )?!Ref (\w+)", TEMPLATE, re.MULTILINE))
    texts = {name for name in used & PARAMETERS.keys() if PARAMETERS[name]["Type"] == "String"}

    assert {"DefaultCluster", "DeploymentName", "SlackSecrets", "WebhookAllowedHosts"} <= texts
    assert {
        name for name in texts if not PARAMETERS[name].keys() & {"MaxLength", "AllowedPattern", "AllowedValues"}
    } == set()


def test_how_many_batches_of_notifications_are_sent_at_once_is_a_parameter(template: Template) -> None:
    few = with_parameters(NotificationConcurrency="2")

    assert mapping_of_the_queue(few).properties["ScalingConfig"] == {"MaximumConcurrency": "2"}
    assert mapping_of_the_queue(template).properties["ScalingConfig"] == {"MaximumConcurrency": 5}
