"""Which requests an IAM policy allows."""

from typing import Any

import pytest

from local.gateway.policies import InvalidPolicy, allows

ARN = "arn:aws:execute-api:us-east-1:123456789012:api/dev/GET/api/v1/jobs/a"
API = "arn:aws:execute-api:us-east-1:123456789012:api"


def policy(*statements: tuple[str, str | list[str], str | list[str]]) -> dict[str, Any]:
    return {
        "Statement": [
            {"Effect": effect, "Action": action, "Resource": resource} for effect, action, resource in statements
        ]
    }


@pytest.mark.parametrize(
    ("document", "passes"),
    [
        (policy(("Allow", "execute-api:Invoke", ARN)), True),
        (policy(("Allow", "execute-api:Invoke", f"{API}/*")), True),
        (policy(("Allow", "execute-api:Invoke", f"{API}/dev/GET/*")), True),
        (policy(("Allow", "execute-api:Invoke", f"{API}/dev/*/jobs/?")), True),
        (policy(("Allow", ["s3:*", "execute-api:*"], [f"{API}/prod/*", f"{API}/dev/*"])), True),
        (policy(("Allow", "EXECUTE-API:invoke", "*")), True),
        (policy(("Allow", "execute-api:Invoke", f"{API}/dev/PUT/*")), False),
        (policy(("Allow", "execute-api:Invoke", f"{API}/dev/GET/api/v1/jobs")), False),
        (policy(("Allow", "s3:GetObject", "*")), False),
        (policy(("Allow", "*", "*"), ("Deny", "*", f"{API}/dev/GET/*")), False),
        (policy(("Allow", "*", "*"), ("Deny", "*", f"{API}/prod/*")), True),
        (policy(), False),
        ({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, True),
    ],
)
def test_a_request_passes_where_something_allows_it_and_nothing_denies_it(
    document: dict[str, Any],
    passes: bool,  # noqa: FBT001  # a column of the table
) -> None:
    assert allows(document, ARN) is passes


def test_a_resources_dots_are_only_dots() -> None:
    assert not allows(policy(("Allow", "*", ARN.replace("v1", "v."))), ARN)


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"Statement": [{"Effect": "Perhaps", "Action": "*", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}]},
    ],
)
def test_a_malformed_policy_is_an_error(document: Any) -> None:
    with pytest.raises(InvalidPolicy):
        allows(document, ARN)
