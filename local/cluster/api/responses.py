"""Answers, in the forms a client may ask for: the object, a Table of it, a Status."""

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.cluster.errors import ApiError

_QUOTED = re.compile(r'[\\"]')


class Json(Response):
    """A JSON answer, from bytes that are JSON already or from data."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the body."""
        if isinstance(content, bytes):
            return content
        return json.dumps(content, separators=(",", ":")).encode()


def refusal(error: ApiError) -> Json:
    """Answer with the Status of an error."""
    return Json(error.status(), error.code, headers=error.headers or None)


def wants_table(request: Request) -> bool:
    """Return whether the client prefers a Table to the object, as kubectl get does."""
    first = request.headers.get("accept", "").split(",", 1)[0]
    return "as=Table" in first and "g=meta.k8s.io" in first


def wants_metadata(request: Request) -> bool:
    """Return whether the client prefers the metadata of a list's objects to the objects.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables, the same negotiation
    """
    first = request.headers.get("accept", "").split(",", 1)[0].replace(" ", "").split(";")
    return {"as=PartialObjectMetadataList", "g=meta.k8s.io", "v=v1"} <= set(first)


def add_warnings(response: Response, warnings: list[str]) -> None:
    """Add a header for each warning (RFC 7234: code 299, agent -, quoted text)."""
    for warning in dict.fromkeys(warnings):
        quoted = _QUOTED.sub(r"\\\g<0>", warning)
        response.raw_headers.append((b"warning", f'299 - "{quoted}"'.encode("latin-1", "replace")))
