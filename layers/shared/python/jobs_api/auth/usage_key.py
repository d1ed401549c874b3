"""The API key by which a request counts: API Gateway keeps a token bucket for each, and the authorizer names the key.

An organization has its own key once jobsctl has made one; until then it shares the deployment's key.
"""

import hashlib
from datetime import datetime

from jobs_api.model.organization import Organization


def own_key(organization_id: str, shared_key: str) -> str:
    """Return the value of an organization's API key; API Gateway accepts 20 to 128 letters and digits.

    The value is not secret, since clients cannot use it: the gateway takes keys only from the authorizer. It is derived
    from the deployment's key, because a table that is restored elsewhere must not name the keys of its original
    deployment.
    """
    return hashlib.sha256(f"{shared_key}/{organization_id}".encode()).hexdigest()


def key_that_counts(organization: Organization, shared_key: str, now: datetime) -> str:
    """Return the key by which a request counts. The gateway would answer 403 to a key that it does not know."""
    usage = organization.usage_key
    if usage is None or usage.known_from > now or usage.value != own_key(organization.id, shared_key):
        return shared_key
    return usage.value
