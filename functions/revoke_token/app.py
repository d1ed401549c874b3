"""DELETE /api/v1/tokens/{token_id}: revokes a token, but not the one of the request."""

from functools import partial

from jobs_api.admin import tokens
from jobs_api.api.resolver import Api, Message
from jobs_api.errors import Conflict
from jobs_api.model import audit

app = Api(only_admins=True)


@app.delete("/api/v1/tokens/<token_id>")
def revoke_token(token_id: str) -> Message:
    """Revoke a token: within a minute nobody can use it any more. A revoked one stays revoked."""
    if token_id == app.caller.token_id:
        raise Conflict("This is the token of the request, which cannot revoke itself; use another admin's token")
    tokens.revoke(app.caller.organization_id, token_id, app.now, partial(audit.entry, app.written_by))
    return Message(message="Token revoked successfully; it may be accepted for up to one more minute")


lambda_handler = app.resolve
