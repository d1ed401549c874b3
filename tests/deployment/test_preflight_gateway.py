"""The findings of `make preflight` about API Gateway, its firewall and its domain."""

from typing import Any

import pytest

from tests.deployment.accounts import (
    A_ROLE,
    ACL,
    DOMAIN,
    ENDPOINT,
    OTHERS_ROLE,
    OUR_ROLE,
    TOPIC,
    Account,
    answer,
    findings,
    stack,
    verdicts,
)


def test_replacing_the_account_role_of_another_program_is_reported() -> None:
    account = Account(apigateway__get_account=OTHERS_ROLE, iam__get_role=A_ROLE)

    assert verdicts(account) == [("look at", "ManageApiGatewayAccount")]
    assert verdicts(account, ManageApiGatewayAccount="false") == []


def test_an_account_role_of_this_deployment_has_no_findings() -> None:
    assert verdicts(Account(apigateway__get_account=OUR_ROLE, iam__get_role=A_ROLE)) == []


@pytest.mark.parametrize("account", [{}, OTHERS_ROLE], ids=["no role", "a role that is gone"])
def test_nobody_may_write_the_access_log(account: dict[str, str]) -> None:
    there = Account(apigateway__get_account=account)

    assert verdicts(there, ManageApiGatewayAccount="false") == [("fails", "ManageApiGatewayAccount")]
    assert verdicts(there) == []


@pytest.mark.parametrize(
    ("answers", "subject"),
    [
        ({"apigateway__get_domain_name": {"domainName": "jobs.example.com"}}, "DomainName"),
        ({"acm__describe_certificate": None}, "CertificateArn"),
        (
            {"acm__describe_certificate": answer("acm__describe_certificate", Status="PENDING_VALIDATION")},
            "CertificateArn",
        ),
        (
            {
                "acm__describe_certificate": answer(
                    "acm__describe_certificate", DomainName="example.com", SubjectAlternativeNames=["example.com"]
                )
            },
            "CertificateArn",
        ),
        ({"route53__get_hosted_zone": None}, "HostedZoneId"),
        ({"route53__get_hosted_zone": answer("route53__get_hosted_zone", Name="ample.com.")}, "HostedZoneId"),
    ],
)
def test_a_domain_that_cannot_be_made(answers: dict[str, Any], subject: str) -> None:
    assert verdicts(Account(**answers), **DOMAIN) == [("fails", subject)]


def test_the_domain_of_this_deployment_has_no_findings() -> None:
    there = Account(apigateway__get_domain_name={"domainName": "jobs.example.com"})

    assert verdicts(there, stack("UPDATE_COMPLETE"), **DOMAIN) == []


def test_a_certificate_of_another_region() -> None:
    far = {**DOMAIN, "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1"}

    (finding,) = findings(**far)

    assert (finding.subject, finding.problem) == ("CertificateArn", "it is in eu-west-1")


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (None, "fails"),
        (answer("ec2__describe_vpc_endpoints", ServiceName="com.amazonaws.us-east-1.s3"), "fails"),
        (answer("ec2__describe_vpc_endpoints", PrivateDnsEnabled=False), "does not work"),
    ],
)
def test_a_private_apis_endpoint(answers: Any, verdict: str) -> None:
    assert verdicts(Account(ec2__describe_vpc_endpoints=answers), **ENDPOINT) == [(verdict, "VpcEndpointId")]


def test_a_missing_or_global_web_acl_is_reported() -> None:
    assert verdicts(Account(wafv2__get_web_acl=None), **ACL) == [("fails", "WebAclArn")]
    of_cloudfront = ACL["WebAclArn"].replace("regional", "global")
    assert verdicts(WebAclArn=of_cloudfront) == [("fails", "WebAclArn")]


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (None, "does not work"),
        ({"Attributes": {"SubscriptionsConfirmed": "1", "KmsMasterKeyId": "alias/aws/sns"}}, "does not work"),
        ({"Attributes": {"SubscriptionsConfirmed": "0"}}, "look at"),
    ],
)
def test_a_topic_without_subscribers_is_a_finding(answers: Any, verdict: str) -> None:
    assert verdicts(Account(sns__get_topic_attributes=answers), **TOPIC) == [(verdict, "AlarmTopicArn")]


def test_a_topic_of_another_region() -> None:
    assert verdicts(AlarmTopicArn="arn:aws:sns:eu-west-1:123456789012:alarms") == [("does not work", "AlarmTopicArn")]
