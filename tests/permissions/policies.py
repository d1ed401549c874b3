"""The policies of deploy/policies, filled in for the stack, the account and the region of the tests."""

import json
from pathlib import Path
from typing import Any

from local.intrinsics import ACCOUNT, REGION
from tests.permissions.allowing import Grant

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "policies"
STACK, CLUSTER = "jobs-api", "jobs"
# What a managed policy holds at most, spaces left out.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MOST_CHARACTERS = 6144


def document(name: str) -> dict[str, Any]:
    """Return a policy with its four words replaced, as docs/rights.md does with sed."""
    text = (FOLDER / f"{name}.json").read_text()
    for word, value in (("ACCOUNT", ACCOUNT), ("REGION", REGION), ("STACK", STACK), ("CLUSTER", CLUSTER)):
        text = text.replace(word, value)
    filled: dict[str, Any] = json.loads(text)
    return filled


def granted(name: str) -> list[Grant]:
    """Return what a policy allows; its conditions are left out of account."""
    return [
        # There is one key, and a call does not say in words which.
        Grant(action, "the key" if name == "operate" and ":key/" in resource else resource)
        for statement in document(name)["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def listed(value: str | list[str]) -> list[str]:
    """Return what stands in a policy as one text or as several."""
    return [value] if isinstance(value, str) else value
