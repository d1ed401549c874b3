"""The cluster's refusals, each with the Status body that a Kubernetes API server would send."""

from dataclasses import dataclass
from typing import Any

from local.cluster.kinds import Kind


@dataclass(frozen=True)
class Cause:
    """One fault of an object; `reason` is a metav1.CauseType, `field` a path such as spec.containers[0].name."""

    reason: str
    message: str
    field: str

    def as_dict(self) -> dict[str, str]:
        """Return the cause in the form of `details.causes`."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A request the cluster refuses; `code` is the HTTP status, `reason` a metav1.StatusReason."""

    code = 500
    reason = "InternalError"

    def __init__(self, message: str, details: dict[str, Any] | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.list_metadata: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        if code is not None:
            self.code = code

    def status(self) -> dict[str, Any]:
        """Return the metav1.Status of the answer."""
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.list_metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }
        return {key: value for key, value in body.items() if value is not None and value != ""}


class BadRequest(ApiError):
    """The request cannot be read."""

    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    """The request has no token, or a wrong one."""

    code, reason = 401, "Unauthorized"


class Forbidden(ApiError):
    """The request is not allowed."""

    code, reason = 403, "Forbidden"

    @classmethod
    def in_terminating(cls, kind: Kind, name: str, namespace: str) -> "Forbidden":
        """Make the error for a creation in a namespace that is being deleted."""
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
        details = {**_details(kind, name, kind.resource), "causes": [cause.as_dict()]}
        return cls(f'{kind.qualified} "{name}" is forbidden: {why}', details)


class NotFound(ApiError):
    """The object or the path does not exist."""

    code, reason = 404, "NotFound"

    @classmethod
    def named(cls, kind: Kind, name: str) -> "NotFound":
        """Make the error for a missing `kind` of that name."""
        return cls(f'{kind.qualified} "{name}" not found', _details(kind, name, kind.resource))


class MethodNotAllowed(ApiError):
    """The path exists, but not with this verb."""

    code, reason = 405, "MethodNotAllowed"


class AlreadyExists(ApiError):
    """The name is taken."""

    code, reason = 409, "AlreadyExists"

    @classmethod
    def named(cls, kind: Kind, name: str) -> "AlreadyExists":
        """Make the error for an existing `kind` of that name."""
        return cls(f'{kind.qualified} "{name}" already exists', _details(kind, name, kind.resource))


class Conflict(ApiError):
    """The object has changed since the caller read it."""

    code, reason = 409, "Conflict"

    MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"

    @classmethod
    def named(cls, kind: Kind, name: str, why: str = MODIFIED) -> "Conflict":
        """Make the error that says why `name` was not written or deleted."""
        message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
        return cls(message, _details(kind, name, kind.resource))


class Expired(ApiError):
    """The list or watch starts from a version that is no longer kept."""

    code, reason = 410, "Expired"


class UnsupportedMediaType(ApiError):
    """The path does not accept the body's media type."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    """The object breaks rules of its kind; the error lists all of them."""

    code, reason = 422, "Invalid"

    @classmethod
    def of(cls, kind: Kind, name: str, causes: list[Cause]) -> "Invalid":
        """List every cause, also in the message, as field.ErrorList.ToAggregate writes it."""
        lines = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
        listed = lines[0] if len(lines) == 1 else "[" + ", ".join(lines) + "]"
        details = {**_details(kind, name, kind.name), "causes": [cause.as_dict() for cause in causes]}
        return cls(f'{kind.qualified_kind} "{name}" is invalid: {listed}', details)


def _details(kind: Kind, name: str, spelled: str) -> dict[str, Any]:
    details = {"name": name, "group": kind.group, "kind": spelled}
    return {key: value for key, value in details.items() if value}
