"""Verifies webhooks as their receivers would, with the secrets from the table."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.model.job import Job
from jobs_api.sealing import webhook


def verdict(body: bytes, document: Any, headers: Mapping[str, str]) -> tuple[bool, str]:
    """Return whether a webhook is signed with a secret of the job that it names, and a sentence about that."""
    if "webhook-signature" not in headers:
        return False, "not signed"
    job = _job(document)
    if job is None:
        return False, "the job it names is not known here, so its signature cannot be checked"
    reason = "the job has no secret"
    for key in webhook.open_keys(job.webhook, job.organization_id, job.id, datetime.now(UTC)):
        try:
            Webhook(key).verify(body, dict(headers))
        # A body that is not text raises another error.
        except (WebhookVerificationError, ValueError) as error:
            reason = str(error)
        else:
            return True, "signature verified"
    return False, f"signature refused: {reason}"


def _job(document: Any) -> Job | None:
    try:
        project_id, job_id = document["data"]["project"]["id"], document["data"]["job"]["id"]
    except (KeyError, TypeError):
        return None
    if not isinstance(project_id, str) or not isinstance(job_id, str):
        return None
    for organization in store.list_organizations():
        try:
            return store.get_job(organization.id, project_id, job_id)[1]
        except NotFound:
            continue
    return None
