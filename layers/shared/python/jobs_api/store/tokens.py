"""Tokens in the table: each as a row of its own, and a pointer in its organization."""

import re
from contextlib import suppress
from datetime import datetime

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from jobs_api.errors import Conflict, NotFound, shortened
from jobs_api.model.audit import StoredEntry
from jobs_api.model.organization import (
    Role,
    Token,
)
from jobs_api.store import audit
from jobs_api.store.conditions import was_refused
from jobs_api.store.organization_rows import (
    ALL,
    TOKEN_KEY,
    OrganizationRow,
    OrganizationsRow,
    TokenPointerRow,
    TokenRow,
)
from jobs_api.store.project_rows import META
from jobs_api.store.transactions import ConditionFailed

TOKEN_ID = re.compile(r"[0-9a-z]{1,32}")


def create_token(token: Token, entry: StoredEntry | None = None) -> None:
    """Write a new token, the pointer that lists it, and the audit log's entry, in one transaction."""
    row = TokenRow(
        TOKEN_KEY + token.id,
        META,
        organization_id=token.organization_id,
        role=token.role.value,
        secret_sha256=token.secret_sha256,
        description=token.description,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
    )

    def fill(transaction: TransactWrite) -> None:
        transaction.condition_check(
            OrganizationRow, ALL, token.organization_id, condition=OrganizationRow.partition.exists()
        )
        transaction.save(row, condition=TokenRow.partition.does_not_exist())
        transaction.save(TokenPointerRow(token.organization_id, TOKEN_KEY + token.id))

    try:
        audit.write_with(entry, fill)
    except ConditionFailed as error:
        if 0 in error.at:
            raise NotFound(f"There is no organization {token.organization_id!r}") from error
        raise Conflict(f"There is a token {token.id!r} already") from error


def replace_secret(token: Token, made_since: datetime) -> bool:
    """Replace the secret of a token that was made since a time; False if it is older, revoked, or another's."""
    row = TokenRow(TOKEN_KEY + token.id, META)
    lately = (TokenRow.organization_id == token.organization_id) & (TokenRow.created_at >= made_since)
    try:
        row.update([TokenRow.secret_sha256.set(token.secret_sha256)], lately & TokenRow.revoked_at.does_not_exist())
    except UpdateError as error:
        if not was_refused(error):
            raise
        return False
    return True


def find_token(token_id: str) -> Token | None:
    """Return a token by its id, even if it is revoked or expired. One consistent GetItem."""
    try:
        row = OrganizationsRow.get(TOKEN_KEY + token_id, META, consistent_read=True)
    except OrganizationsRow.DoesNotExist:
        return None
    return _token_of(row)


def get_token(organization_id: str, token_id: str) -> Token:
    """Return a token of an organization; raises NotFound."""
    # A text that is not an id may be longer than any key.
    token = find_token(token_id) if TOKEN_ID.fullmatch(token_id) else None
    if token is None or token.organization_id != organization_id:
        raise NotFound(f"Organization {organization_id!r} has no token {shortened(token_id)!r}")
    return token


def list_tokens(organization_id: str) -> list[Token]:
    """Return an organization's tokens, oldest first."""
    pointers = OrganizationsRow.query(organization_id, OrganizationsRow.sort.startswith(TOKEN_KEY))
    keys = [(row.sort, META) for row in pointers]
    rows = OrganizationsRow.batch_get(keys) if keys else []
    return sorted((_token_of(row) for row in rows), key=lambda token: (token.created_at, token.id))


def revoke_token(organization_id: str, token_id: str, now: datetime, entry: StoredEntry | None = None) -> None:
    """Revoke a token unless it is revoked; the gateway may accept it for up to one more minute. Raises NotFound."""
    get_token(organization_id, token_id)
    row, valid = TokenRow(TOKEN_KEY + token_id, META), TokenRow.revoked_at.does_not_exist()
    actions: list[Action] = [TokenRow.revoked_at.set(now)]
    with suppress(ConditionFailed):
        audit.write_with(
            entry,
            lambda transaction: transaction.update(row, actions=actions, condition=TokenRow.partition.exists() & valid),
        )


def expire_token(token: Token, at: datetime, entry: StoredEntry | None = None) -> None:
    """Set the time at which a token expires."""
    row, actions = TokenRow(TOKEN_KEY + token.id, META), [TokenRow.expires_at.set(at)]
    there = TokenRow.partition.exists()
    audit.write_with(entry, lambda transaction: transaction.update(row, actions=[*actions], condition=there))


def _token_of(row: OrganizationsRow) -> Token:
    if not isinstance(row, TokenRow):
        raise TypeError(f"{row.partition} {row.sort} is not a token")
    return Token.known(
        id=row.partition.removeprefix(TOKEN_KEY),
        organization_id=row.organization_id,
        role=Role(row.role),
        secret_sha256=row.secret_sha256,
        description=row.description,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
