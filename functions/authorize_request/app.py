"""The gateway's authorizer: a bearer token becomes an organization and a role, or 401."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store, tokens
from jobs_api.organizations import Role

logger = Logger()
READS = ("GET", "HEAD", "OPTIONS")


class Unauthorized(Exception):
    """API Gateway answers 401 where the function fails with exactly its name as text, and 500 with any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def lambda_handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Return the policy for a token, which the gateway keeps for all routes for a minute."""
    token = tokens.authenticate(event.get("authorizationToken") or "", store.find_token, datetime.now(UTC))
    if token is None:
        raise Unauthorized
    logger.debug("authorized", organization_id=token.organization_id, token_id=token.id)
    api_and_stage = "/".join(event["methodArn"].split("/")[:2])
    methods = READS if token.role is Role.READER else ("*",)
    return {
        "principalId": token.id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": [f"{api_and_stage}/{method}/*" for method in methods],
                }
            ],
        },
        "context": {"organization_id": token.organization_id, "role": token.role.value, "token_id": token.id},
    }
