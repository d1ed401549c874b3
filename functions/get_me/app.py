"""GET /api/v1/me: names the token of the request, and what it may do."""

from jobs_api.api.resolver import Api
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.organization import Role

app = Api()


class Me(Document):
    """The token of a request: its organization, what it may do, and until when."""

    organization_id: str
    role: Role
    token_id: str
    token_name: Absent[str] = None
    expires_at: Absent[Timestamp] = None


@app.get("/api/v1/me")
def get_me() -> Me:
    """Say whose token this is. It is as the authorizer read it, at most a minute ago."""
    caller = app.caller
    return Me(
        organization_id=caller.organization_id,
        role=caller.role,
        token_id=caller.token_id,
        token_name=caller.token_name,
        expires_at=caller.expires_at,
    )


lambda_handler = app.resolve
