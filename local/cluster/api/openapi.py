"""The OpenAPI documents, as far as kubectl reads them."""

from starlette.requests import Request
from starlette.responses import Response

from local.cluster.api.objects import no_such_path

# Clients ask for spec.v2@v1.0, but a media type may not contain @, so servers answer without it.
_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


async def version_2(_request: Request) -> Response:
    """Answer /openapi/v2: a protobuf document that says "swagger: 2.0" and knows no types.

    A client does not check types that it does not find there; the server checks them.
    """
    return Response(b"\x0a\x032.0", media_type=_PROTOBUF)


async def version_3(_request: Request) -> Response:
    """Answer /openapi/v3."""
    raise no_such_path()
