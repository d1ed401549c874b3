"""A function that is taken over can do no more than it does: its role, used by somebody else."""

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
