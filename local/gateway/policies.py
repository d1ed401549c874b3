"""Applies the IAM policy that a Lambda authorizer returned.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any


class InvalidPolicy(ValueError):
    """The authorizer's answer is not a policy that API Gateway would accept."""


def allows(policy: Any, method_arn: str) -> bool:
    """Return whether a policy allows a request: one statement must allow it, and none may deny it.

    Raises:
        InvalidPolicy: a statement lacks a required member, or has a condition, which is not supported here.
    """
    effects = {_effect(statement) for statement in _statements(policy) if _covers(statement, method_arn)}
    return effects == {"Allow"}


def _statements(policy: Any) -> list[Mapping[str, Any]]:
    if not isinstance(policy, Mapping) or "Statement" not in policy:
        raise InvalidPolicy("policyDocument has no Statement")
    statements = policy["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _effect(statement: Mapping[str, Any]) -> str:
    effect = statement.get("Effect")
    if effect not in {"Allow", "Deny"}:
        raise InvalidPolicy("Effect must be Allow or Deny")
    return str(effect)


def _covers(statement: Mapping[str, Any], method_arn: str) -> bool:
    if "Condition" in statement:
        raise InvalidPolicy("a statement with a Condition cannot be judged on a laptop")
    actions, resources = _texts(statement, "Action"), _texts(statement, "Resource")
    return any(_matches(action.lower(), "execute-api:invoke") for action in actions) and any(
        _matches(resource, method_arn) for resource in resources
    )


def _texts(statement: Mapping[str, Any], key: str) -> list[str]:
    value = statement.get(key)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidPolicy(f"{key} must be a string or a list of strings")
    return texts


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Turn IAM's wildcards into a regular expression; `*` matches separators too."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)
