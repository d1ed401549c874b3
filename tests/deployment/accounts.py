"""A fake AWS account for the preflight; its calls and answers are checked against AWS's own models."""

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from benchmarks import versions
from deploy.configuration import values_of
from deploy.preflight.checks import run_checks
from deploy.preflight.findings import Finding, Missing, Plan

TEMPLATE = versions.source()
REGION = "us-east-1"
VPC, SUBNETS, GROUP, CLUSTER_GROUP = "vpc-1", ["subnet-0a", "subnet-0b"], "sg-0f", "sg-0c"
PRIVATE = {"SubnetIds": ",".join(SUBNETS), "SecurityGroupIds": GROUP}
CERTIFICATE = f"arn:aws:acm:{REGION}:123456789012:certificate/1"
DOMAIN = {"DomainName": "jobs.example.com", "CertificateArn": CERTIFICATE, "HostedZoneId": "Z1"}
ACL = {"WebAclArn": f"arn:aws:wafv2:{REGION}:123456789012:regional/webacl/jobs/0123"}
TOPIC = {"AlarmTopicArn": f"arn:aws:sns:{REGION}:123456789012:alarms"}
BOUNDARY = {"PermissionsBoundary": "arn:aws:iam::123456789012:policy/everybody"}
ENDPOINT = {"VpcEndpointId": "vpce-1"}

SUBNET = {"VpcId": VPC, "CidrBlock": "10.0.0.0/20"}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
# The answers of an account in which every check passes, with all parameters.
RIGHT: dict[str, Any] = {
    "lambda.get_account_settings": {
        "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    },
    "iam.get_account_summary": {"SummaryMap": {"Roles": 10, "RolesQuota": 1000}},
    "iam.get_policy": {"Policy": {}},
    "iam.get_role": None,
    "kms.list_aliases": {"Aliases": []},
    "events.describe_event_bus": None,
    "eks.describe_cluster": {
        "cluster": {
            "name": "jobs",
            "status": "ACTIVE",
            "version": "1.33",
            "accessConfig": {"authenticationMode": "API"},
            "resourcesVpcConfig": {
                "vpcId": VPC,
                "subnetIds": SUBNETS,
                "clusterSecurityGroupId": CLUSTER_GROUP,
                "endpointPublicAccess": True,
                "endpointPrivateAccess": True,
                "publicAccessCidrs": ["0.0.0.0/0"],
            },
        }
    },
    "ec2.describe_subnets": {
        "Subnets": [
            {**SUBNET, "SubnetId": SUBNETS[0], "AvailabilityZone": "us-east-1a"},
            {**SUBNET, "SubnetId": SUBNETS[1], "AvailabilityZone": "us-east-1b"},
        ]
    },
    "ec2.describe_security_groups": {
        "SecurityGroups": [
            {
                "VpcId": VPC,
                "IpPermissions": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 443,
                        "ToPort": 443,
                        "UserIdGroupPairs": [{"GroupId": GROUP}],
                        "IpRanges": [],
                    }
                ],
            }
        ]
    },
    "ec2.describe_vpc_attribute": {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}},
    "ec2.describe_route_tables": {"RouteTables": [{"Associations": [{"Main": True}], "Routes": [NAT]}]},
    "ec2.describe_vpc_endpoints": {
        "VpcEndpoints": [
            {"ServiceName": f"com.amazonaws.{REGION}.execute-api", "State": "available", "PrivateDnsEnabled": True}
        ]
    },
    "apigateway.get_account": {},
    "apigateway.get_domain_name": None,
    "acm.describe_certificate": {
        "Certificate": {"Status": "ISSUED", "DomainName": "*.example.com", "SubjectAlternativeNames": ["*.example.com"]}
    },
    "route53.get_hosted_zone": {"HostedZone": {"Id": "Z1", "Name": "example.com.", "CallerReference": "x"}},
    "wafv2.get_web_acl": {},
    "sns.get_topic_attributes": {"Attributes": {"SubscriptionsConfirmed": "1"}},
}

OTHERS_ROLE = {"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/teams/logs"}
OUR_ROLE = {"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/jobs-api-ApiGatewayLogsRole-1x"}
A_ROLE = {"Role": {"Path": "/", "RoleName": "x", "RoleId": "x" * 16, "Arn": "a" * 20, "CreateDate": "2026-01-01"}}


class Account:
    """Returns the given answers: None means that the resource does not exist, and an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        """Replace answers, by service and operation, such as `eks__describe_cluster`."""
        self.answers = {**copy.deepcopy(RIGHT), **{name.replace("__", "."): given for name, given in answers.items()}}
        self.asked: set[str] = set()

    def ask(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        model = model_of(service, operation)
        _valid(parameters, model.input_shape)
        self.asked.add(f"{service}.{operation}")
        answer = self.answers[f"{service}.{operation}"]
        if answer is None:
            raise Missing(f"there is no {next(iter(parameters.values()), service)}")
        if isinstance(answer, Exception):
            raise answer
        _valid(answer, model.output_shape)
        return dict(answer)


def denied(service: str, operation: str) -> ClientError:
    """Return AWS's error for a caller without the permission."""
    message = f"not authorized to perform: {service}:{model_of(service, operation).name}"
    return ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, operation)


def findings(
    account: Account | None = None, deployed: Mapping[str, Any] | None = None, /, **given: str
) -> list[Finding]:
    """Return the preflight's findings about an account, for a deployment with these parameters."""
    return list(run_checks(plan(deployed, **given), account or Account()))


def verdicts(
    account: Account | None = None, deployed: Mapping[str, Any] | None = None, /, **given: str
) -> list[tuple[str, str]]:
    """Return the verdict and the subject of each finding, and check that each says what would be right."""
    found = findings(account, deployed, **given)
    assert all(finding.problem and finding.right for finding in found)
    return [(finding.verdict.value, finding.subject) for finding in found]


def stack(status: str, **parameters: str) -> dict[str, Any]:
    """Return a stack as CloudFormation describes it."""
    named = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    return {"StackName": "jobs-api", "StackStatus": status, "Parameters": named}


def plan(deployed: Mapping[str, Any] | None = None, /, **given: str) -> Plan:
    """Return a deployment with these parameters."""
    asked = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    return Plan(TEMPLATE, given, values_of(TEMPLATE, asked, {}), "jobs-api", deployed or {}, REGION)


def answer(name: str, **other: Any) -> Any:
    """Return an answer that passes, with other values for the innermost fields of these names."""
    return _with(copy.deepcopy(RIGHT[name.replace("__", ".")]), other)


def _with(node: Any, other: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_with(each, other) for each in node]
    if not isinstance(node, dict):
        return node
    return {key: other[key] if key in other else _with(value, other) for key, value in node.items()}


@cache
def model_of(service: str, operation: str) -> OperationModel:
    """Return AWS's own description of a call."""
    model = botocore.session.get_session().get_service_model(service)
    (name,) = [each for each in model.operation_names if xform_name(each) == operation]
    return model.operation_model(name)


def _valid(document: Mapping[str, Any], shape: Any) -> None:
    faults = ParamValidator().validate(document, shape) if shape else None
    assert not (faults and faults.has_errors()), faults.generate_report()
