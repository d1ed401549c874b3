"""API Gateway's REST API on a laptop: routes, authorizers and errors as the template defines them."""

from local.gateway.server import Gateway

__all__ = ["Gateway"]
