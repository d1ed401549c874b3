"""MiniStack with one thing put right; its own interpreter runs this file, which shares nothing with the project.

A batch of messages needs the permission for a single one. MiniStack asks for actions that IAM does not have.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
"""

from typing import Any

from ministack.app import main  # type: ignore[import-not-found]
from ministack.core import iam_actions  # type: ignore[import-not-found]

_action = iam_actions.extract_iam_action


def of_one_message(*request: Any) -> Any:
    """Return the IAM action of a request."""
    action = _action(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


iam_actions.extract_iam_action = of_one_message
main()
