"""Compresses answers, as API Gateway does for an API with a minimum size for it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gzip-compression-decompression.html
"""

import gzip
from dataclasses import replace

from local.gateway.answers import Answer
from local.gateway.requests import Request

# On a loopback it saves nothing, so the quickest level is the best one.
_LEVEL = 1


def compressed(answer: Answer, request: Request, at_least: int | None) -> Answer:
    """Return an answer of so many bytes or more in gzip if the client accepts it; None compresses nothing."""
    if at_least is None or len(answer.body) < at_least or not _accepts_gzip(request):
        return answer
    if any(name.lower() == "content-encoding" for name, _ in answer.headers):
        return answer
    headers = [*answer.headers, ("Content-Encoding", "gzip")]
    return replace(answer, headers=headers, body=gzip.compress(answer.body, _LEVEL, mtime=0))


def _accepts_gzip(request: Request) -> bool:
    """Return whether `Accept-Encoding` names gzip with a weight above 0 (RFC 9110, 12.5.3)."""
    for part in (request.header("accept-encoding") or "").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
