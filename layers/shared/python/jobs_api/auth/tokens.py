"""Bearer tokens: `jat_<id>_<secret>`. The secret is 256 random bits, shown once; only its SHA-256 is stored."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime

from jobs_api.ids import new_id
from jobs_api.model.organization import Role, Token

TOKEN = re.compile(r"jat_([0-9a-z]{1,32})_([0-9A-Za-z_-]{43})")
BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


def issue(
    organization_id: str,
    role: Role,
    now: datetime,
    *,
    expires_at: datetime | None,
    description: str = "",
    token_id: str | None = None,
) -> tuple[str, Token]:
    """Make a token; return its text, which cannot be recovered later, and the record to store."""
    identity, secret = token_id or new_id(), secrets.token_urlsafe(32)
    token = Token(
        id=identity,
        organization_id=organization_id,
        role=role,
        secret_sha256=_digest(secret),
        description=description,
        created_at=now,
        expires_at=expires_at,
    )
    return f"jat_{identity}_{secret}", token


def authenticate(authorization: str, find: Callable[[str], Token | None], now: datetime) -> Token | None:
    """Return the token of an `Authorization` header, or None if it is unknown, wrong, revoked or expired.

    `find` returns the record of a token's id. The secret is compared in constant time.
    """
    bearer = BEARER.fullmatch(authorization.strip())
    parts = TOKEN.fullmatch(bearer[1]) if bearer else None
    if parts is None:
        return None
    token = find(parts[1])
    if token is None or not hmac.compare_digest(token.secret_sha256, _digest(parts[2])):
        return None
    ended = token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now)
    return None if ended else token


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash: nobody can guess them.
    return hashlib.sha256(secret.encode()).hexdigest()
