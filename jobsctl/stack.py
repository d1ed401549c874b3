"""Reads from a deployed stack the names of its tables and its bus, which the functions get as environment."""

import os
from typing import Any, Final

import boto3

NEEDED: Final = (
    "ORGANIZATIONS_TABLE",
    "PROJECTS_TABLE",
    "RUNS_TABLE",
    "DELIVERIES_TABLE",
    "AUDIT_TABLE",
    "LOGS_BUCKET",
    "PULSE_QUEUE",
)
LOGICAL_IDS: Final = {
    "OrganizationsTable": "ORGANIZATIONS_TABLE",
    "ProjectsTable": "PROJECTS_TABLE",
    "RunsTable": "RUNS_TABLE",
    "DeliveriesTable": "DELIVERIES_TABLE",
    "AuditTable": "AUDIT_TABLE",
    "IdempotencyTable": "IDEMPOTENCY_TABLE",
    "LogsBucket": "LOGS_BUCKET",
    "PulseQueue": "PULSE_QUEUE",
    "UsagePlan": "USAGE_PLAN",
    "SecretsKey": "SECRETS_KEY",
}
SHARED_API_KEY: Final = "SharedApiKey"


def use(stack: str | None) -> None:
    """Put the names of a CloudFormation stack's tables and queue in the environment; without one they must be there.

    Raises:
        LookupError: no stack is named, and the environment does not name them; or the stack is no Jobs API.
    """
    if stack is None:
        if not all(name in os.environ for name in NEEDED):
            raise LookupError(f"name the deployed stack with --stack, or set {', '.join(NEEDED)}")
        return
    if region := os.environ.get("AWS_REGION"):
        # boto3 does not read it; the AWS command line reads it first.
        os.environ["AWS_DEFAULT_REGION"] = region
    for variable in (*LOGICAL_IDS.values(), "SHARED_USAGE_KEY", "SLACK_SECRETS"):
        # A shell may have those of another deployment, such as a laptop's.
        os.environ.pop(variable, None)
    client = boto3.client("cloudformation")
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            name = LOGICAL_IDS.get(resource["LogicalResourceId"])
            if name is not None:
                # A queue's is its URL, those of tables and buckets are their names.
                os.environ[name] = resource["PhysicalResourceId"]
            if resource["LogicalResourceId"] == SHARED_API_KEY:
                os.environ["SHARED_USAGE_KEY"] = _value_of(resource["PhysicalResourceId"])
    missing = [name for name in NEEDED if name not in os.environ]
    (described,) = client.describe_stacks(StackName=stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    os.environ["SLACK_SECRETS"] = outputs.get("SlackSecrets", f"{stack}/slack/")
    if missing:
        raise LookupError(f"stack {stack} is not a Jobs API: it has no resource for {', '.join(missing)}")


def _value_of(api_key: str) -> str:
    client: Any = boto3.client("apigateway")
    return str(client.get_api_key(apiKey=api_key, includeValue=True)["value"])
