"""Tokens as the API takes and shows them; the secret is in the answer that makes one, and in no other."""

from typing import Annotated, Final, Self

from pydantic import Field

from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.organization import Role, Token

LONGEST_TOKEN_NAME: Final = 255
MOST_DAYS: Final = 3_650


class TokenRequest(Document):
    """A token that is asked for; without `expires_in_days` it does not end."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")]
    role: Role
    expires_in_days: Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True)] | None = None


class TokenDocument(Document):
    """A token: its `name` is the description that `jobsctl` gives."""

    id: str
    name: Absent[str] = None
    role: Role
    created_at: Timestamp
    expires_at: Absent[Timestamp] = None
    revoked_at: Absent[Timestamp] = None

    @classmethod
    def of(cls, token: Token, /, **more: str) -> Self:
        """Show a token."""
        return cls(
            id=token.id,
            name=token.description or None,
            role=token.role,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            **more,
        )


class NewToken(TokenDocument):
    """A token that was just made, with the text that its user sends."""

    token: str


class TokenList(Document):
    """The tokens of an organization, oldest first."""

    tokens: list[TokenDocument]
