"""MiniStack with three corrections; its own interpreter runs this file, which imports nothing of the project.

A batch of messages needs the permission for a single one: MiniStack asks for actions that IAM does not have.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html

Policies may name the partitions of a call, but MiniStack does not give these to policies.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html

CloudFormation turns a parameter's text into a number if the property is one. MiniStack keeps the text as
MaximumConcurrency, and then invokes no function.
"""

import json
from typing import Any

from ministack.app import main  # type: ignore[import-not-found]
from ministack.core import iam_actions  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

_action = iam_actions.extract_iam_action
_context = iam_actions.dynamodb_service_context
_at_once = lambda_svc._sqs_esm_concurrency


def of_one_message(*request: Any) -> Any:
    """Return the IAM action of a request."""
    action = _action(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def with_leading_keys(body: bytes) -> Any:
    """Return the condition keys of a call on a table whose partition key is pk."""
    asked = json.loads(body or b"{}")
    if "KeyConditionExpression" in asked:
        # PynamoDB writes the condition on the partition key first.
        partition = asked.get("ExpressionAttributeValues", {}).get(":0")
    else:
        partition = {**asked.get("Item", {}), **asked.get("Key", {})}.get("pk")
    return {**_context(body), **({"dynamodb:LeadingKeys": list(partition.values())} if partition else {})}


def with_a_number(esm: dict[str, Any], *more: Any, **named: Any) -> Any:
    """Return MaximumConcurrency as a number."""
    scaling = {name: int(value) for name, value in (esm.get("ScalingConfig") or {}).items()}
    return _at_once({**esm, "ScalingConfig": scaling}, *more, **named)


iam_actions.extract_iam_action = of_one_message
lambda_svc._sqs_esm_concurrency = with_a_number
iam_actions.dynamodb_service_context = with_leading_keys
main()
