"""The webhooks of the document: what the service sends to a job's `webhook_url`."""

from typing import Any, get_args

from jobs_api.notifications.webhook.payload import PAYLOAD_VERSION, WebhookBody, WebhookType
from local.openapi.schemas import PREFIX
from local.openapi.words import words

HEADERS = {
    "webhook-id": ("The delivery's id, the same on every attempt: ignore ids that you know", {"type": "string"}),
    "webhook-timestamp": ("When this attempt was made, in seconds since 1970", {"type": "integer"}),
    "webhook-signature": (
        "`v1,` and a signature by Standard Webhooks; two with a space between while the secret is being rotated",
        {"type": "string"},
    ),
}
SUMMARIES = {
    "run.started": "A run has started",
    "run.success": "A run has succeeded",
    "run.failure": "A run has ended as `failed` or `error`",
    "run.cancelled": "A run was cancelled",
    "run.late": "A run has not ended by the time that its job expects",
    "run.long": "A run takes longer than its job expects",
    "test": "Somebody tests the job's notifications",
}
DESCRIPTION = """\
A job of a dbt project with `webhook_enabled` has it sent to its `webhook_url`, with the headers of `webhook_headers`. \
A webhook that is not accepted within 10 seconds is tried again for 24 hours. Events may arrive out of order. \
Check the signature with the job's `webhook_secret` before you believe it."""
ANSWERS = {
    "2XX": {"description": "Taken"},
    "410": {"description": "Gone: it is not tried again"},
    "default": {"description": "Not accepted: it is tried again, after `Retry-After` if the receiver sends that"},
}


def schemas() -> dict[str, Any]:
    """Return the schemas of a webhook's body."""
    body = WebhookBody.model_json_schema(ref_template=PREFIX + "{model}")
    return {**body.pop("$defs"), "WebhookBody": body}


def described() -> dict[str, Any]:
    """Return every webhook by its type."""
    return {kind: {"post": _operation(kind)} for kind in get_args(WebhookType.__value__)}


def _operation(kind: str) -> dict[str, Any]:
    content = {"schema": {"$ref": PREFIX + "WebhookBody"}, "example": _example(kind)}
    return {
        "tags": ["Webhooks"],
        "operationId": "webhook_" + kind.replace(".", "_"),
        "summary": SUMMARIES[kind],
        "description": DESCRIPTION,
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": description, "schema": schema}
            for name, (description, schema) in HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": ANSWERS,
        "security": [],
    }


def _example(kind: str) -> dict[str, Any]:
    said = words.examples["webhooks"]
    run = {"run": said["runs"][kind]} if kind in said["runs"] else {}
    found_at = {"run.late": "late_at", "run.long": "long_at"}.get(kind, "end_time")
    happened_at = (run["run"].get(found_at) or run["run"]["start_time"]) if run else "2026-04-28T02:00:47Z"
    data = {"project": said["project"], "job": said["job"], **run}
    return {"type": kind, "version": PAYLOAD_VERSION, "timestamp": happened_at, "data": data}
