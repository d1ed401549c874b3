"""The policies of deploy/policies, with the stack, account and region of the tests."""

import json
from pathlib import Path
from typing import Any

from local.intrinsics import ACCOUNT, REGION
from tests.permissions.template_grants import Grant

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "policies"
STACK, CLUSTER = "jobs-api", "jobs"
# The size limit of a managed policy, not counting spaces.
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
    """Return what a policy allows, without its conditions."""
    return [
        # There is one key, and a call does not name it.
        Grant(action, "the key" if name == "operate" and ":key/" in resource else resource)
        for statement in document(name)["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def listed(value: str | list[str]) -> list[str]:
    """Return a list; in a policy a single text may replace it."""
    return [value] if isinstance(value, str) else value
