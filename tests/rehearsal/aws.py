"""MiniStack with two things put right; its own interpreter runs this file, which shares nothing with the project.

A batch of messages needs the permission for a single one: MiniStack asks for actions that IAM does not have.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html

Policies may name the partitions that a call is about, of which MiniStack tells them nothing.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import json
from typing import Any

from ministack.app import main  # type: ignore[import-not-found]
from ministack.core import iam_actions  # type: ignore[import-not-found]

_action = iam_actions.extract_iam_action
_context = iam_actions.dynamodb_service_context


def of_one_message(*request: Any) -> Any:
    """Return the IAM action of a request."""
    action = _action(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def with_leading_keys(body: bytes) -> Any:
    """Return what conditions may ask about a call on a table whose partitions are called pk."""
    asked = json.loads(body or b"{}")
    if "KeyConditionExpression" in asked:
        # As PynamoDB writes it: the partition first.
        partition = asked.get("ExpressionAttributeValues", {}).get(":0")
    else:
        partition = {**asked.get("Item", {}), **asked.get("Key", {})}.get("pk")
    return {**_context(body), **({"dynamodb:LeadingKeys": list(partition.values())} if partition else {})}


iam_actions.extract_iam_action = of_one_message
iam_actions.dynamodb_service_context = with_leading_keys
main()
