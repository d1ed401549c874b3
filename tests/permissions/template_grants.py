"""The permissions of each function in the template: its role's own policies, within the common boundary."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from local.template import Template
from tests.permissions.needed_actions import Asked


@dataclass(frozen=True)
class Grant:
    """An action on a resource and, for a table, partitions; all may have wildcards."""

    action: str
    resource: str
    leading_keys: tuple[str, ...] = ()

    def covers(self, call: Asked) -> bool:
        """Return whether this grant allows a call."""
        key = call.leading_key
        keys_fit = not self.leading_keys or (key is not None and any(_matches(one, key) for one in self.leading_keys))
        return keys_fit and _matches(self.action, call.action) and _matches(self.resource, call.resource)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def grants(template: Template) -> dict[str, list[Grant]]:
    """Return each function's grants by its folder, without the managed policies for logs and traces."""
    key = _key_arns(template)
    roles = {role.logical_id: role for role in template.resources("AWS::IAM::Role")}
    return {
        function.code.name: [
            grant
            for policy in roles[f"{function.logical_id}Role"].properties.get("Policies", [])
            # Lambda itself uses these with the function's role after a failed event.
            if "EventInvokeConfig" not in policy["PolicyName"]
            for grant in _granted(policy["PolicyDocument"], key)
        ]
        for function in template.functions()
    }


def boundary(template: Template) -> list[Grant]:
    """Return the permissions boundary of all functions."""
    (policy,) = template.resources("AWS::IAM::ManagedPolicy")
    return list(_granted(policy.properties["PolicyDocument"], _key_arns(template)))


def polled(template: Template) -> dict[str, set[Asked]]:
    """Return the permissions with which Lambda polls a function's queue, by the function's folder."""
    folders = {function.name: function.code.name for function in template.functions()}
    return {
        folders[mapping.properties["FunctionName"].partition(":live")[0].rpartition(":")[2]]: {
            Asked(f"sqs:{action}", mapping.properties["EventSourceArn"])
            for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        }
        for mapping in template.resources("AWS::Lambda::EventSourceMapping")
    }


def _granted(document: dict[str, Any], keys: set[str]) -> Iterator[Grant]:
    for statement in _listed(document["Statement"]):
        assert statement["Effect"] == "Allow", statement
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                named = "the key" if resource in keys else resource
                yield Grant(action, named, _leading_keys(statement.get("Condition", {})))


def _leading_keys(condition: dict[str, Any]) -> tuple[str, ...]:
    if not condition:
        return ()
    ((operator, tests),) = condition.items()
    ((name, values),) = tests.items()
    operators = {"ForAllValues:StringEquals", "ForAllValues:StringLike"}
    if operator not in operators or name != "dynamodb:LeadingKeys":
        raise NotImplementedError(f"what does {condition} mean for a call?")
    # No policy uses a wildcard with the first operator.
    return tuple(_listed(values))


def _key_arns(template: Template) -> set[str]:
    return {key.arn for key in template.resources("AWS::KMS::Key")}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str) -> bool:
    # Compared first, because most grants are for another action.
    if "*" not in pattern:
        return pattern == text
    return _regex(pattern).fullmatch(text) is not None


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*"))
