"""Tokens of an organization: made and revoked."""

from datetime import datetime, timedelta
from typing import Final

from jobs_api import store
from jobs_api.admin.entries import Entries
from jobs_api.auth import tokens
from jobs_api.errors import Conflict, Fault, InvalidRequest
from jobs_api.model.audit import AuditAction
from jobs_api.model.organization import Role, Token
from jobs_api.model.token_document import MOST_DAYS

# How long an Idempotency-Key is valid.
REPEATED_FOR: Final = timedelta(days=1)


def new_token(
    organization_id: str,
    role: Role,
    now: datetime,
    entries: Entries,
    *,
    days: int | None,
    name: str = "",
    token_id: str | None = None,
) -> tuple[str, Token]:
    """Make a token, valid for `days` or without an end; return its text, which is shown only now, and the token.

    If a token with the id was made within a day, an earlier try of the same request made it and died before anybody saw
    its text. It gets a new one.

    Raises:
        InvalidRequest: `days` is out of its range.
        NotFound: there is no such organization.
        Conflict: the organization is being deleted, or there is an older or a revoked token with the id.
    """
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise InvalidRequest(
            [Fault("expires_in_days", f"must be 1 to {MOST_DAYS}, or absent for a token without an end")]
        )
    check_open(organization_id)
    expires_at = now + timedelta(days=days) if days is not None else None
    text, token = tokens.issue(organization_id, role, now, expires_at=expires_at, description=name, token_id=token_id)
    try:
        store.create_token(token, entries(AuditAction.TOKEN_CREATE, organization_id, token.id))
    except Conflict:
        if not store.replace_secret(token, made_since=now - REPEATED_FOR):
            raise
        token = store.get_token(organization_id, token.id)
    return text, token


def revoke(organization_id: str, token_id: str, now: datetime, entries: Entries) -> None:
    """Revoke a token; the gateway may accept it for up to one more minute. Raises NotFound."""
    store.revoke_token(organization_id, token_id, now, entries(AuditAction.TOKEN_REVOKE, organization_id, token_id))


def check_open(organization_id: str) -> None:
    """Raise NotFound if there is no such organization, Conflict if it is being deleted."""
    if store.get_organization(organization_id).closed:
        raise Conflict(f"Organization {organization_id!r} is being deleted")
