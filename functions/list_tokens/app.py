"""GET /api/v1/tokens: lists the tokens of the organization, without their secrets."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.model.token_document import TokenDocument, TokenList

app = Api(only_admins=True)


@app.get("/api/v1/tokens")
def list_tokens() -> TokenList:
    """List the tokens of the organization, oldest first; revoked and expired ones too."""
    return TokenList(tokens=[TokenDocument.of(token) for token in store.list_tokens(app.caller.organization_id)])


lambda_handler = app.resolve
