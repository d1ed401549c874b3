"""API keys, one for each organization: API Gateway counts each organization's requests by its own key.

The stack has the usage plan. Keys are made and deleted with organizations, so they are not in its template.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from jobs_api import store
from jobs_api.auth.usage_key import own_key
from jobs_api.model.audit import AuditAction
from jobs_api.model.organization import Organization, UsageKey
from jobsctl.operator import entry_of

# Until then API Gateway may not know a new key, and would answer 403 to requests that count by it.
SETTLING = timedelta(minutes=5)


def are_used() -> bool:
    """Return whether the deployment counts requests by organization; one with an older template does not."""
    return "USAGE_PLAN" in os.environ


def give(organization_id: str, settling: timedelta = SETTLING) -> Organization:
    """Create an organization's own key, which counts its requests as soon as API Gateway knows it; idempotent.

    If somebody has deleted the key, a new one is made. Until API Gateway knows that, the organization counts with
    others.

    Raises:
        NotFound: there is no such organization.
        ClientError: API Gateway refuses, for example because the account already has 10,000 keys.
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
    usage_key = UsageKey(value=value, known_from=datetime.now(UTC) + settling)
    store.record_usage_key(
        organization_id, usage_key, entry_of(AuditAction.ORGANIZATION_LIMIT, organization_id, organization_id)
    )
    return store.get_organization(organization_id)


def take(organization_id: str) -> None:
    """Remove the key of an organization that is being deleted, if it has one."""
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
        # An earlier try added it to the plan.
        return


def _find(client: Any, organization_id: str, value: str) -> Any:
    """Return the key that an earlier try made."""
    pages = client.get_paginator("get_api_keys").paginate(nameQuery=_name(organization_id), includeValues=True)
    return next((key for page in pages for key in page["items"] if key["value"] == value), None)


def _name(organization_id: str) -> str:
    # Names of keys need not be unique: two stacks in an account may have the same.
    return f"jobs-api {organization_id}"
