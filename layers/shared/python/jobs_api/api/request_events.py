"""Reads a request from the gateway's event, apart from its body: headers, ids in the path, its key."""

from collections.abc import Mapping
from typing import Any

from jobs_api import errors
from jobs_api.errors import Fault


def idempotency_key(event: Mapping[str, Any]) -> str | None:
    """Return the request's Idempotency-Key or None; raises InvalidRequest if it is malformed."""
    key = header(event, "idempotency-key")
    if key is not None and not (1 <= len(key) <= 255 and all("!" <= c <= "~" for c in key)):
        raise errors.InvalidRequest([Fault("Idempotency-Key", "must be 1 to 255 visible ASCII characters")])
    return key


def is_dry_run(event: Mapping[str, Any]) -> bool:
    """Return whether a request asks for `dry_run`, in any way that the framework reads as true."""
    parameters: Mapping[str, str] = event.get("queryStringParameters") or {}
    return parameters.get("dry_run", "false").lower() in {"true", "1", "yes", "on", "t", "y"}


def header(event: Mapping[str, Any], name: str) -> str | None:
    """Return a header by its name in lower case, None where it is absent."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def callers_organization(event: Mapping[str, Any]) -> str:
    """Return the id of the caller's organization."""
    return str(event["requestContext"]["authorizer"]["organization_id"])


def named_ids(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids in the path, for the log; the caller chose them, so long ones are shortened."""
    named: Mapping[str, str] = event.get("pathParameters") or {}
    within_project = (event.get("resource") or "").startswith("/api/v1/projects/")
    id_is = "project_id" if within_project else "job_name"
    return {id_is if name == "id" else name: errors.shortened(value) for name, value in named.items()}


def scope_of(event: Mapping[str, Any]) -> str:
    """Return within what an Idempotency-Key is unique: the organization and the route."""
    return f"{callers_organization(event)} {event['httpMethod']} {event['path']}"
