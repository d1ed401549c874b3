"""How a cluster says no, and how that is told: not reachable, or reached and refused."""

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
    """Another object has the name."""


class Stale(ClusterRejected):
    """The object is no longer the version, or the one, that the write was meant for."""


class Expired(ClusterRejected):
    """A list went on for so long that the cluster forgot where it began."""


def refusal(status: int, body: bytes) -> ClusterError:
    """Turn an answer that is not a success into the error to raise.

    401 comes here after it was tried with a fresh token: a cluster that does not know us is as good as none.
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
        # It may quote what it refuses, an environment for one.
        return str(status.get("reason", "")), shown(str(status.get("message", "")))
    except (ValueError, AttributeError):
        return "", shown(body[:200].decode("utf-8", "replace").strip())
