"""The caller of a request: the token's organization and role, as the authorizer found them, and its rights."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from jobs_api import errors
from jobs_api.api.request_events import header
from jobs_api.model.actor import Actor
from jobs_api.model.organization import Role


@dataclass(frozen=True)
class Caller:
    """The caller of a request, as the authorizer found it."""

    organization_id: str
    role: Role
    token_id: str
    token_name: str | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Self:
        """Return the caller that the authorizer's context describes."""
        # The gateway may still have an answer of an authorizer that gave no name.
        name, expires_at = context.get("token_name") or None, context.get("expires_at")
        ends = datetime.fromisoformat(expires_at) if expires_at else None
        return cls(context["organization_id"], Role(context["role"]), context["token_id"], name, ends)

    @property
    def actor(self) -> Actor:
        """The caller as it is stored with what it writes."""
        return Actor(token_id=self.token_id, name=self.token_name)


def check_rights(event: Mapping[str, Any], *, only_admins: bool) -> None:
    """Raise TokenExpired where the token has ended, and Forbidden where the caller may not make this request."""
    context = event["requestContext"]["authorizer"]
    if _ends_by(context, event["requestContext"]["requestTimeEpoch"]):
        raise errors.TokenExpired
    named = header(event, "x-organization-id")
    if named is not None and named != context["organization_id"]:
        raise errors.Forbidden("X-Organization-ID is not the organization of this token; leave it out or correct it")
    if context["role"] == Role.READER and event["httpMethod"] not in {"GET", "HEAD", "OPTIONS"}:
        raise errors.Forbidden("This token may only read; a change needs the role developer")
    if only_admins and context["role"] != Role.ADMIN:
        raise errors.Forbidden("This call needs a token with the role admin")


def _ends_by(context: Mapping[str, Any], milliseconds: int) -> bool:
    """Return whether a token has ended by a time since 1970. The authorizer of pods says nothing of it."""
    ends: str | None = context.get("expires_at")
    return ends is not None and datetime.fromisoformat(ends).timestamp() * 1000 <= milliseconds
