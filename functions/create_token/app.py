"""POST /api/v1/tokens: makes a token; its secret is in this answer alone."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api.admin import tokens
from jobs_api.api.body_schemas import JSON_TYPE, schema_of
from jobs_api.api.resolver import Api
from jobs_api.model import audit
from jobs_api.model.token_document import NewToken, TokenRequest

app = Api(idempotent=True, only_admins=True)


@app.post("/api/v1/tokens", status_code=HTTPStatus.CREATED)
def create_token(document: Annotated[dict[str, Any], Body(), schema_of(TokenRequest)]) -> Response[NewToken]:
    """Make a token for the organization."""
    asked = TokenRequest.checked(document)
    text, token = tokens.new_token(
        app.caller.organization_id,
        asked.role,
        app.now,
        partial(audit.entry, app.written_by),
        days=asked.expires_in_days,
        name=asked.name,
        token_id=app.new_id(""),
    )
    return Response(HTTPStatus.CREATED, content_type=JSON_TYPE, body=NewToken.of(token, token=text))


lambda_handler = app.resolve
