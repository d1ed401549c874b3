"""Where a deployment keeps its things: what the functions get as environment, read from the deployed stack."""

import os
from typing import Final

import boto3

NEEDED: Final = (
    "ORGANIZATIONS_TABLE",
    "PROJECTS_TABLE",
    "RUNS_TABLE",
    "DELIVERIES_TABLE",
    "LOGS_BUCKET",
    "EVENT_BUS",
)
LOGICAL_IDS: Final = {
    "OrganizationsTable": "ORGANIZATIONS_TABLE",
    "ProjectsTable": "PROJECTS_TABLE",
    "RunsTable": "RUNS_TABLE",
    "DeliveriesTable": "DELIVERIES_TABLE",
    "IdempotencyTable": "IDEMPOTENCY_TABLE",
    "LogsBucket": "LOGS_BUCKET",
    "EventBus": "EVENT_BUS",
}


def use(stack: str | None) -> None:
    """Put the names of a CloudFormation stack's tables and bus in the environment, unless they are there already.

    Raises:
        LookupError: there is neither a stack to ask nor an environment that names them.
    """
    if all(name in os.environ for name in NEEDED):
        return
    if stack is None:
        raise LookupError(f"name the deployed stack with --stack, or set {', '.join(NEEDED)}")
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            name = LOGICAL_IDS.get(resource["LogicalResourceId"])
            if name is not None:
                # A bus is a physical id by name, as tables and buckets are.
                os.environ[name] = resource["PhysicalResourceId"]
    missing = [name for name in NEEDED if name not in os.environ]
    os.environ.setdefault("SLACK_SECRETS", f"{stack}/slack/")
    if missing:
        raise LookupError(f"stack {stack} is not a Jobs API: it has nothing for {', '.join(missing)}")
