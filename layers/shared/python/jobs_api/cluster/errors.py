"""The errors of a cluster: it cannot be reached, or it refuses a request."""

import json

from jobs_api.errors import ClusterError, ClusterUnavailable
from jobs_api.redaction.masking import shown

BUSY = 429
UNAUTHORIZED = 401


class ClusterRejected(ClusterError):
    """The cluster understood a request and refused it; `status` is the HTTP status, the text the cluster's own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ObjectNotFound(ClusterRejected):
    """There is no such object, or no such namespace."""


class AlreadyExists(ClusterRejected):
    """Another object already has the name."""


class Stale(ClusterRejected):
    """The object has another version or UID than the one that the write names."""


class Expired(ClusterRejected):
    """A list took so long that the cluster no longer has its resourceVersion."""


def refusal(status: int, body: bytes) -> ClusterError:
    """Return the error to raise for an answer that is not a success.

    A 401 comes here only after a second try with a new token; then the cluster counts as unreachable.
    """
    reason, message = _read(body)
    if status >= 500 or status in {BUSY, UNAUTHORIZED}:
        return ClusterUnavailable(f"The cluster answered {status}: {message or 'without saying why'}")
    return _kind(status, reason)(status, message or f"The cluster answered {status} without saying why")


def _kind(status: int, reason: str) -> type[ClusterRejected]:
    match status, reason:
        case 404, _:
            return ObjectNotFound
        case 409, "AlreadyExists":
            return AlreadyExists
        case 409, _:
            return Stale
        case 410, _:
            return Expired
        case _:
            return ClusterRejected


def _read(body: bytes) -> tuple[str, str]:
    """Return reason and message of a Kubernetes Status; a proxy in between may have answered with anything else."""
    try:
        status = json.loads(body)
        # The message may quote the refused object, such as an environment.
        return str(status.get("reason", "")), shown(str(status.get("message", "")))
    except (ValueError, AttributeError):
        return "", shown(body[:200].decode("utf-8", "replace").strip())
