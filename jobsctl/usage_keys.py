"""API keys, one for each organization: API Gateway counts an organization's requests by its key, apart from others'.

The usage plan is the stack's; keys come and go with organizations, and so are not in its template.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from jobs_api import store
from jobs_api.auth.usage_key import own_key
from jobs_api.model.organization import Organization, UsageKey

# Until then the gateway may know nothing of a key, and would answer 403 to whoever is counted by it.
SETTLING = timedelta(minutes=5)


def are_used() -> bool:
    """Tell whether the deployment counts requests by organization, which one of an older template does not."""
    return "USAGE_PLAN" in os.environ


def give(organization_id: str, settling: timedelta = SETTLING) -> Organization:
    """Have an organization's requests counted by a key of its own, once that has settled. Again it changes nothing.

    A key that somebody removed is made anew, and until it has settled the organization is counted with others.

    Raises:
        NotFound: there is no such organization.
        ClientError: API Gateway refuses, where the account has all the keys it may have (10,000).
    """
    organization = store.get_organization(organization_id)
    value = own_key(organization_id, os.environ["SHARED_USAGE_KEY"])
    client: Any = boto3.client("apigateway")
    plan = os.environ["USAGE_PLAN"]
    found = _find(client, organization_id, value)
    key = found or client.create_api_key(
        name=_name(organization_id), description="Counts an organization's requests", value=value, enabled=True
    )
    _add(client, plan, key["id"])
    if found and organization.usage_key is not None and organization.usage_key.value == value:
        return organization
    store.record_usage_key(organization_id, UsageKey(value=value, known_from=datetime.now(UTC) + settling))
    return store.get_organization(organization_id)


def take(organization_id: str) -> None:
    """Remove the key of an organization that goes; where there is none, nothing happens."""
    if not are_used():
        return
    client: Any = boto3.client("apigateway")
    key = _find(client, organization_id, own_key(organization_id, os.environ["SHARED_USAGE_KEY"]))
    if key is not None:
        client.delete_api_key(apiKey=key["id"])


def _add(client: Any, plan: str, key_id: str) -> None:
    try:
        client.create_usage_plan_key(usagePlanId=plan, keyId=key_id, keyType="API_KEY")
    except client.exceptions.ConflictException:
        # It is in the plan from an earlier try.
        return


def _find(client: Any, organization_id: str, value: str) -> Any:
    """Return the key that an earlier try made."""
    pages = client.get_paginator("get_api_keys").paginate(nameQuery=_name(organization_id), includeValues=True)
    return next((key for page in pages for key in page["items"] if key["value"] == value), None)


def _name(organization_id: str) -> str:
    # Names need not be unique: with two stacks in an account there may be two of them.
    return f"jobs-api {organization_id}"
