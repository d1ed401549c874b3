"""Whose bucket a request counts for: API Gateway keeps one for each API key, and the authorizer names the key.

An organization has a key of its own once jobsctl has made one; until then it shares the deployment's.
"""

import hashlib
from datetime import datetime

from jobs_api.model.organization import Organization


def own_key(organization_id: str, shared_key: str) -> str:
    """Return the value of an organization's API key: 20 to 128 letters and digits are what API Gateway takes.

    It is no secret, since no client can send it: the gateway takes keys from the authorizer alone. It is made from the
    deployment's own key, for a table that is restored elsewhere must not name the keys of where it came from.
    """
    return hashlib.sha256(f"{shared_key}/{organization_id}".encode()).hexdigest()


def key_that_counts(organization: Organization, shared_key: str, now: datetime) -> str:
    """Return the key that a request counts for. A key which the gateway does not know would be answered with 403."""
    usage = organization.usage_key
    if usage is None or usage.known_from > now or usage.value != own_key(organization.id, shared_key):
        return shared_key
    return usage.value
