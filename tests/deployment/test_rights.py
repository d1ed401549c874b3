"""A deployer needs exactly what deploy/policies/deploy.json and deploy-access.json allow."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local.template import Template
from tests.deployment.conftest import with_parameters
from tests.deployment.deployer_permissions import LOOKS, NEEDED, SAM, Need
from tests.functions.people import ROOT
from tests.permissions import policies
from tests.permissions.needed_actions import Asked
from tests.permissions.policies import STACK

DEPLOYING = ("deploy", "deploy-access")
EVERYTHING = {
    "DomainName": "jobs.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/an-id",
    "HostedZoneId": "Z1",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/jobs/an-id",
}


@pytest.fixture(scope="module")
def whole() -> Template:
    """The stack with all that parameters may add."""
    return with_parameters(**EVERYTHING)


def asked(needs: list[Need], logical_id: str = "") -> Iterator[Asked]:
    for need in needs:
        for action in need.actions.split():
            yield Asked(f"{need.service}:{action}", need.arn(logical_id))


def asked_for(template: Template) -> set[Asked]:
    """Return all that a deployment of a template asks AWS for."""
    made = {call for logical_id, kind in template.kinds().items() for call in asked(NEEDED[kind], logical_id)}
    return made | set(asked(SAM)) | set(asked(LOOKS))


def test_every_type_of_resource_is_known(whole: Template) -> None:
    assert set(NEEDED) == set(whole.kinds().values())


def test_the_policies_for_deployment_allow_all_calls_that_it_needs(whole: Template) -> None:
    grants = [grant for name in DEPLOYING for grant in policies.granted(name)]
    forbidden = {
        f"{call.action} on {call.resource}" for call in asked_for(whole) if not any(g.covers(call) for g in grants)
    }

    assert not forbidden


@pytest.mark.parametrize("name", DEPLOYING)
def test_the_policies_for_deployment_allow_nothing_that_no_resource_needs(whole: Template, name: str) -> None:
    calls = asked_for(whole)
    needed = {call.action for call in calls}
    actions = {grant.action for grant in policies.granted(name)}

    assert {action for action in actions if not any(_is(action, one) for one in needed)} == set()


@pytest.mark.parametrize("name", [*DEPLOYING, "operate"])
def test_a_policy_is_one_that_iam_takes(name: str) -> None:
    document = policies.document(name)

    assert document["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(sids) == len(set(sids))
    assert len(json.dumps(document, separators=(",", ":"))) < policies.MOST_CHARACTERS


@pytest.mark.parametrize("name", [*DEPLOYING, "operate"])
def test_no_action_is_a_whole_service(name: str) -> None:
    assert not [grant.action for grant in policies.granted(name) if grant.action.endswith(":*") or grant.action == "*"]


def test_an_operator_can_change_no_code_no_role_and_no_key() -> None:
    grants = policies.granted("operate")
    services = {grant.action.partition(":")[0] for grant in grants}

    assert services == {"apigateway", "cloudformation", "dynamodb", "kms", "s3", "secretsmanager", "sqs"}
    assert {grant.action for grant in grants if grant.action.startswith("kms:")} == {"kms:Encrypt"}
    assert not [grant for grant in policies.granted("operate") if grant.resource == "*"]


def test_roles_are_passed_to_two_services_and_get_known_policies_alone() -> None:
    statements = {statement["Sid"]: statement for statement in policies.document("deploy-access")["Statement"]}
    attached = {
        policy
        for role in with_parameters().resources("AWS::IAM::Role")
        for policy in role.properties["ManagedPolicyArns"]
    }

    assert set(statements["ManagedPolicies"]["Condition"]["ArnEquals"]["iam:PolicyARN"]) >= attached
    passed = statements["PassRoles"]["Condition"]["StringEquals"]["iam:PassedToService"]
    assert set(passed) == {"lambda.amazonaws.com", "apigateway.amazonaws.com"}


def _is(pattern: str, action: str) -> bool:
    return action.startswith(pattern.removesuffix("*")) if pattern.endswith("*") else action == pattern


def _statements(name: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in policies.document(name)["Statement"]}


def _explained(title: str) -> set[str]:
    page = (ROOT / "docs/rights.md").read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", page, flags=re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}


def test_the_page_says_what_each_statement_of_an_operator_is_for() -> None:
    assert _explained("To operate") == set(_statements("operate"))


def test_the_page_says_why_a_statement_is_for_more_than_this_stack() -> None:
    wide = {
        sid
        for name in DEPLOYING
        for sid, statement in _statements(name).items()
        for resource in policies.listed(statement["Resource"])
        if STACK not in resource and "aws-sam-cli-managed-default" not in resource and ":layer:" not in resource
    }

    # The transform is AWS's own, and the change of a record has an id.
    assert wide - {"Stack", "DomainChanges"} == _explained("To deploy")
