"""The OpenAPI documents, as far as kubectl reads them."""

from starlette.requests import Request
from starlette.responses import Response

from local.cluster.api.objects import no_such_path

# Clients ask for spec.v2@v1.0; what servers answer has no @ in it, which is not allowed in a media type.
_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


async def version_2(_request: Request) -> Response:
    """Answer /openapi/v2: a protobuf document that says "swagger: 2.0" and knows no types.

    What a client does not find there, it does not check, and leaves to the server.
    """
    return Response(b"\x0a\x032.0", media_type=_PROTOBUF)


async def version_3(_request: Request) -> Response:
    """Answer /openapi/v3."""
    raise no_such_path()
