"""An attacker with a function's role can only make the function's own calls."""

import json
import sys

import pytest

from tests.rehearsal.conftest import Person
from tests.rehearsal.deployment import STACK, Deployment

pytestmark = pytest.mark.timeout(600)


def test_a_function_that_looks_up_an_organization_can_read_no_token(deployment: Deployment, alice: Person) -> None:
    identity = f"token#{alice.token.split('_')[1]}"

    told = deployment.cloud.run(sys.executable, "-c", _READ_AS, STACK, "ListLiveJobsFunctionRole", identity)

    assert json.loads(told) == {"organizations": "read", identity: "AccessDeniedException"}


def test_the_authorizer_can_read_it_and_write_nothing(deployment: Deployment, alice: Person) -> None:
    identity = f"token#{alice.token.split('_')[1]}"

    told = deployment.cloud.run(
        sys.executable, "-c", _READ_AS, STACK, "AuthorizeRequestFunctionRole", identity, "write"
    )

    assert json.loads(told) == {"organizations": "read", identity: "read", "write": "AccessDeniedException"}


_READ_AS = """
import boto3, json, sys
from botocore.exceptions import ClientError
stack, role, identity, *more = sys.argv[1:]
resources = boto3.client("cloudformation")
def physical(name):
    found = resources.describe_stack_resource(StackName=stack, LogicalResourceId=name)
    return found["StackResourceDetail"]["PhysicalResourceId"]
arn = boto3.client("iam").get_role(RoleName=physical(role))["Role"]["Arn"]
session = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="intruder")["Credentials"]
table = boto3.client("dynamodb", aws_access_key_id=session["AccessKeyId"],
    aws_secret_access_key=session["SecretAccessKey"], aws_session_token=session["SessionToken"])
name, told = physical("OrganizationsTable"), {}
def tried(what, call, **arguments):
    try:
        call(TableName=name, **arguments)
        told[what] = "read"
    except ClientError as error:
        told[what] = error.response["Error"]["Code"]
tried("organizations", table.get_item, Key={"pk": {"S": "organizations"}, "sk": {"S": "org-acme"}})
tried(identity, table.get_item, Key={"pk": {"S": identity}, "sk": {"S": "meta"}})
if more:
    tried("write", table.put_item, Item={"pk": {"S": "token#x"}, "sk": {"S": "meta"}})
print(json.dumps(told))
"""


def test_an_operator_can_do_no_more_than_jobsctl_does(deployment: Deployment, alice: Person) -> None:
    """All of the rehearsal operates with these keys; MiniStack holds each call against the policy."""
    assert alice

    told = deployment.cloud.run(sys.executable, "-c", _OPERATE, STACK, keys=deployment.operator)

    assert json.loads(told) == {
        "organizations": "done",
        "logs": "AccessDenied",
        "functions": "AccessDeniedException",
        "the secrets' key": "AccessDeniedException",
    }


_OPERATE = """
import boto3, json, sys
from botocore.exceptions import ClientError
resources = {
    each["LogicalResourceId"]: each["PhysicalResourceId"]
    for page in boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=sys.argv[1])
    for each in page["StackResourceSummaries"]
}
told = {}
def tried(what, call, **arguments):
    try:
        call(**arguments)
        told[what] = "done"
    except ClientError as error:
        told[what] = error.response["Error"]["Code"]
table = {"TableName": resources["OrganizationsTable"]}
tried("organizations", boto3.client("dynamodb").get_item, Key={"pk": {"S": "x"}, "sk": {"S": "y"}}, **table)
tried("logs", boto3.client("s3").get_object, Bucket=resources["LogsBucket"], Key="logs/x")
tried("functions", boto3.client("lambda").get_function, FunctionName=resources["CreateJobFunction"])
tried("the secrets' key", boto3.client("kms").encrypt, KeyId=resources["SecretsKey"], Plaintext=b"x")
print(json.dumps(told))
"""
