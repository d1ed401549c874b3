"""The two paths of a request: the path within the API, and the path that the client sent.

API Gateway puts the stage before a route on its own address (`/dev/api/v1/...`), and a custom domain may put a base
path before it. A proxy event has two paths: `path` lacks the stage but has the base path, and `requestContext.path` is
the path that the client sent.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from collections.abc import Mapping
from typing import Any


def route_path(event: Mapping[str, Any]) -> str:
    """Return the path within the API, such as `/api/v1/projects/proj_xyz/jobs`, whatever the client put before it."""
    return "/" + "/".join(_segments(event["path"])[-_length(event) :])


def path_prefix(event: Mapping[str, Any]) -> str:
    """Return what the client put before the route's path: nothing, `/dev` for the stage, or a domain's base path."""
    before = _segments(event["requestContext"]["path"])[: -_length(event)]
    return "".join(f"/{segment}" for segment in before)


def _length(event: Mapping[str, Any]) -> int:
    # No route here ends in a greedy {proxy+}, so a request has as many segments as its route.
    return len(_segments(event["resource"]))


def _segments(path: str) -> list[str]:
    # API Gateway accepts a path with a trailing slash for the same route.
    return path.strip("/").split("/")
