"""Stored data is encrypted with the keys that docs/data-model.md names, and can only be reached over TLS."""

from typing import Any

import pytest

from local.template import Template

# Types of resources that answer over HTTP too and have resource policies, with the property that names the resource of
# a policy.
POLICIES = {
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues", "sqs:*"),
    "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket", "s3:*"),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics", "sns:*"),
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def denials(template: Template, kind: str) -> dict[str, list[str]]:
    """Return, by what a policy is attached to, the resources to which it denies every call without TLS."""
    policy_kind, attached_to, every_call = POLICIES[kind]
    found: dict[str, list[str]] = {}
    for policy in template.resources(policy_kind):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                assert (statement["Principal"], statement["Action"]) == ("*", every_call)
                for target in listed(policy.properties[attached_to]):
                    found.setdefault(target.rpartition("/")[2], []).extend(listed(statement["Resource"]))
    return found


@pytest.mark.parametrize("kind", POLICIES)
def test_requests_without_tls_are_denied(template: Template, kind: str) -> None:
    denied = denials(template, kind)

    for resource in template.resources(kind):
        assert resource.arn in denied.get(resource.name, []), f"{resource.logical_id} takes calls in clear text"


def test_these_rules_are_checked_for_four_queues_and_a_bucket(template: Template) -> None:
    counts = {kind: len(list(template.resources(kind))) for kind in POLICIES}

    assert counts == {"AWS::SQS::Queue": 4, "AWS::S3::Bucket": 1, "AWS::SNS::Topic": 0}


def test_a_queue_has_one_policy_since_sqs_keeps_one(template: Template) -> None:
    queues = [queue for policy in template.resources("AWS::SQS::QueuePolicy") for queue in policy.properties["Queues"]]

    assert len(queues) == len(set(queues))


def test_queues_and_the_bucket_are_encrypted(template: Template) -> None:
    assert all(queue.properties["SqsManagedSseEnabled"] for queue in template.resources("AWS::SQS::Queue"))
    assert all("BucketEncryption" in bucket.properties for bucket in template.resources("AWS::S3::Bucket"))


def test_tables_use_a_key_that_aws_owns_and_charges_nothing_for(template: Template) -> None:
    # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSESpecification.html
    tables = list(template.resources("AWS::DynamoDB::Table"))

    assert len(tables) == 6
    assert all(table.properties["SSESpecification"] == {"SSEEnabled": False} for table in tables)
