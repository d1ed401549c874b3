"""The gateway's authorizer: finds a bearer token's organization, role and API key to count by, or answers 401."""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store
from jobs_api.auth import tokens, usage_key
from jobs_api.errors import NotFound
from jobs_api.model.document import rfc3339
from jobs_api.model.organization import Role, Token

logger = Logger()
READS = ("GET", "HEAD", "OPTIONS")
# A token's description has no greatest length, and is passed to a function with each request, so it is cut here.
LONGEST_NAME = 255


class Unauthorized(Exception):
    """API Gateway answers 401 if the function fails with exactly this name as its text, and 500 with any other text."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def lambda_handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Return the policy for a token; the gateway caches it for all routes for a minute."""
    now = datetime.now(UTC)
    token = tokens.authenticate(event.get("authorizationToken") or "", store.find_token, now)
    if token is None:
        raise Unauthorized
    try:
        organization = store.recent_organization(token.organization_id)
    except NotFound as error:
        raise Unauthorized from error
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
        # Requests with the same key share a token bucket; without a key the gateway refuses every request.
        "usageIdentifierKey": usage_key.key_that_counts(organization, os.environ["SHARED_USAGE_KEY"], now),
        "context": _context(token),
    }


def _context(token: Token) -> dict[str, str]:
    """Return what functions learn of the caller; `token_name` is the token's description, absent without one."""
    known = {"organization_id": token.organization_id, "role": token.role.value, "token_id": token.id}
    named = {"token_name": token.description[:LONGEST_NAME]} if token.description else {}
    return known | named | ({"expires_at": rfc3339(token.expires_at)} if token.expires_at else {})
