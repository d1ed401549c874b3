"""The issuer of service-account tokens as an OpenID provider: its configuration and its public keys."""

from starlette.requests import Request
from starlette.responses import Response

from local.cluster.api.responses import Json


async def configuration(request: Request) -> Response:
    """Answer /.well-known/openid-configuration."""
    issuer = request.app.state.issuer
    return Json(
        issuer.configuration(f"https://{request.url.netloc}"), headers={"Cache-Control": "public, max-age=3600"}
    )


async def keys(request: Request) -> Response:
    """Answer /openid/v1/jwks."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Json(request.app.state.issuer.keys(), media_type="application/jwk-set+json", headers=headers)
