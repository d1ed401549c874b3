"""A rule of the account's owner on the stack's bus gets events about runs and jobs, from the tables' streams."""

import json
import sys
from typing import Any

import pytest

from tests.rehearsal.conftest import Person
from tests.rehearsal.deployment import STACK, Deployment, eventually

pytestmark = pytest.mark.timeout(600)

MAKE_RULE = """
import boto3, json, sys
stack = boto3.client("cloudformation").describe_stacks(StackName=sys.argv[1])["Stacks"][0]
outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
events, sqs = boto3.client("events"), boto3.client("sqs")
url = sqs.create_queue(QueueName="of-the-account")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
pattern = {"source": ["jobs-api"], "detail-type": ["Run Ended"], "detail": {"run": {"status": ["success"]}}}
bus = outputs["EventBus"]
rule = events.put_rule(Name="of-the-account", EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
statement = {
    "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
}
policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
events.put_targets(Rule="of-the-account", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
print(url)
"""
RECEIVE = """
import boto3, json, sys
answer = boto3.client("sqs").receive_message(QueueUrl=sys.argv[1], MaxNumberOfMessages=10, WaitTimeSeconds=5)
print(json.dumps([json.loads(message["Body"]) for message in answer.get("Messages", [])]))
"""


def test_a_rule_puts_each_run_that_succeeds_on_a_queue(
    deployment: Deployment, erin: Person, erins_project: str
) -> None:
    queue = deployment.cloud.run(sys.executable, "-c", MAKE_RULE, STACK).strip()
    document = {"name": "told", "command": "dbt debug", "schedule": "@yearly"}
    job = erin.call("POST", f"/projects/{erins_project}/jobs", document).json["id"]
    run = erin.call("POST", f"/projects/{erins_project}/jobs/{job}/trigger").json["job_run_id"]
    heard: list[dict[str, Any]] = []

    def told() -> dict[str, Any] | None:
        heard.extend(json.loads(deployment.cloud.run(sys.executable, "-c", RECEIVE, queue)))
        return next((event for event in heard if event["detail"]["run"]["id"] == run), None)

    event = eventually(told)

    assert {event["detail-type"] for event in heard} == {"Run Ended"}
    assert event["detail"]["job"] == {"id": job, "name": "told"}
    assert event["detail"]["run"]["status"] == "success"
    assert event["detail"]["run"]["exit_code"] == 0
